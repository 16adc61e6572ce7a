"""Gives every box a place in the organisation, and every person whom a box names a row, when first heard of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from cloud_bridge.ingest.batch import Batch, key_in, parts
from cloud_bridge.ingest.parse import EventItem
from cloud_bridge.store import tables_org as org
from edge.wire import PressData, ShiftData

_TIME_ZONE = "UTC"


def adopt_boxes(batch: Batch, owners: Iterable[tuple[str, str]]) -> None:
    """Enter a site and a counter for each (site, box) that has none. What people have arranged stays as it is."""
    wanted = sorted(set(owners))
    source = org.counter_source
    known: set[tuple[str, str]] = set()
    for part in parts(wanted):
        query = select(source.c.site, source.c.box).where(key_in((source.c.site, source.c.box), part))
        known |= {(row.site, row.box) for row in batch.connection.execute(query)}
    new = [owner for owner in wanted if owner not in known]
    if not new:
        return
    batch.connection.execute(batch.insert(org.site), [new_site(site) for site in sorted({site for site, _ in new})])
    counters = [{"site": site, "name": box, "title": box, "retired": False} for site, box in new]
    batch.connection.execute(batch.insert(org.counter), counters)
    sources = [{"site": site, "box": box, "button": org.EVERY_BUTTON, "counter": box} for site, box in new]
    batch.connection.execute(batch.insert(source), sources)


def new_site(name: str) -> dict[str, str | None]:
    """The row of a site of which nothing is known but its name."""
    return {"name": name, "title": name, "time_zone": _TIME_ZONE, "calendar": None}


def adopt_employees(batch: Batch, fresh: Sequence[EventItem]) -> None:
    """Enter the people whom new presses and shifts name."""
    named = {
        item.event.data.employee
        for item in fresh
        if isinstance(item.event.data, PressData | ShiftData) and item.event.data.employee
    }
    if named:
        # Of no site: which of several came first must not be what decides.
        rows = [{"name": name, "title": name, "site": None, "retired": False} for name in sorted(named)]
        batch.connection.execute(batch.insert(org.employee), rows)
