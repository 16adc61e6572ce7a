"""The page of what is kept how long, and legal holds on presses and cases."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct
from sqlalchemy import select

from cloud_bridge.access.table import Action
from cloud_bridge.cases import lists
from cloud_bridge.cases.rows import CaseError
from cloud_bridge.retention import holds
from cloud_bridge.retention.classes import DataClass, RetentionError, rules, set_days
from cloud_bridge.retention.holds import Hold
from cloud_bridge.store.sight import sees_press
from cloud_bridge.store.tables_retention import removal
from cloud_bridge.web import audit
from cloud_bridge.web.cases import known_case
from cloud_bridge.web.holds import hold_views
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs, scope_of, sight_of
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.protection import local_path
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

PAGE_ROWS = 50

_Days = Annotated[str, Meta(max_length=6)]
BeforeQuery = Annotated[int | None, QueryParameter(description="Number of the last line of the page before", ge=1)]


class RulesForm(Struct, frozen=True):
    """Days a class; empty: for ever."""

    unreviewed_sound: _Days = ""
    case_sound: _Days = ""
    photos: _Days = ""
    contacts: _Days = ""
    metrics: _Days = ""
    sure: str = ""


class HoldForm(Struct, frozen=True):
    """Why something must stay."""

    reason: Annotated[str, Meta(max_length=2000)] = ""


class ReleaseForm(Struct, frozen=True):
    """Where to lead back to."""

    next: Annotated[str, Meta(max_length=200)] = "/"


@get("/retention", opt=needs(Action.SET_RETENTION), sync_to_thread=True, include_in_schema=False)
def show_retention(request: AnyRequest, before: BeforeQuery = None) -> Template:
    """Days a class, holds that stand, and what was removed lately."""
    return _page(request, before=before)


@post("/retention/rules", opt=needs(Action.SET_RETENTION), sync_to_thread=True, include_in_schema=False)
def set_rules(request: AnyRequest, data: URLEncodedBody[RulesForm]) -> Template | Redirect:
    """Keep classes for so many days from now on."""
    services = services_of(request)
    t = translator_of(request)
    wanted: dict[DataClass, int | None] = {}
    for name in DataClass:
        text = getattr(data, name).strip()
        if text and not (text.isascii() and text.isdecimal()):
            return _page(request, problem=t("retention.refused_days"), typed=data, status=400)
        wanted[name] = int(text) if text else None
    if not data.sure:
        return _page(request, problem=t("retention.not_sure"), typed=data, status=400)
    by, now_ns = the_visitor(request).name, services.now_ns()
    try:
        for name, days in wanted.items():
            if set_days(services.store, name, days, by=by, now_ns=now_ns):
                audit.record(services, request, "retention.set", f"{name} {days or 'for ever'}")
    except RetentionError as error:
        return _page(request, problem=refusal(t, error), typed=data, status=400)
    return Redirect("/retention", status_code=303)


@post("/presses/{press_id:str}/hold", opt=needs(Action.HOLD), sync_to_thread=True, include_in_schema=False)
def hold_press(request: AnyRequest, press_id: FromPath[str], data: URLEncodedBody[HoldForm]) -> Template | Redirect:
    """Keep the sound and the picture of a press."""
    services = services_of(request)
    if not sees_press(services.store, sight_of(request), known_id(press_id)):
        raise NotFoundException("there is no such press")
    by, now_ns = the_visitor(request).name, services.now_ns()
    try:
        hold = holds.hold_press(services.store, press_id, data.reason, by=by, now_ns=now_ns)
    except RetentionError as error:
        return _refused(request, refusal(translator_of(request), error))
    audit.record(services, request, "hold.make", f"press {press_id}, hold {hold}")
    return Redirect(f"/presses/{press_id}", status_code=303)


@post("/cases/{case_id:int}/hold", opt=needs(Action.HOLD), sync_to_thread=True, include_in_schema=False)
def hold_case(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[HoldForm]) -> Template | Redirect:
    """Keep everything of a case."""
    services = services_of(request)
    row = known_case(request, case_id)
    by, now_ns = the_visitor(request).name, services.now_ns()
    try:
        hold = holds.hold_case(services.store, row.id, data.reason, by=by, now_ns=now_ns)
    except (RetentionError, CaseError) as error:
        return _refused(request, refusal(translator_of(request), error))
    audit.record(services, request, "hold.make", f"case {case_id}, hold {hold}")
    return Redirect(f"/cases/{case_id}", status_code=303)


@post("/holds/{hold_id:int}/release", opt=needs(Action.HOLD), sync_to_thread=True, include_in_schema=False)
def release(request: AnyRequest, hold_id: FromPath[int], data: URLEncodedBody[ReleaseForm]) -> Template | Redirect:
    """Lift a hold on something that the visitor may put under one."""
    services = services_of(request)
    found = holds.find(services.store, hold_id) if 0 < hold_id < 2**63 else None
    if found is None or not _may_lift(request, found):
        raise NotFoundException("there is no such hold")
    try:
        holds.release(services.store, hold_id, by=the_visitor(request).name, now_ns=services.now_ns())
    except RetentionError as error:
        return _refused(request, refusal(translator_of(request), error))
    audit.record(services, request, "hold.release", f"{_what(found)}, hold {hold_id}")
    return Redirect(local_path(data.next), status_code=303)


def refusal(t: Translator, error: RetentionError | CaseError) -> str:
    """Why something was refused, in the reader's words where we have them."""
    key = f"retention.refused_{error.code}"
    return t(key) if t.has(key) else str(error)


def _may_lift(request: AnyRequest, hold: Hold) -> bool:
    store = services_of(request).store
    if hold.press is not None:
        return sees_press(store, sight_of(request), hold.press)
    return lists.find_case(store, hold.case or 0, scope_of(request)) is not None


def _what(hold: Hold) -> str:
    return f"press {hold.press}" if hold.press is not None else f"case {hold.case}"


def _refused(request: AnyRequest, problem: str) -> Template:
    return page(request, "case_refused.html", "cases", status=400, problem=problem)


def _page(
    request: AnyRequest,
    *,
    before: int | None = None,
    problem: str | None = None,
    typed: RulesForm | None = None,
    status: int = 200,
) -> Template:
    store = services_of(request).store
    t = translator_of(request)
    query = select(removal).order_by(removal.c.id.desc()).limit(PAGE_ROWS + 1)
    if before is not None:
        query = query.where(removal.c.id < before)
    with store.read() as connection:
        known = rules(connection)
        gone = connection.execute(query).mappings().all()
    rows = [
        {
            "name": str(name),
            "days": getattr(typed, name) if typed else "" if rule.days is None else str(rule.days),
            "changed": "" if rule.changed_ns is None else t.date(rule.changed_ns),
            "changed_by": rule.changed_by or "",
        }
        for name, rule in known.items()
    ]
    return page(
        request,
        "retention.html",
        "retention",
        status=status,
        rules=rows,
        holds=hold_views(t, holds.standing(store)),
        removals=[{**row, "at": t.moment(row["at_ns"])} for row in gone[:PAGE_ROWS]],
        older_url=f"/retention?before={gone[PAGE_ROWS - 1]['id']}" if len(gone) > PAGE_ROWS else None,
        problem=problem,
    )


ROUTES = (show_retention, set_rules, hold_press, hold_case, release)
"""All of them, for the application."""
