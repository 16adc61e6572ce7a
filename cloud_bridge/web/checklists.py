"""Authoring check-lists: the list of them, the form of one, publishing, how many are scored twice."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.analytics.agreement import Agreement
from cloud_bridge.analytics.publishing import published
from cloud_bridge.checklists import second, store
from cloud_bridge.checklists.definition import ChecklistError, Definition, Purpose, said
from cloud_bridge.checklists.shipped import shipped
from cloud_bridge.checklists.store import Checklist
from cloud_bridge.web import audit
from cloud_bridge.web.checklist_form import empty_item, fields_of, languages_of, read_definition
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_BODY_BYTES = 512 * 1024


class NewForm(Struct, frozen=True):
    """A new check-list: `template` begins with what is shipped."""

    purpose: Purpose
    template: str = ""


class UseForm(Struct, frozen=True):
    """How a check-list is used; `double_percent` of its sheets are scored twice."""

    double_percent: float = 0
    retired: str = ""


class KappaView(Struct, frozen=True):
    """An agreement in words; all but `text` and `n` are empty where it may not be shown."""

    text: str
    n: str
    same: str
    kappa: str
    interval: str
    value: float | None


@get("/checklists", opt=needs(Action.EDIT_CHECKLISTS), sync_to_thread=True, include_in_schema=False)
def show_checklists(request: AnyRequest) -> Template:
    """All check-lists."""
    translator = translator_of(request)
    known = store.checklists(services_of(request).store, retired=True)
    done = store.sheets_done(services_of(request).store)
    rows = [
        _row(translator, one) | {"sheets": translator.count("checklist.sheets", done.get(one.id, 0))} for one in known
    ]
    return page(request, "checklists.html", "checklists", rows=rows, purposes=[str(one) for one in Purpose])


@post("/checklists/new", opt=needs(Action.EDIT_CHECKLISTS), sync_to_thread=True, include_in_schema=False)
def make_checklist(request: AnyRequest, data: URLEncodedBody[NewForm]) -> Redirect:
    """Begin a new check-list; leads to its form."""
    services, user = services_of(request), the_visitor(request).name
    definition = shipped(data.purpose) if data.template else Definition(title={}, sections=())
    made = store.make(services.store, data.purpose, definition, user=user, at_ns=services.now_ns())
    audit.record(services, request, "checklist.make", f"{made} {data.purpose}")
    return Redirect(f"/checklists/{made}", status_code=303)


@get("/checklists/{checklist_id:str}", opt=needs(Action.EDIT_CHECKLISTS), sync_to_thread=True, include_in_schema=False)
def show_checklist(request: AnyRequest, checklist_id: FromPath[str]) -> Template:
    """The form of one check-list."""
    return _show(request, _known(request, checklist_id))


@post(
    "/checklists/{checklist_id:str}/save",
    opt=needs(Action.EDIT_CHECKLISTS),
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=_BODY_BYTES,
)
def save_checklist(
    request: AnyRequest, checklist_id: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Template | Redirect:
    """Keep the draft; `publish` lets new sheets be filled with it. What is wrong is shown, the draft stays."""
    known, services, user = _known(request, checklist_id), services_of(request), the_visitor(request).name
    definition = read_definition(data, known.purpose)
    at_ns = services.now_ns()
    try:
        number = store.save_draft(services.store, known.id, definition, user=user, at_ns=at_ns)
        audit.record(services, request, "checklist.save", f"{known.id} version {number}")
        if "publish" in data:
            number = store.publish(services.store, known.id, user=user, at_ns=at_ns)
            audit.record(services, request, "checklist.publish", f"{known.id} version {number}")
            return Redirect("/checklists", status_code=303)
    except ChecklistError as error:
        return _show(request, _known(request, checklist_id), refused=str(error))
    return Redirect(f"/checklists/{known.id}", status_code=303)


@post(
    "/checklists/{checklist_id:str}/discard",
    opt=needs(Action.EDIT_CHECKLISTS),
    sync_to_thread=True,
    include_in_schema=False,
)
def discard_draft(request: AnyRequest, checklist_id: FromPath[str]) -> Redirect:
    """Forget the draft."""
    known, services = _known(request, checklist_id), services_of(request)
    try:
        store.discard_draft(services.store, known.id)
    except ChecklistError as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "checklist.discard", known.id)
    return Redirect("/checklists", status_code=303)


@post(
    "/checklists/{checklist_id:str}/use",
    opt=needs(Action.EDIT_CHECKLISTS),
    sync_to_thread=True,
    include_in_schema=False,
)
def set_use(request: AnyRequest, checklist_id: FromPath[str], data: URLEncodedBody[UseForm]) -> Redirect:
    """Say how many sheets are scored twice, and whether the check-list is in use."""
    known, services = _known(request, checklist_id), services_of(request)
    try:
        store.set_use(services.store, known.id, double_share=data.double_percent / 100, retired=bool(data.retired))
    except ChecklistError as error:
        raise ValidationException(str(error)) from error
    told = f"{known.id} twice {data.double_percent:g} %{', retired' if data.retired else ''}"
    audit.record(services, request, "checklist.use", told)
    return Redirect("/checklists", status_code=303)


@get(
    "/checklists/{checklist_id:str}/agreement",
    opt=needs(Action.SCORE),
    sync_to_thread=True,
    include_in_schema=False,
)
def show_agreement(request: AnyRequest, checklist_id: FromPath[str]) -> Template:
    """How far two people agree with this check-list, whole and item by item."""
    known, translator = _known(request, checklist_id), translator_of(request)
    found = second.agreement(services_of(request).store, known.id, sight_of(request))
    words = {
        item.id: said(item.text, translator.language)
        for version in reversed(store.versions(services_of(request).store, known.id))
        for item in version.definition.items
    }
    order = {item.id: place for place, item in enumerate(known.definition.items)}
    items = sorted(found.items, key=lambda one: (order.get(one.item, len(order)), one.item))
    return page(
        request,
        "agreement.html",
        "checklists",
        checklist=known,
        title=said(known.definition.title, translator.language),
        pairs=found.pairs,
        whole=kappa_view(translator, translator("kappa.whole"), found.whole, found.pairs),
        rows=[
            kappa_view(translator, words.get(one.item, one.item), one.agreement, one.agreement.items) for one in items
        ],
    )


def kappa_view(t: Translator, text: str, found: Agreement, n: int) -> KappaView:
    """An agreement as it may be shown: nothing below 10 pairs, no interval below 50."""
    shown = published(n, found.kappa, found.low, found.high)
    if shown.n is None:
        return KappaView(text, t("kappa.few"), "", "", "", None)
    same = "" if found.same.share is None else t("unit.percent", value=t.number(100 * found.same.share))
    kappa = t("kappa.none") if shown.value is None else t.number(shown.value, 2)
    interval = (
        "" if shown.low is None or shown.high is None else f"{t.number(shown.low, 2)} … {t.number(shown.high, 2)}"
    )
    return KappaView(text, t.number(n), same, kappa, interval, shown.value)


def _show(request: AnyRequest, known: Checklist, refused: str = "") -> Template:
    services, translator = services_of(request), translator_of(request)
    number = known.draft or known.published or 1
    version = store.version(services.store, known.id, number)
    if version is None:
        raise NotFoundException
    return page(
        request,
        "checklist.html",
        "checklists",
        checklist=known,
        row=_row(translator, known),
        definition=version.definition,
        version=number,
        editing=languages_of(version.definition, translator.language),
        sections=fields_of(version.definition),
        blank=empty_item("sK.iN."),
        versions=[
            (one.version, one.changed_by, translator.moment(one.published_ns) if one.published_ns else "")
            for one in store.versions(services.store, known.id)
        ],
        refused=refused,
    )


def _row(t: Translator, one: Checklist) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": said(one.definition.title, t.language) or t("checklist.untitled"),
        "purpose": str(one.purpose),
        "published": one.published,
        "draft": one.draft,
        "item_count": t.count("checklist.items", sum(1 for _ in one.definition.items)),
        "double_percent": f"{100 * one.double_share:g}",
        "double": t("unit.percent", value=t.number(100 * one.double_share)) if one.double_share else "",
        "retired": one.retired,
    }


def _known(request: AnyRequest, checklist_id: str) -> Checklist:
    known = store.checklist(services_of(request).store, checklist_id)
    if known is None:
        raise NotFoundException("there is no such check-list")
    return known


ROUTES: Final[tuple[BaseRouteHandler, ...]] = (
    show_checklists,
    make_checklist,
    show_checklist,
    save_checklist,
    discard_draft,
    set_use,
    show_agreement,
)
