"""Says in the transaction that changes presses or shifts which stretches of which box have to be counted anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, func, insert, select

from cloud_bridge.ingest.batch import Batch, parts
from cloud_bridge.ingest.parse import EventItem
from cloud_bridge.store import tables as t
from cloud_bridge.store.tables_tally import tally_dirty
from edge.wire import PressData, ShiftData, SnapshotData

_FOREVER_NS = 2**63 - 1


def mark_new(batch: Batch, fresh: Sequence[EventItem]) -> None:
    """Presses change their own instant; a shift changes whose presses followed, up to the next one that is known.

    A verdict on a client's smile changes the instant of its press.
    """
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for item in fresh:
        data = item.event.data
        if isinstance(data, PressData):
            wall_ns = data.stamp.wall_ns
            _widen(spans, (item.event.site, item.event.box), wall_ns, wall_ns)
        elif isinstance(data, ShiftData):
            wall_ns = data.stamp.wall_ns
            _widen(spans, (item.event.site, item.event.box), wall_ns, _end_of_shift(batch, item, data))
    _mark(batch, spans)
    _mark_smiles(batch, fresh)


def mark_redated(
    batch: Batch, table: Table, condition: ColumnElement[bool], clock: Any, new_ns: ColumnElement[int]
) -> None:
    """Rows of `table` that are about to be dated `new_ns` change where they were and where they will be."""
    if table is not t.press and table is not t.shift:
        return
    old = table.c.wall_ns
    query = select(func.min(old), func.max(old), func.min(new_ns), func.max(new_ns)).where(condition)
    low, high, new_low, new_high = batch.connection.execute(query).one()
    if low is None:
        return
    owner = (clock["site"], clock["box"])
    # Whose presses follow a shift is open-ended.
    _mark(batch, {owner: (low, _FOREVER_NS if table is t.shift else high)})
    _mark(batch, {owner: (new_low, _FOREVER_NS if table is t.shift else new_high)})


def _mark_smiles(batch: Batch, fresh: Sequence[EventItem]) -> None:
    seen = {
        item.event.data.press: (item.event.site, item.event.box, item.event.data.stamp.wall_ns)
        for item in fresh
        if isinstance(item.event.data, SnapshotData) and item.event.data.smiled is not None
    }
    places = set(seen.values())
    # A press that was dated anew is no longer where its snapshot says; one that has not come yet marks itself.
    for part in parts(sorted(seen)):
        query = select(t.press.c.site, t.press.c.box, t.press.c.wall_ns).where(t.press.c.id.in_(part))
        places |= {tuple(row) for row in batch.connection.execute(query)}
    for site, box, wall_ns in sorted(places):
        _mark(batch, {(site, box): (wall_ns, wall_ns)})


def _end_of_shift(batch: Batch, item: EventItem, data: ShiftData) -> int:
    shift = t.shift
    query = select(func.min(shift.c.wall_ns)).where(
        shift.c.site == item.event.site,
        shift.c.box == item.event.box,
        shift.c.button == data.button,
        shift.c.wall_ns > data.stamp.wall_ns,
    )
    found: int | None = batch.connection.execute(query).scalar()
    return _FOREVER_NS if found is None else found


def _widen(spans: dict[tuple[str, str], tuple[int, int]], owner: tuple[str, str], low: int, high: int) -> None:
    known = spans.get(owner, (low, high))
    spans[owner] = (min(known[0], low), max(known[1], high))


def _mark(batch: Batch, spans: dict[tuple[str, str], tuple[int, int]]) -> None:
    rows = [
        {"site": site, "box": box, "from_ns": low, "until_ns": high}
        for (site, box), (low, high) in sorted(spans.items())
    ]
    if rows:
        batch.connection.execute(insert(tally_dirty), rows)
