"""The audit trail as a page and as CSV: who did what to what, when and from where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated
from urllib.parse import urlencode

from litestar import get
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter
from litestar.response import Stream, Template
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.reports import csv_text
from cloud_bridge.store import audit_trail
from cloud_bridge.store.audit_trail import AuditFilter
from cloud_bridge.store.users import AuditRow
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import may, needs
from cloud_bridge.web.times import iso_time
from cloud_bridge.web.visitor import AnyRequest, services_of, translator_of

_PAGE_ROWS = 100
_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = "name:"
_HEADING = ["number", "time", "person", "action", "object", "address"]
_SEES = needs(Action.SEE_AUDIT)

PersonQuery = Annotated[str, QueryParameter(max_length=100)]
ActionQuery = Annotated[str, QueryParameter(max_length=64)]
AboutQuery = Annotated[str, QueryParameter(max_length=500)]
DayQuery = Annotated[str, QueryParameter(max_length=10)]


class LineView(Struct, frozen=True, kw_only=True):
    """One line in words; `press`: the reader may open it; `unknown`: only a digest is kept."""

    iso: str
    moment: str
    person: str
    action: str
    words: str
    about: str
    press: bool
    unknown: bool
    address: str


@get("/audit", opt=_SEES, sync_to_thread=True, include_in_schema=False)
def show_audit(
    request: AnyRequest,
    *,
    person: PersonQuery = "",
    action: ActionQuery = "",
    about: AboutQuery = "",
    since: DayQuery = "",
    until: DayQuery = "",
    before: Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)] = None,
) -> Template:
    """The lines that fit the filter, newest first."""
    services = services_of(request)
    t = translator_of(request)
    chosen = {"person": person, "action": action, "about": about.strip(), "since": since, "until": until}
    filters = {name: value for name, value in chosen.items() if value}
    where = _filter(request, chosen)
    rows = audit_trail.list_lines(services.store, where, before, _PAGE_ROWS + 1)
    shown = rows[:_PAGE_ROWS]
    opens = may(request, Action.SEE_PRESSES)
    return page(
        request,
        "audit.html",
        "audit",
        rows=[_line(t, row, opens=opens) for row in shown],
        chosen=chosen,
        actions=[(name, action_words(t, name)) for name in audit_trail.actions(services.store)],
        export_url="/audit.csv" + (f"?{urlencode(filters)}" if filters else ""),
        older_url=f"/audit?{urlencode({**filters, 'before': shown[-1].id})}" if len(rows) > _PAGE_ROWS else None,
    )


@get("/audit.csv", opt=_SEES, sync_to_thread=True, include_in_schema=False)
def export_audit(
    request: AnyRequest,
    *,
    person: PersonQuery = "",
    action: ActionQuery = "",
    about: AboutQuery = "",
    since: DayQuery = "",
    until: DayQuery = "",
) -> Stream:
    """The same lines, all of them; this export is on record before its first byte leaves."""
    services = services_of(request)
    chosen = {"person": person, "action": action, "about": about.strip(), "since": since, "until": until}
    where = _filter(request, chosen)
    audit.record(services, request, "audit.export", urlencode({k: v for k, v in chosen.items() if v}) or "everything")
    return Stream(
        _csv(audit_trail.every_line(services.store, where)),
        media_type="text/csv",
        headers={"content-disposition": 'attachment; filename="earshot_audit.csv"', "cache-control": "no-store"},
    )


def action_words(t: Translator, action: str) -> str:
    """An action in words; its name where there are none."""
    key = f"audit_action.{action.replace('.', '_')}"
    return t(key) if t.has(key) else action


def _filter(request: AnyRequest, chosen: dict[str, str]) -> AuditFilter:
    services = services_of(request)
    zone = services.time_zone
    return AuditFilter(
        person=chosen["person"] or None,
        action=chosen["action"] or None,
        about=audit_trail.objects_of(services.store, chosen["about"]) if chosen["about"] else (),
        since_ns=_midnight_ns("since", chosen["since"], zone),
        until_ns=_midnight_ns("until", chosen["until"], zone, days=1),
    )


def _midnight_ns(name: str, text: str, zone: tzinfo, days: int = 0) -> int | None:
    """Where a day begins, or `days` later one does, in Unix nanoseconds."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        seconds = int(datetime.combine(day, time(), zone).timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise ValidationException(f"{name} must be a date, such as 2026-12-31") from error
    return seconds * 1_000_000_000


def _line(t: Translator, row: AuditRow, *, opens: bool) -> LineView:
    return LineView(
        iso=t.iso(row.at_ns),
        moment=t.moment(row.at_ns),
        person=row.user,
        action=row.action,
        words=action_words(t, row.action),
        about=row.object,
        press=opens and row.action.startswith("press.") and _ID.fullmatch(row.object) is not None,
        unknown=row.object.startswith(_DIGEST),
        address=row.address,
    )


def _csv(rows: Iterable[AuditRow]) -> Iterator[bytes]:
    """Lines of CSV in UTF-8 with the mark that spreadsheets look for."""
    yield ("\N{ZERO WIDTH NO-BREAK SPACE}" + csv_text.lines(_HEADING, [])).encode()
    for row in rows:
        at = iso_time(row.at_ns)
        cells = (row.id, at.isoformat() if at else "", row.user, row.action, row.object, row.address)
        yield csv_text.rows_text([cells]).encode()


ROUTES = (show_audit, export_audit)
