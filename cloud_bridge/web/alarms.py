"""The pages of alarms: what calls for attention now, and one alarm with its evidence, chart and acknowledgement."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.alarms import lists, records
from cloud_bridge.alarms.lists import STATES, AlarmRow
from cloud_bridge.alarms.watches import decode_watch
from cloud_bridge.alarms.words import place_text, rule_title, usual_text
from cloud_bridge.store import tables as t
from cloud_bridge.store.org import Organisation, organisation
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.level_chart import LevelChart, level_chart
from cloud_bridge.web.permits import may, needs, scope_of, sight_of
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_PAGE_ROWS = 50
_EVIDENCE_ROWS = 200
_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9a-f]{32})")

StateQuery = Annotated[str, QueryParameter(description="One of the states", max_length=20)]
SiteQuery = Annotated[str, QueryParameter(description="Name of a site", max_length=63)]
PressesQuery = Annotated[str, QueryParameter(description="all: also those that are no evidence", max_length=10)]
CursorQuery = Annotated[str, QueryParameter(description="Where the page before ended", max_length=60)]


class AcknowledgeForm(Struct, frozen=True):
    """What the one who has seen an alarm writes to it."""

    note: Annotated[str, Meta(max_length=2000)] = ""


class AlarmView(Struct, frozen=True, kw_only=True):
    """An alarm in words. `kind` is the colour of its state."""

    id: str
    place: str
    rule: str
    scope: str
    state: str
    kind: str
    raised: str
    raised_day: str
    raised_clock: str
    raised_iso: str
    since: str
    since_iso: str
    cleared: str
    cleared_iso: str
    events: str
    counted: str
    usual: str
    usual_from: str
    threshold: str
    false_alarms: str
    delay: str
    acknowledged: str
    note: str
    is_acknowledged: bool
    is_withdrawn: bool
    simulated: bool
    site: str


@get("/alarms", opt=needs(Action.SEE_ALARMS), sync_to_thread=True, include_in_schema=False)
def show_alarms(
    request: AnyRequest, life: StateQuery = "open", site: SiteQuery = "", cursor: CursorQuery = ""
) -> Template:
    """Alarms at the visitor's places, newest first."""
    services = services_of(request)
    words, scope = translator_of(request), scope_of(request)
    company = organisation(services.store)
    state = life if life in STATES else "open"
    match = _CURSOR.fullmatch(cursor)
    before = None if match is None or int(match[1]) >= 2**63 else (int(match[1]), match[2])
    found = lists.list_alarms(services.store, scope, state=state, site=site, before=before, limit=_PAGE_ROWS)
    given = {name: value for name, value in (("life", state), ("site", site)) if value and value != "open"}
    older = None
    if found.next is not None:
        older = "/alarms?" + urlencode({**given, "cursor": f"{found.next[0]}.{found.next[1]}"})
    return page(
        request,
        "alarms.html",
        "alarms",
        rows=[_view(words, company, row) for row in found.rows],
        chosen={"life": state, "site": site},
        states=STATES,
        sites=[one for one in company.sites.values() if scope.holds_site(one.name)],
        here_url="/alarms" + (f"?{urlencode(given)}" if given else ""),
        older_url=older,
        first=before is None,
        filtered=bool(given),
    )


@get("/alarms/{alarm_id:str}", opt=needs(Action.SEE_ALARMS), sync_to_thread=True, include_in_schema=False)
def show_alarm(request: AnyRequest, alarm_id: FromPath[str], presses: PressesQuery = "") -> Template:
    """One alarm: why it was raised, which presses it is made of, who has seen it."""
    everything = presses == "all"
    services = services_of(request)
    words = translator_of(request)
    row = _known(request, alarm_id)
    company = organisation(services.store)
    shown: list[dict[str, Any]] = []
    if may(request, Action.SEE_PRESSES):
        visible = sight_of(request, Action.SEE_PRESSES).where(t.press)
        for one in lists.evidence(services.store, row.id, visible, _EVIDENCE_ROWS, everything=everything):
            counter = company.counter_of(one.site, one.box, one.button)
            shown.append(
                {
                    "id": one.id,
                    "day": words.date(one.wall_ns),
                    "clock": words.clock(one.wall_ns),
                    "iso": words.iso(one.wall_ns),
                    "trigger": one.trigger,
                    "rating": "" if one.rating is None else words.number(one.rating),
                    "counter": counter.title if counter else one.box,
                    "employee": one.employee or "",
                    "has_sound": one.track is not None,
                    "counted": one.counted,
                }
            )
    return page(
        request,
        "alarm.html",
        "alarms",
        alarm=_view(words, company, row),
        presses=shown,
        everything=everything,
        presses_max=_EVIDENCE_ROWS,
        chart=_chart(words, row),
    )


