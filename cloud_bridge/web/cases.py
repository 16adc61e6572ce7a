"""The pages of cases: a list by urgency or a board by status, and one case with all that belongs to it."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Template

from cloud_bridge.access.table import Action
from cloud_bridge.cases import letters, limits, lists
from cloud_bridge.cases.causes import UNFOUNDED
from cloud_bridge.cases.rows import OPEN, CaseCursor, CaseFilter, CaseRow, Contact, Status, Verdict
from cloud_bridge.retention import holds
from cloud_bridge.store import queries, snapshots, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.rows import TrackState
from cloud_bridge.store.scope import Scope
from cloud_bridge.web import audit
from cloud_bridge.web.cases_view import CaseWords, cursor_text
from cloud_bridge.web.holds import hold_views
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import may, may_at, needs, scope_of, sight_of
from cloud_bridge.web.press_view import press_view, track_view
from cloud_bridge.web.snapshot_view import snapshot_view
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of
from edge.wire import NAME_PATTERN

PAGE_ROWS = 50
BOARD_ROWS = 30
_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,18})")
_NAME = re.compile(NAME_PATTERN)
_STATUSES = {"open": OPEN, "all": (), **{str(status): (status,) for status in Status}}
_WHO = ("me", "nobody")

StatusQuery = Annotated[str, QueryParameter(name="status", description="open, new, work, waiting, closed, all")]
WhoQuery = Annotated[str, QueryParameter(description="me, nobody, or the name of an account", max_length=100)]
SiteQuery = Annotated[str, QueryParameter(description="Name of a site", max_length=63)]
CauseQuery = Annotated[str, QueryParameter(description="A cause it was closed with", max_length=100)]
TagQuery = Annotated[str, QueryParameter(description="A tag it has", max_length=60)]
CursorQuery = Annotated[str, QueryParameter(description="Where the page before ended", max_length=60)]
PressQuery = Annotated[str, QueryParameter(description="Which of its presses is shown", max_length=32)]


@get("/cases", opt=needs(Action.SEE_CASES), sync_to_thread=True, include_in_schema=False)
def show_cases(
    request: AnyRequest,
    stage: StatusQuery = "open",
    who: WhoQuery = "",
    site: SiteQuery = "",
    verdict: FromQuery[str] = "",
    cause: CauseQuery = "",
    tag: TagQuery = "",
    overdue: FromQuery[str] = "",
    view: FromQuery[str] = "",
    cursor: CursorQuery = "",
) -> Template:
    """Cases at the visitor's places, the most urgent first."""
    services = services_of(request)
    store, now_ns = services.store, services.now_ns()
    chosen = {"status": stage, "who": who, "site": site, "verdict": verdict, "cause": cause, "tag": tag}
    chosen["overdue"] = "1" if overdue else ""
    where = _filter(request, chosen, now_ns)
    scope = scope_of(request)
    words = CaseWords(store, translator_of(request), now_ns)
    given = {name: value for name, value in chosen.items() if value and (name, value) != ("status", "open")}
    context: dict[str, Any] = {
        "chosen": chosen,
        "filtered": bool(given) or bool(cursor),
        "board": view == "board",
        "list_url": "/cases?" + urlencode(given),
        "board_url": "/cases?" + urlencode({**{k: v for k, v in given.items() if k != "status"}, "view": "board"}),
        "sites": [one for one in words.organisation.sites.values() if scope.holds_site(one.name)],
        "people": [account.name for account in workers(request)],
        "verdicts": list(Verdict),
        "statuses": list(_STATUSES),
        "causes": words.offered(),
        "tags": lists.tags_in_use(store),
        "views": _views(request, scope, now_ns),
        "policy": _policy_hours(request),
    }
    if view == "board":
        columns = [_column(request, words, where, status, scope) for status in Status]
        return page(request, "cases.html", "cases", columns=columns, **context)
    found = lists.list_cases(store, where, _cursor(cursor), PAGE_ROWS, scope)
    older = None if found.next is None else "/cases?" + urlencode({**given, "cursor": cursor_text(found.next)})
    return page(
        request, "cases.html", "cases", rows=[words.case(row) for row in found.cases], older_url=older, **context
    )


