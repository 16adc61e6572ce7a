"""Who may ask what: the guard of every route, and how far the one who asks sees.

How a handler uses it:

    @get("/review", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
    def show_queue(request: AnyRequest) -> Template:
        sight = sight_of(request)                           # how far the visitor reaches with Action.REVIEW
        query = select(t.press).where(sight.where())        # every query about presses carries it

- `opt=needs(action)`: the guard refuses (403) whom the permission table gives the action nowhere. `opt=SIGNED_IN`: who
  is logged in (one's own account). `opt=PUBLIC` (in `visitor`): everybody. A route with none of them is refused to all.
- `sight_of(request)` is how far the visitor reaches with the route's own action, `sight_of(request, action)` with
  another; with one that they do not have it raises the 403. For SQL `sight.where(table)`; for a row read otherwise
  `sight.holds(site, box, button, employee)`; for boxes `sight.holds_box(site, box)`; for one press or track by its id
  `sees_press(store, sight, id)`, `sees_track(store, sight, id)` in `cloud_bridge.store.sight`. What is outside
  answers 404 as if it did not exist. `scope_of` is the scope alone: its places, and the employee of an operator.
- `may(request, action)` for parts of a page; templates have `may("listen")` by the action's name.
- `may_at(request, action, place, employee)` asks about one thing; `require_at` raises the 403.
- Lists of counts (`tally`) have no press: take `scope_of(request).places` and `.employee` for them.
"""

from __future__ import annotations

from typing import Any, Final

from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from cloud_bridge.access.permissions import allowed, scopes
from cloud_bridge.access.table import WORDS, Action
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import Sight, open_sight
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.web.visitor import AnyConnection, program_of, services_of, visitor_of

SIGNED_IN: Final[dict[str, Any]] = {"signed_in": True}
"""A handler's `opt` for what everybody may who is logged in."""


def needs(action: Action, program: TokenScope | None = None) -> dict[str, Any]:
    """A handler's `opt` for what only those may whose role has `action`, and programs whose token has `program`."""
    return {"action": action} if program is None else {"action": action, "program": program}


def programs_only(program: TokenScope) -> dict[str, Any]:
    """A handler's `opt` for what only a program may: no cookie is believed, so no form token is needed."""
    return {"program": program, "exclude_from_csrf": True}


def may(request: AnyConnection, action: Action) -> bool:
    """Whether the visitor may do `action` anywhere at all."""
    return bool(_scopes(request, action))


def may_at(request: AnyConnection, action: Action, place: Place | None, employee: str | None = None) -> bool:
    """Whether the visitor may do `action` at `place` (None: in the whole company) to something of `employee`."""
    visitor = visitor_of(request)
    return visitor is not None and allowed(visitor.bindings, action, place, employee)


def require_at(request: AnyConnection, action: Action, place: Place | None, employee: str | None = None) -> None:
    """Raise the 403 where `may_at` says no."""
    if not may_at(request, action, place, employee):
        raise _refusal(action)


def scope_of(request: AnyConnection, action: Action | None = None) -> Scope:
    """Of which presses the visitor may do `action`, by default the route's own; raises the 403 where of none."""
    program = program_of(request)
    if program is not None:
        held = program.scope(request.route_handler.opt.get("program"))
        if held is None:
            raise _refusal(action)
        return held
    wanted = action or _action_of(request)
    found = _scopes(request, wanted)
    if not found:
        raise _refusal(wanted)
    # An account has one role, so at most one scope.
    return found[0]


def sight_of(request: AnyConnection, action: Action | None = None) -> Sight:
    """`scope_of`, ready to be asked. Reads the database where the visitor's places name counters."""
    return open_sight(services_of(request).store, scope_of(request, action))


def require_permit(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Guard of the whole application: 401 without a session, 403 where the role does not reach."""
    if handler.opt.get("public"):
        return
    program = program_of(connection)
    if program is not None:
        if program.scope(handler.opt.get("program")) is None:
            raise PermissionDeniedException(f"this token lacks the scope {handler.opt.get('program') or '(none fits)'}")
        return
    if visitor_of(connection) is None:
        raise NotAuthorizedException
    if handler.opt.get("signed_in"):
        return
    action = handler.opt.get("action")
    if action is None or not may(connection, action):
        raise _refusal(action)


def _action_of(request: AnyConnection) -> Action:
    action: Action = request.route_handler.opt["action"]
    return action


def _scopes(request: AnyConnection, action: Action) -> tuple[Scope, ...]:
    visitor = visitor_of(request)
    return () if visitor is None else scopes(visitor.bindings, action)


def _refusal(action: Action | None) -> PermissionDeniedException:
    return PermissionDeniedException(
        "nobody may ask this" if action is None else f"your account may not do this here: {WORDS[action]}"
    )
