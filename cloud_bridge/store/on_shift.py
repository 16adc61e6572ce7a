"""Who works at a box, from the shifts that it reported: whose press a client's press is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, or_, select

from cloud_bridge.store import tables as t


class Turn(NamedTuple):
    """From `wall_ns` on `employee` works at a button's place; None: nobody."""

    wall_ns: int
    button: str
    employee: str | None


def turns(connection: Connection, site: str, box: str, low_ns: int, last_ns: int) -> list[Turn]:
    """Shifts that began in the stretch, and for each button the last one before it, in order of time."""
    shift = t.shift
    here = (shift.c.site == site, shift.c.box == box)
    before = (
        select(shift.c.button, func.max(shift.c.wall_ns).label("wall_ns"))
        .where(*here, shift.c.wall_ns < low_ns)
        .group_by(shift.c.button)
        .subquery()
    )
    is_last = (shift.c.button == before.c.button) & (shift.c.wall_ns == before.c.wall_ns)
    query = (
        select(shift.c.wall_ns, shift.c.button, shift.c.employee, shift.c.id)
        .outerjoin(before, is_last)
        .where(*here, or_(before.c.button.is_not(None), shift.c.wall_ns.between(low_ns, last_ns)))
        .order_by(shift.c.wall_ns, shift.c.id)
    )
    return [Turn(row.wall_ns, row.button, row.employee) for row in connection.execute(query)]


class OnShift:
    """Who works at a box, asked for instants that never go back."""

    def __init__(self, known: Sequence[Turn]) -> None:
        self._turns = list(reversed(known))
        self._now: dict[str, str | None] = {}

    def alone_at(self, wall_ns: int) -> str | None:
        """The only person on shift; None where it is nobody or one of several."""
        while self._turns and self._turns[-1].wall_ns <= wall_ns:
            turn = self._turns.pop()
            self._now[turn.button] = turn.employee
        people = {employee for employee in self._now.values() if employee}
        return people.pop() if len(people) == 1 else None
