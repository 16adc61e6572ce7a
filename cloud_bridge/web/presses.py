"""Pages of presses: the live list and one press with its sound."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from cloud_bridge.access.table import Action
from cloud_bridge.cases import lists as case_lists
from cloud_bridge.retention import holds
from cloud_bridge.store import queries, snapshots
from cloud_bridge.store.rows import Cursor, PressFilter, TrackState
from cloud_bridge.web import audit, sheet_part
from cloud_bridge.web.holds import hold_views
from cloud_bridge.web.html import page
from cloud_bridge.web.navigation import home_of
from cloud_bridge.web.permits import SIGNED_IN, may, needs, scope_of, sight_of
from cloud_bridge.web.press_narrowing import narrow, narrowing_of
from cloud_bridge.web.press_view import cursor_text, press_view, track_view
from cloud_bridge.web.question_part import question_part
from cloud_bridge.web.snapshot_view import snapshot_view
from cloud_bridge.web.visitor import AnyRequest, services_of, translator_of
from edge.wire import NAME_PATTERN, Trigger

PAGE_ROWS = 50
_ID = re.compile(r"[0-9a-f]{32}")
_CURSOR = re.compile(r"(-?[0-9]{1,19})\.([0-9a-f]{32})")
_NAME = re.compile(NAME_PATTERN)
_TRIGGERS = tuple(trigger.value for trigger in Trigger if trigger not in {Trigger.EXTENSION, Trigger.SELF_TEST})

BoxQuery = Annotated[str, QueryParameter(description="site/box; empty: all boxes", max_length=127)]
TriggerQuery = Annotated[str, QueryParameter(description="incident, force_majeure, appeal, sale, rating; empty: all")]
SoundQuery = Annotated[
    str, QueryParameter(name="state", description="Its sound: expected, receiving, complete, lost; empty: all")
]
CursorQuery = Annotated[
    str, QueryParameter(description="Where the page before ended; empty: the newest", max_length=60)
]


def known_id(value: str) -> str:
    """`value` where it has the form of an id, else nothing of that name exists."""
    if _ID.fullmatch(value) is None:
        raise NotFoundException
    return value


def parse_filter(box: FromPath[str], trigger: str, state: str) -> PressFilter:
    """The filter of a query string; raises `ValidationException` for values that cannot be."""
    site_name: str | None = None
    box_name: str | None = None
    if box:
        site_name, _, box_name = box.partition("/")
        if not (_NAME.search(site_name) and _NAME.search(box_name)):
            raise ValidationException("box must be <site>/<box>")
    if trigger and trigger not in _TRIGGERS:
        raise ValidationException(f"trigger must be one of {', '.join(_TRIGGERS)}")
    if state and state not in set(TrackState):
        raise ValidationException(f"state must be one of {', '.join(TrackState)}")
    return PressFilter(
        site=site_name, box=box_name, trigger=trigger or None, state=TrackState(state) if state else None
    )


def parse_cursor(text: str) -> Cursor | None:
    """The cursor of a query string; raises `ValidationException`."""
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None or not -(2**63) <= int(match[1]) < 2**63:
        raise ValidationException("cursor is not one that this list gave")
    return Cursor(int(match[1]), match[2])


@get("/", opt=SIGNED_IN, sync_to_thread=False, include_in_schema=False)
def front(request: AnyRequest) -> Redirect:
    """The front page is where the visitor's day begins."""
    return Redirect(home_of(request), status_code=303)


@get("/presses", opt=needs(Action.SEE_PRESSES), sync_to_thread=True, include_in_schema=False)
def show_presses(
    request: AnyRequest,
    box: BoxQuery = "",
    trigger: TriggerQuery = "",
    sound: SoundQuery = "",
    cursor: CursorQuery = "",
) -> Template:
    """The list, newest first; its first page is live."""
    services = services_of(request)
    asked = narrowing_of(request)
    where = narrow(request, parse_filter(box, trigger, sound), asked)
    start = parse_cursor(cursor)
    chosen = {"box": box, "trigger": trigger, "state": sound}
    filters = {name: value for name, value in chosen.items() if value} | asked
    # Read before the rows: what changes in between comes twice rather than never.
    last = queries.last_change(services.store)
    sight = sight_of(request)
    found = queries.list_presses(services.store, where, start, PAGE_ROWS, sight)
    translator = translator_of(request)
    return page(
        request,
        "presses.html",
        "presses",
        rows=[press_view(translator, row) for row in found.presses],
        chosen=chosen,
        filtered=bool(filters) or start is not None,
        box_names=[f"{site}/{name}" for site, name in queries.box_names(services.store) if sight.holds_box(site, name)],
        triggers=_TRIGGERS,
        states=[str(one) for one in TrackState],
        narrowed=asked,
        # What a link asked for beside the form is of days that have passed.
        live_url=None if start or asked else "/presses/live?" + urlencode({**filters, "after": last}),
        older_url="/presses?" + urlencode({**filters, "cursor": cursor_text(found.next)}) if found.next else None,
    )


@get("/presses/{press_id:str}", opt=needs(Action.SEE_PRESSES), sync_to_thread=True, include_in_schema=False)
def show_press(request: AnyRequest, press_id: FromPath[str]) -> Template:
    """One press: its sound with the marks, and everything that is known about both."""
    services = services_of(request)
    last = queries.last_change(services.store)
    detail = queries.press(services.store, known_id(press_id), sight_of(request))
    if detail is None:
        raise NotFoundException
    translator = translator_of(request)
    own = next((track for track in detail.tracks if track.id == detail.press.track), None)
    shared_with = own.press if own and own.press not in {None, press_id} else None
    unfinished = {TrackState.EXPECTED, TrackState.RECEIVING}
    waits = detail.press.track is not None and (own is None or own.state in unfinished)
    found = snapshots.of_press(services.store, press_id) if may(request, Action.SEE_PICTURES) else None
    audit.record(services, request, "press.view", press_id, unless_within_s=services.settings.listen_again_s)
    return page(
        request,
        "press.html",
        "presses",
        press=press_view(translator, detail.press),
        tracks=[track_view(translator, track) for track in detail.tracks],
        case=_case_of(request, press_id),
        holds=_holds_of(request, press_id),
        shared_with=shared_with,
        snapshot=None if found is None else snapshot_view(translator, found),
        scores=snapshots.SCORES,
        **sheet_part.context(request, press_id),
        **question_part(request, detail.press),
        waiting_url="/presses/live?" + urlencode({"press": press_id, "after": last}) if waits else None,
    )


def _case_of(request: AnyRequest, press_id: str) -> int | None:
    if not may(request, Action.SEE_CASES):
        return None
    return case_lists.case_of_press(services_of(request).store, press_id, scope_of(request, Action.SEE_CASES))


def _holds_of(request: AnyRequest, press_id: str) -> list[dict[str, Any]]:
    if not may(request, Action.HOLD):
        return []
    return hold_views(translator_of(request), holds.of_press(services_of(request).store, press_id))
