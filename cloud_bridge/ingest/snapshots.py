"""Snapshots of presses as they come: one row each, whatever came before it. Their pictures come as tracks do."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from cloud_bridge.ingest.batch import Batch, parts
from cloud_bridge.ingest.parse import BadKind, EventItem
from cloud_bridge.store import tables_snapshot as ts
from edge import wire
from edge.wire import SnapshotData


def write(batch: Batch, fresh: Sequence[EventItem]) -> None:
    """Store new snapshots; a second one under the id of another goes to quarantine, the first one stays."""
    wanted: dict[str, tuple[EventItem, SnapshotData]] = {}
    for item in fresh:
        if isinstance(item.event.data, SnapshotData):
            data = item.event.data
            if data.snapshot in wanted:
                _refuse(batch, item, data)
            else:
                wanted[data.snapshot] = (item, data)
    known: set[str] = set()
    for part in parts(sorted(wanted)):
        found = batch.connection.execute(select(ts.snapshot.c.id).where(ts.snapshot.c.id.in_(part)))
        known |= set(found.scalars())
    rows = []
    for snapshot in sorted(wanted):
        item, data = wanted[snapshot]
        if snapshot in known:
            _refuse(batch, item, data)
            continue
        # The press shows it, also where it has no picture.
        batch.touched_tracks.add(snapshot)
        rows.append(
            {
                "id": snapshot,
                "event": item.event.id,
                "press": data.press,
                "site": item.event.site,
                "box": item.event.box,
                "state": str(data.state),
                "probability": data.probability,
                "smiled": data.smiled,
                "simulated": data.simulated,
                "data": wire.encode(data).decode(),
                "received_ns": batch.now_ns,
            }
        )
    if rows:
        batch.connection.execute(batch.insert(ts.snapshot), rows)


def _refuse(batch: Batch, item: EventItem, data: SnapshotData) -> None:
    batch.refuse(item.message, BadKind.CONFLICT, f"snapshot {data.snapshot} is known already; the first one stays")
