"""The page on which an administrator makes codes for boxes, sees whose certificates are valid, and revokes them."""

from __future__ import annotations

import io
from typing import Annotated

import segno
from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from markupsafe import Markup
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.enrol.authority import EnrolError
from cloud_bridge.enrol.registry import CertificateRow, CodeRow, CodeState
from cloud_bridge.web import audit
from cloud_bridge.web.enrol_api import enrolment_of
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of


class CodeForm(Struct, frozen=True):
    """For which site, and for which box of it; an empty `box`: for any one."""

    site: Annotated[str, Meta(max_length=100)]
    box: Annotated[str, Meta(max_length=100)] = ""


class CodeView(Struct, frozen=True, kw_only=True):
    """A code in words, without its secret."""

    id: str
    site: str
    box: str
    state: CodeState
    made: str
    made_by: str
    ends: str


class CertificateView(Struct, frozen=True, kw_only=True):
    """A box's newest certificate in words."""

    site: str
    box: str
    state: str
    hardware: str
    granted_by: str
    issued: str
    ends: str


class NewCode(Struct, frozen=True, kw_only=True):
    """What is shown once: the code, the piece of earshot.toml that holds it, that piece as a QR code, the command."""

    code: str
    name: str
    ends: str
    snippet: str
    command: str
    qr: Markup


@get("/enrol", opt=needs(Action.ENROL_BOXES), sync_to_thread=True, include_in_schema=False)
def show_enrolment(request: AnyRequest) -> Template:
    """Codes and certificates."""
    return _page(request)


@post("/enrol/codes", opt=needs(Action.ENROL_BOXES), sync_to_thread=True, status_code=200, include_in_schema=False)
def make_code(request: AnyRequest, data: URLEncodedBody[CodeForm]) -> Template:
    """Make a code and show it; this once, for nobody can read it again."""
    services = services_of(request)
    t = translator_of(request)
    site, box = data.site.strip().lower(), data.box.strip().lower()
    try:
        code, row = enrolment_of(services).make_code(site, box or None, the_visitor(request).name, services.now_ns())
    except EnrolError as error:
        return _page(request, problem=t("enrol.refused", reason=str(error)), form=data, status=400)
    audit.record(services, request, "enrol.code", f"{row.id} {site}/{box or '*'}")
    url = services.settings.enrol_url or str(request.base_url).rstrip("/")
    snippet = _snippet(site, box, url, code.text)
    options = f"--site {site}" + (f" --box {box}" if box else "")
    made = NewCode(
        code=code.text,
        name=_name(t, row),
        ends=t.moment(row.expires_ns),
        snippet=snippet,
        command=f"earshot flash-config IMAGE {options} --bridge {url} --code {code.text}",
        qr=_qr(snippet),
    )
    return _page(request, made=made)


@post(
    "/enrol/codes/{code_id:str}/withdraw", opt=needs(Action.ENROL_BOXES), sync_to_thread=True, include_in_schema=False
)
def withdraw_code(request: AnyRequest, code_id: FromPath[str]) -> Redirect:
    """Make an unused code worthless."""
    services = services_of(request)
    if not enrolment_of(services).withdraw_code(code_id, services.now_ns()):
        raise NotFoundException
    audit.record(services, request, "enrol.withdraw", code_id)
    return Redirect("/enrol", status_code=303)


@post(
    "/enrol/boxes/{site:str}/{box:str}/revoke",
    opt=needs(Action.ENROL_BOXES),
    sync_to_thread=True,
    include_in_schema=False,
)
def revoke_box(request: AnyRequest, site: FromPath[str], box: FromPath[str]) -> Redirect:
    """Revoke a box's certificates: it is lost, stolen or replaced."""
    services = services_of(request)
    if not enrolment_of(services).revoke(site, box, f"revoked by {the_visitor(request).name}", services.now_ns()):
        raise NotFoundException
    audit.record(services, request, "box.revoke", f"{site}/{box}")
    return Redirect("/enrol", status_code=303)


def _page(
    request: AnyRequest,
    *,
    made: NewCode | None = None,
    problem: str | None = None,
    form: CodeForm | None = None,
    status: int = 200,
) -> Template:
    services = services_of(request)
    t = translator_of(request)
    now_ns = services.now_ns()
    enrolment = services.enrolment
    return page(
        request,
        "enrol.html",
        "enrol",
        status=status,
        ready=enrolment is not None,
        codes=[_code_view(t, row, now_ns) for row in enrolment.codes()] if enrolment else [],
        certificates=[_certificate_view(t, row, now_ns) for row in enrolment.certificates()] if enrolment else [],
        made=made,
        problem=problem,
        form=form or CodeForm(""),
    )


def _code_view(t: Translator, row: CodeRow, now_ns: int) -> CodeView:
    return CodeView(
        id=row.id,
        site=row.site,
        box=row.box or t("enrol.any"),
        state=row.state(now_ns),
        made=t.moment(row.made_ns),
        made_by=row.made_by,
        ends=t.moment(row.expires_ns),
    )


def _certificate_view(t: Translator, row: CertificateRow, now_ns: int) -> CertificateView:
    state = "revoked" if row.revoked_ns is not None else "valid" if now_ns < row.expires_ns else "over"
    return CertificateView(
        site=row.site,
        box=row.box,
        state=state,
        hardware=row.hardware or t("common.not_known"),
        granted_by=t("enrol.by_renewal") if row.granted_by == "renewal" else t("enrol.by_code", code=row.granted_by),
        issued=t.moment(row.issued_ns),
        ends=t.moment(row.expires_ns),
    )


def _name(t: Translator, row: CodeRow) -> str:
    return f"{row.site} / {row.box or t('enrol.any')}"


def _snippet(site: str, box: str, url: str, code: str) -> str:
    # Names and codes have no character that TOML would escape, and an address of ours has none either.
    name = f'name = "{box}"\n' if box else ""
    return f'[box]\nsite = "{site}"\n{name}\n[bridge]\nurl = "{url}"\ncode = "{code}"\n'


def _qr(text: str) -> Markup:
    drawn = io.BytesIO()
    # Dark on white also where the page is dark: many readers know no other.
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, svgns=False, omitsize=True
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - made of squares alone