@get("/cases/{case_id:int}", opt=needs(Action.SEE_CASES), sync_to_thread=True, include_in_schema=False)
def show_case(request: AnyRequest, case_id: FromPath[int], press: PressQuery = "") -> Template:
    """One case: its presses with their sound, the client, comments, the history, and what can be done."""
    return case_page(request, known_case(request, case_id), shown=press)


def known_case(request: AnyRequest, case_id: int) -> CaseRow:
    """A case of which the visitor may do the route's action; a 404 where there is none."""
    row = lists.find_case(services_of(request).store, case_id, scope_of(request)) if 0 < case_id < 2**63 else None
    if row is None:
        raise NotFoundException("there is no such case")
    return row


def place_of(row: CaseRow) -> Place:
    """Where a case is, for the permission table."""
    return Place(row.site, row.counter or "")


def workers(request: AnyRequest) -> list[users.User]:
    """Accounts that may be given a case."""
    known = users.list_users(services_of(request).store)
    able = {users.Role.SITE_MANAGER, users.Role.QUALITY_MANAGER, users.Role.ADMIN}
    return [account for account in known if account.role in able and not account.disabled]


def case_page(
    request: AnyRequest,
    row: CaseRow,
    *,
    shown: str = "",
    problem: str | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> Template:
    """The page of a case; after a refusal with the `problem` and what was `typed`."""
    services = services_of(request)
    store = services.store
    words = CaseWords(store, translator_of(request), services.now_ns())
    events = lists.history(store, row.id)
    merged = lists.merged_into(store, row.id)
    at = place_of(row)
    return page(
        request,
        "case.html",
        "cases",
        status=status,
        case=words.case(row),
        merged=[words.case(one) for one in merged],
        events=[words.event(row.site, event) for event in events],
        statuses=[status for status in OPEN if status != row.status],
        verdicts=list(Verdict),
        people=workers(request),
        me=the_visitor(request).user.id,
        offered=words.offered(),
        unfounded=UNFOUNDED if row.verdict is Verdict.FALSE else "",
        live=row.merged_into is None,
        can={action: may_at(request, Action(action), at) for action in _ABILITIES},
        holds=hold_views(words.at(row.site), holds.of_case(store, row.id)) if may_at(request, Action.HOLD, at) else [],
        problem=problem,
        typed=typed or {},
        **_client(request, words, row),
        **_presses(request, words.at(row.site), row, shown),
    )


_ABILITIES = ("work_cases", "merge_cases", "close_cases", "write_to_client", "see_contacts", "hold")


def _client(request: AnyRequest, words: CaseWords, row: CaseRow) -> dict[str, Any]:
    """The client and what was written, for who may see contacts; each look is on record."""
    services = services_of(request)
    if not may_at(request, Action.SEE_CONTACTS, place_of(row)):
        return {"contact": None, "messages": [], "sees_client": False}
    contact = letters.contact(services.store, row.id)
    written = letters.messages(services.store, row.id)
    if contact is not None or written:
        again_s = services.settings.listen_again_s
        audit.record(services, request, "contact.view", f"case {row.id}", unless_within_s=again_s)
    return {
        "contact": contact or Contact(),
        "messages": [words.message(row.site, one) for one in written],
        "sees_client": True,
    }


def _presses(request: AnyRequest, t: Any, row: CaseRow, shown: str) -> dict[str, Any]:
    """All presses of the case that may be seen, one of them with its sound and snapshot."""
    services = services_of(request)
    sight = sight_of(request, Action.SEE_PRESSES)
    details = []
    for press, owner in lists.presses_of(services.store, row.id):
        detail = queries.press(services.store, press, sight)
        if detail is not None:
            details.append((detail, owner))
    # Unless one is asked for: the first that can be heard.
    wanted = [one for one, _ in details if one.press.id == shown]
    wanted += [one for one, _ in details if one.press.track_state is TrackState.COMPLETE]
    chosen = next(iter([*wanted, *(one for one, _ in details)]), None)
    listed = [(press_view(t, one.press), owner) for one, owner in details]
    if chosen is None:
        return {"presses": listed, "press": None, "tracks": [], "snapshot": None, "scores": snapshots.SCORES}
    press_id = chosen.press.id
    audit.record(services, request, "press.view", press_id, unless_within_s=services.settings.listen_again_s)
    found = snapshots.of_press(services.store, press_id) if may(request, Action.SEE_PICTURES) else None
    return {
        "presses": listed,
        "press": press_view(t, chosen.press),
        "tracks": [track_view(t, track) for track in chosen.tracks],
        "snapshot": None if found is None else snapshot_view(t, found),
        "scores": snapshots.SCORES,
    }


def _column(request: AnyRequest, words: CaseWords, where: CaseFilter, status: Status, scope: Scope) -> dict[str, Any]:
    store = services_of(request).store
    changes = {name: getattr(where, name) for name in CaseFilter.__struct_fields__}
    here = CaseFilter(**{**changes, "statuses": (status,)})
    found = lists.list_cases(store, here, None, BOARD_ROWS, scope)
    count = lists.count_cases(store, here, scope)
    return {"status": str(status), "cases": [words.case(row) for row in found.cases], "count": _count(request, count)}


def _views(request: AnyRequest, scope: Scope, now_ns: int) -> list[dict[str, Any]]:
    """The questions that are asked every day, with how many answers each has."""
    me = the_visitor(request).user.id
    views = {
        "mine": ({"who": "me"}, CaseFilter(statuses=OPEN, assignee=me)),
        "overdue": ({"overdue": "1"}, CaseFilter(statuses=OPEN, overdue_ns=now_ns)),
        "nobodys": ({"who": "nobody"}, CaseFilter(statuses=OPEN, assignee=0)),
        "open": ({}, CaseFilter(statuses=OPEN)),
        "closed": ({"status": "closed"}, None),
    }
    store = services_of(request).store
    found = []
    for name, (query, where) in views.items():
        count = None if where is None else lists.count_cases(store, where, scope)
        url = "/cases?" + urlencode(query) if query else "/cases"
        found.append({"name": name, "url": url, "count": "" if count is None else _count(request, count)})
    return found


def _count(request: AnyRequest, count: int) -> str:
    t = translator_of(request)
    return t.number(count) if count <= lists.COUNT_MAX else t("cases.many", n=t.number(lists.COUNT_MAX))


def _filter(request: AnyRequest, chosen: dict[str, str], now_ns: int) -> CaseFilter:
    if chosen["status"] not in _STATUSES:
        raise ValidationException(f"status must be one of {', '.join(_STATUSES)}")
    if chosen["verdict"] and chosen["verdict"] not in set(Verdict):
        raise ValidationException(f"verdict must be one of {', '.join(Verdict)}")
    if chosen["site"] and _NAME.search(chosen["site"]) is None:
        raise ValidationException("site must be the name of a site")
    return CaseFilter(
        statuses=_STATUSES[chosen["status"]],
        assignee=_assignee(request, chosen["who"]),
        site=chosen["site"] or None,
        verdict=Verdict(chosen["verdict"]) if chosen["verdict"] else None,
        cause=chosen["cause"] or None,
        tag=chosen["tag"] or None,
        overdue_ns=now_ns if chosen["overdue"] else None,
    )


def _assignee(request: AnyRequest, who: str) -> int | None:
    if who in {"", *_WHO}:
        return {"": None, "nobody": 0}.get(who, the_visitor(request).user.id)
    account = users.user_by_name(services_of(request).store, who)
    # Nobody has the number -1.
    return -1 if account is None else account.id


def _cursor(text: str) -> CaseCursor | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) >= 2**63:
        raise ValidationException("cursor is not one that this list gave")
    return CaseCursor(int(match[1]), int(match[2]))


def _policy_hours(request: AnyRequest) -> dict[str, str] | None:
    if not may(request, Action.EDIT_RULES):
        return None
    with services_of(request).store.read() as connection:
        policy = limits.policy(connection)
    return {"limit": f"{policy.limit_s / 3600:g}", "warn": f"{policy.warn_before_s / 3600:g}"}


ROUTES = (show_cases, show_case)
"""All of them, for the application."""
