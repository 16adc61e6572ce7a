"""Alarms for pages: lists by time, one with its evidence; only of the places that a reader may see."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, Select, and_, false, or_, select, true, tuple_

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables_alarm import alarm, alarm_press, rule

STATES: Final = ("open", "active", "cleared", "done", "withdrawn", "all")


class AlarmRow(Struct, frozen=True, kw_only=True):
    """An alarm's record; see `cloud_bridge.store.tables_alarm`. `title` and `settings` are its rule's."""

    id: str
    rule: int
    title: str
    settings: str
    scope: str
    site: str
    counter: str | None
    employee: str | None
    since_ns: int
    raised_ns: int
    cleared_ns: int | None
    steps: int
    events: int
    life: str
    acknowledged_by: str | None
    acknowledged_ns: int | None
    note: str
    simulated: bool
    plan: StreamPlan
    levels: tuple[tuple[int, float], ...]

    @property
    def place(self) -> dict[str, str | None]:
        """What `place_text` needs."""
        return {"site": self.site, "counter": self.counter, "employee": self.employee}


class EvidenceRow(Struct, frozen=True, kw_only=True):
    """A press in an alarm's window; `counted` ones raised it."""

    id: str
    wall_ns: int
    site: str
    box: str
    button: str
    trigger: str
    rating: int | None
    employee: str | None
    track: str | None
    counted: bool


class AlarmPage(Struct, frozen=True):
    """A part of the list; `next`: where the next one begins, None: nowhere."""

    rows: tuple[AlarmRow, ...]
    next: tuple[int, str] | None


def list_alarms(
    store: Store, scope: Scope, *, state: str, site: str, before: tuple[int, str] | None, limit: int
) -> AlarmPage:
    """Alarms in a state (one of `STATES`), newest first, from `before` on."""
    query = _rows().where(_in(scope), _state(state))
    if site:
        query = query.where(alarm.c.site == site)
    if before is not None:
        query = query.where(tuple_(alarm.c.raised_ns, alarm.c.id) < before)
    query = query.order_by(alarm.c.raised_ns.desc(), alarm.c.id.desc()).limit(limit + 1)
    with store.read() as connection:
        rows = [_row(row) for row in connection.execute(query).mappings()]
    shown = tuple(rows[:limit])
    return AlarmPage(shown, (shown[-1].raised_ns, shown[-1].id) if len(rows) > limit else None)


def find_alarm(store: Store, scope: Scope, alarm_id: str) -> AlarmRow | None:
    """One alarm that may be seen."""
    with store.read() as connection:
        row = connection.execute(_rows().where(_in(scope), alarm.c.id == alarm_id)).mappings().one_or_none()
    return None if row is None else _row(row)


def evidence(
    store: Store, alarm_id: str, visible: ColumnElement[bool], limit: int, *, everything: bool
) -> tuple[EvidenceRow, ...]:
    """An alarm's evidence, or all presses of its window, the oldest first; `visible`: what the reader may see."""
    columns = [t.press.c[name] for name in EvidenceRow.__struct_fields__ if name != "counted"]
    query = (
        select(*columns, alarm_press.c.counted)
        .join(alarm_press, alarm_press.c.press == t.press.c.id)
        .where(alarm_press.c.alarm == alarm_id, visible, true() if everything else alarm_press.c.counted)
        .order_by(t.press.c.wall_ns, t.press.c.id)
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(EvidenceRow(**row) for row in connection.execute(query).mappings())


def _rows() -> Select[Any]:
    names = [name for name in AlarmRow.__struct_fields__ if name not in {"title", "settings"}]
    return select(*[alarm.c[name] for name in names], rule.c.title, rule.c.settings).join(
        rule, rule.c.id == alarm.c.rule
    )


def _in(scope: Scope) -> ColumnElement[bool]:
    if scope.employee is not None:
        return alarm.c.employee == scope.employee
    if not scope.places:
        return true()
    return or_(
        false(),
        *[
            and_(alarm.c.site == place.site, alarm.c.counter == place.counter)
            if place.counter
            else alarm.c.site == place.site
            for place in scope.places
        ],
    )


def _state(state: str) -> ColumnElement[bool]:
    seen = alarm.c.acknowledged_ns.is_not(None)
    match state:
        case "open":
            return or_(alarm.c.life == "active", and_(alarm.c.life == "cleared", ~seen))
        case "done":
            return and_(alarm.c.life == "cleared", seen)
        case "active" | "cleared" | "withdrawn":
            return alarm.c.life == state
        case _:
            return true()


def _row(row: RowMapping) -> AlarmRow:
    values = dict(row)
    values["plan"] = msgspec.json.decode(row["plan"], type=StreamPlan)
    values["levels"] = msgspec.json.decode(row["levels"], type=tuple[tuple[int, float], ...])
    return AlarmRow(**values)
