"""A batch of parsed messages into the database, in one transaction, idempotent by id.

Any order, any repetition and several workers at once leave the same rows. What makes it so: rows are inserted once
and never overwritten by a repetition; what depends on two messages (a manifest and its chunks, a clock repair and the
records of that boot) is decided while the lock of their common row (track, boot_clock) is held, so the later of two
transactions always sees both. Tables are locked in one order and rows in the order of their keys; where two
transactions meet all the same, the database ends one of them and the caller repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select, update

from cloud_bridge.faultpoint import FaultPoint, no_fault
from cloud_bridge.ingest import boxes, dirty, events, numbering, places, quarantine, snapshots, tracks
from cloud_bridge.ingest.batch import PENDING_CHANGE, Batch, Limits, Outcome, parts
from cloud_bridge.ingest.parse import Bad, ChunkItem, EventItem, HealthItem, Item, StatusItem
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.updates import reports


def commit(store: Store, items: Sequence[Item], now_ns: int, limits: Limits, fault: FaultPoint = no_fault) -> Outcome:
    """Store a batch; when it returns, all of it is durable. Raises SQLAlchemy's errors, then nothing is stored."""
    with store.write() as connection:
        batch = Batch(connection, now_ns, limits)
        batch.outcome.bad += [item for item in items if isinstance(item, Bad)]
        boxes.write(batch, [item for item in items if isinstance(item, StatusItem | HealthItem)], items)
        fresh = events.write(batch, [item for item in items if isinstance(item, EventItem)])
        places.adopt_employees(batch, fresh)
        dirty.mark_new(batch, fresh)
        clocks = events.lock_clocks(batch, fresh)
        snapshots.write(batch, fresh)
        tracks.write(batch, fresh, [item for item in items if isinstance(item, ChunkItem)])
        reports.write(batch, fresh)
        events.repair_times(batch, clocks)
        numbering.write(batch, fresh)
        quarantine.write(batch)
        number_changes(batch)
        fault("bridge.ingest.before_commit")
    fault("bridge.ingest.after_commit")
    return batch.outcome


def number_changes(batch: Batch) -> None:
    """Give all touched presses the next change number; the last thing in a transaction (see `tables`)."""
    for part in parts(sorted(batch.touched_tracks)):
        shown = or_(t.press.c.track.in_(part), t.press.c.snapshot.in_(part))
        query = update(t.press).where(shown).values(change=PENDING_CHANGE)
        batch.presses_touched |= batch.connection.execute(query).rowcount > 0
    if not batch.presses_touched:
        return
    query = update(t.change).values(value=t.change.c.value + 1)
    if batch.connection.execute(query).rowcount == 0:
        # The first change ever; another worker may be making it too.
        batch.connection.execute(batch.insert(t.change).values(id=1, value=0))
        batch.connection.execute(query)
    number = batch.connection.execute(select(t.change.c.value)).scalar_one()
    batch.connection.execute(update(t.press).where(t.press.c.change == PENDING_CHANGE).values(change=number))
