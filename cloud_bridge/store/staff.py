"""What boxes tell of a site's people and buttons: who was seen, which buttons there are, who is on shift."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import select

from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.sight import Sight
from cloud_bridge.store.tables_tally import tally

SEEN_NS = 90 * 86_400 * 1_000_000_000
"""For how long somebody whom counts or shifts name is taken to work there."""


class Turn(Struct, frozen=True, kw_only=True):
    """From `wall_ns` on, presses of a button belong to `employee` (None: nobody is on shift)."""

    id: str
    box: str
    button: str
    employee: str | None
    wall_ns: int
    dated: bool


def seen_at(store: Store, site: str, since_ns: int) -> tuple[set[tuple[str, str]], set[str]]:
    """(box, button) and employees of a site's presses and shifts since then, as far as they are counted."""
    counted = select(tally.c.box, tally.c.button, tally.c.employee).where(
        tally.c.site == site, tally.c.slot_ns >= since_ns
    )
    turns = select(t.shift.c.box, t.shift.c.button, t.shift.c.employee).where(
        t.shift.c.site == site, t.shift.c.wall_ns >= since_ns
    )
    with store.read() as connection:
        rows = [*connection.execute(counted.distinct()), *connection.execute(turns.distinct())]
    return {(row.box, row.button) for row in rows if row.button}, {row.employee for row in rows if row.employee}


def latest_turns(store: Store, site: str, since_ns: int, limit: int = 200) -> tuple[Turn, ...]:
    """The shifts that changed at a site since then, newest first; the first one of a button holds."""
    query = (
        select(t.shift)
        .where(t.shift.c.site == site, t.shift.c.wall_ns >= since_ns)
        .order_by(t.shift.c.wall_ns.desc(), t.shift.c.id.desc())
        .limit(limit)
    )
    with store.read() as connection:
        rows = connection.execute(query).all()
    return tuple(
        Turn(
            id=row.id,
            box=row.box,
            button=row.button,
            employee=row.employee,
            wall_ns=row.wall_ns,
            dated=row.synced or row.repaired,
        )
        for row in rows
    )


def people_in(store: Store, sight: Sight, known: Organisation, now_ns: int) -> tuple[tuple[str, str], ...]:
    """(name, title) of the people whom a list of presses in `sight` can be narrowed to, those who left aside.

    Who sees everything gets all; others those of their whole sites and those whom counts of the last 90 days name at
    their places. People of nowhere in particular are nobody's business elsewhere.
    """
    if sight.scope.employee is not None:
        names = {sight.scope.employee}
    elif not sight.scope.places:
        names = set(known.employees)
    else:
        sites = {place.site for place in sight.scope.places}
        columns = (tally.c.site, tally.c.box, tally.c.button, tally.c.employee)
        query = select(*columns).where(tally.c.site.in_(sorted(sites)), tally.c.slot_ns >= now_ns - SEEN_NS).distinct()
        with store.read() as connection:
            rows = connection.execute(query).all()
        names = {row.employee for row in rows if sight.holds(row.site, row.box, row.button, row.employee)}
        names |= {one.name for one in known.employees.values() if Place(one.site or "") in sight.scope.places}
    return tuple((one.name, one.title) for one in known.employees.values() if one.name in names and not one.retired)
