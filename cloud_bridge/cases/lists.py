"""Questions about cases: lists by urgency, a board, one case with its history and presses. Paged by key.

`scope` leaves out cases of other places; whose case it is, its first press decided.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, false, func, or_, select, true, tuple_

from cloud_bridge.cases import tree
from cloud_bridge.cases.rows import CaseCursor, CaseEvent, CaseFilter, CasePage, CaseRow, Status, Verdict
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import EVERYTHING, Scope

LIMIT_MAX = 200
COUNT_MAX = 1000
"""Lists count no further: more is "more than"."""


def list_cases(
    store: Store, where: CaseFilter, cursor: CaseCursor | None = None, limit: int = 50, scope: Scope = EVERYTHING
) -> CasePage:
    """One page of cases that are merged into no other, the most urgent first, after `cursor`."""
    limit = max(1, min(limit, LIMIT_MAX))
    file = t.case_file
    query = _cases().where(*_wanted(where, scope)).order_by(file.c.order_ns, file.c.id).limit(limit + 1)
    if cursor is not None:
        query = query.where(tuple_(file.c.order_ns, file.c.id) > tuple_(cursor.order_ns, cursor.id))
    with store.read() as connection:
        rows = connection.execute(query).mappings().all()
        found = _rows(connection, rows[:limit])
    more = len(rows) > limit
    return CasePage(found, CaseCursor(found[-1].order_ns, found[-1].id) if more else None)


def count_cases(store: Store, where: CaseFilter, scope: Scope = EVERYTHING) -> int:
    """How many cases there are; `COUNT_MAX` + 1 stands for more."""
    some = select(t.case_file.c.id).where(*_wanted(where, scope)).limit(COUNT_MAX + 1).subquery()
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def find_case(store: Store, case: int, scope: Scope = EVERYTHING) -> CaseRow | None:
    """A case, merged ones too, or None where there is none or `scope` does not hold it."""
    with store.read() as connection:
        found = connection.execute(_cases().where(t.case_file.c.id == case)).mappings().all()
        rows = _rows(connection, found)
    return rows[0] if rows and holds(scope, rows[0]) else None


def holds(scope: Scope, row: CaseRow) -> bool:
    """Whether a case is at one of the places of `scope`; equal to what lists select."""
    if not scope.places or Place(row.site) in scope.places:
        return True
    return row.counter is not None and Place(row.site, row.counter) in scope.places


def standing(store: Store, case: int) -> int:
    """The case that stands for `case`: itself, unless it is merged."""
    with store.read() as connection:
        return tree.root_of(connection, case)


def merged_into(store: Store, root: int) -> tuple[CaseRow, ...]:
    """All cases that are merged into one, also through others."""
    with store.read() as connection:
        below = tree.family(connection, root)[1:]
        query = _cases().where(t.case_file.c.id.in_(below)).order_by(t.case_file.c.id)
        return _rows(connection, connection.execute(query).mappings().all())


def presses_of(store: Store, root: int) -> tuple[tuple[str, int], ...]:
    """(press, the case it was put into) of a case and those merged into it, in order of time."""
    with store.read() as connection:
        query = (
            select(t.case_press.c.press, t.case_press.c.case)
            .join(tp.press, tp.press.c.id == t.case_press.c.press)
            .where(t.case_press.c.case.in_(tree.family(connection, root)))
            .order_by(tp.press.c.wall_ns, tp.press.c.id)
        )
        return tuple((row.press, int(row.case)) for row in connection.execute(query))


def case_of_press(store: Store, press: str, scope: Scope = EVERYTHING) -> int | None:
    """The case that stands for the one a press is in; None where it is in none, or in one that `scope` lacks."""
    case = cases_of_presses(store, [press]).get(press)
    return None if case is None or find_case(store, case, scope) is None else case


def cases_of_presses(store: Store, presses: Iterable[str]) -> dict[str, int]:
    """For each press that is in a case: the case that stands for it."""
    with store.read() as connection:
        query = select(t.case_press).where(t.case_press.c.press.in_(sorted(set(presses))))
        return {row.press: tree.root_of(connection, row.case) for row in connection.execute(query).all()}


def history(store: Store, root: int, limit: int = 500) -> tuple[CaseEvent, ...]:
    """The latest lines of the history of a case and those merged into it, newest first."""
    with store.read() as connection:
        query = (
            select(t.case_event)
            .where(t.case_event.c.case.in_(tree.family(connection, root)))
            .order_by(t.case_event.c.id.desc())
            .limit(limit)
        )
        rows = connection.execute(query).mappings().all()
    return tuple(CaseEvent(**{**row, "data": json.loads(row["data"])}) for row in rows)


def tags_in_use(store: Store, limit: int = 200) -> tuple[str, ...]:
    """Tags that cases have, by name."""
    query = select(t.case_tag.c.tag).distinct().order_by(t.case_tag.c.tag).limit(limit)
    with store.read() as connection:
        return tuple(connection.execute(query).scalars())


def _cases() -> Select[Any]:
    return select(t.case_file, tp.user.c.name.label("assignee_name")).outerjoin(
        tp.user, tp.user.c.id == t.case_file.c.assignee
    )


def _wanted(where: CaseFilter, scope: Scope) -> list[ColumnElement[bool]]:
    file = t.case_file
    found: list[ColumnElement[bool]] = [file.c.merged_into.is_(None), _of_places(scope)]
    if where.statuses:
        found.append(file.c.status.in_([str(one) for one in where.statuses]))
    if where.assignee is not None:
        found.append(file.c.assignee == where.assignee if where.assignee else file.c.assignee.is_(None))
    for column, value in ((file.c.site, where.site), (file.c.verdict, where.verdict), (file.c.cause, where.cause)):
        if value is not None:
            found.append(column == str(value))
    if where.tag is not None:
        found.append(file.c.id.in_(select(t.case_tag.c.case).where(t.case_tag.c.tag == where.tag)))
    if where.overdue_ns is not None:
        found.append(file.c.order_ns <= min(where.overdue_ns, t.NO_LIMIT - 1))
    if where.opened_since_ns is not None:
        found.append(file.c.opened_ns >= where.opened_since_ns)
    if where.opened_until_ns is not None:
        found.append(file.c.opened_ns < where.opened_until_ns)
    return found


def _of_places(scope: Scope) -> ColumnElement[bool]:
    if not scope.places:
        return true()
    file = t.case_file
    sites = sorted(place.site for place in scope.places if not place.counter)
    some: list[ColumnElement[bool]] = [file.c.site.in_(sites)] if sites else []
    some += [
        and_(file.c.site == place.site, file.c.counter == place.counter)
        for place in sorted(scope.places)
        if place.counter
    ]
    return or_(false(), *some)


def _rows(connection: Connection, rows: Iterable[RowMapping]) -> tuple[CaseRow, ...]:
    found = list(rows)
    ids = [row["id"] for row in found]
    tags: dict[int, list[str]] = {}
    query = select(t.case_tag).where(t.case_tag.c.case.in_(ids)).order_by(t.case_tag.c.tag)
    for tag in connection.execute(query):
        tags.setdefault(tag.case, []).append(tag.tag)
    counts = _press_counts(connection, ids)
    triggers = _triggers(connection, ids)
    names = [name for name in CaseRow.__struct_fields__ if name in t.case_file.c or name == "assignee_name"]
    own = {"status", "verdict"}
    return tuple(
        CaseRow(
            **{name: row[name] for name in names if name not in own},
            status=Status(row["status"]),
            verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
            presses=counts.get(row["id"], 0),
            tags=tuple(tags.get(row["id"], ())),
            trigger=triggers.get(row["id"], ""),
        )
        for row in found
    )


def _triggers(connection: Connection, ids: list[int]) -> dict[int, str]:
    """The trigger of the first press of each case."""
    query = (
        select(t.case_press.c.case, tp.press.c.trigger)
        .join(tp.press, tp.press.c.id == t.case_press.c.press)
        .where(t.case_press.c.case.in_(ids))
        .order_by(tp.press.c.wall_ns.desc(), tp.press.c.id.desc())
    )
    # The last one that is entered is the first in time.
    return {int(row.case): str(row.trigger) for row in connection.execute(query)}


def _press_counts(connection: Connection, ids: list[int]) -> dict[int, int]:
    """Presses of cases and of all that are merged into them."""
    file = t.case_file
    start = select(file.c.id.label("root"), file.c.id).where(file.c.id.in_(ids)).cte("members", recursive=True)
    members = start.union_all(select(start.c.root, file.c.id).where(file.c.merged_into == start.c.id))
    query = (
        select(members.c.root, func.count().label("n"))
        .join(t.case_press, t.case_press.c.case == members.c.id)
        .group_by(members.c.root)
    )
    return {int(row.root): int(row.n) for row in connection.execute(query)}