@post(
    "/alarms/{alarm_id:str}/acknowledge",
    opt=needs(Action.ACKNOWLEDGE_ALARMS),
    sync_to_thread=True,
    include_in_schema=False,
)
def acknowledge(request: AnyRequest, alarm_id: FromPath[str], data: URLEncodedBody[AcknowledgeForm]) -> Redirect:
    """Note that the visitor has seen the alarm; clears nothing."""
    services = services_of(request)
    row = _known(request, alarm_id)
    with services.store.write() as connection:
        done = records.acknowledge(
            connection, row.id, by=the_visitor(request).name, note=data.note.strip(), now_ns=services.now_ns()
        )
    if done:
        audit.record(services, request, "alarm.acknowledge", row.id)
    return Redirect(f"/alarms/{row.id}", status_code=303)


def _known(request: AnyRequest, alarm_id: str) -> AlarmRow:
    row = lists.find_alarm(services_of(request).store, scope_of(request), alarm_id[:64])
    if row is None:
        raise NotFoundException("there is no such alarm")
    return row


def _view(words: Translator, company: Organisation, row: AlarmRow) -> AlarmView:
    state, kind = _state(row)
    plan = row.plan
    acknowledged = ""
    if row.acknowledged_ns is not None:
        acknowledged = words("alarms.seen_by", user=row.acknowledged_by or "", time=words.moment(row.acknowledged_ns))
    return AlarmView(
        id=row.id,
        place=place_text(company, row.place),
        rule=rule_title(words, row.title, decode_watch(row.settings)),
        scope=words(f"rules.of_{row.scope}"),
        state=words(f"alarms.state_{state}"),
        kind=kind,
        raised=words.moment(row.raised_ns),
        raised_day=words.date(row.raised_ns),
        raised_clock=words.clock(row.raised_ns),
        raised_iso=words.iso(row.raised_ns),
        since=words.moment(row.since_ns),
        since_iso=words.iso(row.since_ns),
        cleared="" if row.cleared_ns is None else words.moment(row.cleared_ns),
        cleared_iso="" if row.cleared_ns is None else words.iso(row.cleared_ns),
        events=words.count("alarms.events", row.events),
        counted=words.count(f"alarms.steps_{plan.method}", row.steps),
        usual=usual_text(words, plan),
        usual_from=words(f"alarms.from_{plan.usual_from.replace(' ', '_')}"),
        threshold=words.number(plan.h, 0 if plan.method == "window" else 2),
        false_alarms=words.number(plan.a_month / plan.run_length, 3),
        delay="" if plan.delay is None else words.number(plan.delay),
        acknowledged=acknowledged,
        note=row.note,
        is_acknowledged=row.acknowledged_ns is not None,
        is_withdrawn=row.life == "withdrawn",
        simulated=row.simulated,
        site=row.site,
    )


def _state(row: AlarmRow) -> tuple[str, str]:
    if row.life == "withdrawn":
        return "withdrawn", ""
    if row.life == "active":
        return ("active_seen", "warn") if row.acknowledged_ns is not None else ("active", "bad")
    return ("done", "good") if row.acknowledged_ns is not None else ("cleared", "warn")


def _chart(words: Translator, row: AlarmRow) -> LevelChart | None:
    if row.life == "withdrawn" or not row.levels:
        return None
    return level_chart(words, row.levels, row.plan.h, row.raised_ns, row.cleared_ns)


ROUTES = (show_alarms, show_alarm, acknowledge)
