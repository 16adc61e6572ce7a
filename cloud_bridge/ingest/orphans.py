"""Chunks whose manifest has not come: a bound on how many a box may leave here, whatever tracks it names for them.

A box sends a manifest before its chunks, so orphans come only where several workers overtake each other, or from a box
that is broken or not ours. They are judged before anything of them is stored, a row of their track included.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from cloud_bridge.ingest.batch import Batch, parts
from cloud_bridge.ingest.parse import BadKind, ChunkItem, EventItem
from cloud_bridge.store import tables as t
from cloud_bridge.store.rows import TrackState
from edge.wire import SnapshotData, TrackData

_Key = tuple[str, int, str]


def within_quota(batch: Batch, fresh: Sequence[EventItem], chunks: Sequence[ChunkItem]) -> list[ChunkItem]:
    """The chunks to take in; orphans beyond their box's quota (`Limits.box_orphan_chunks`) are refused.

    They have no receipt, so the box sends them again; with their manifest they are orphans no more. What is stored
    already passes. Workers that judge at the same time may together exceed the quota by what each has in hand.
    """
    orphans = _orphans(batch, fresh, chunks)
    if not orphans:
        return list(chunks)
    stored = _stored(batch, sorted({item.track for item in orphans}))
    held = {owner: _held(batch, *owner) for owner in sorted({(item.site, item.box) for item in orphans})}
    refused: set[int] = set()
    for item in orphans:
        key, owner = (item.track, item.n, item.message.sha256), (item.site, item.box)
        if key in stored:
            continue
        if held[owner] >= batch.limits.box_orphan_chunks:
            reason = (
                f"box {item.site}/{item.box} has {held[owner]} chunks without a manifest here, its quota "
                f"(ingest.box_orphan_chunks) is {batch.limits.box_orphan_chunks}; no more are kept"
            )
            batch.refuse(item.message, BadKind.ORPHAN, reason)
            refused.add(id(item))
            continue
        stored.add(key)
        held[owner] += 1
    return [item for item in chunks if id(item) not in refused]


def _orphans(batch: Batch, fresh: Sequence[EventItem], chunks: Sequence[ChunkItem]) -> list[ChunkItem]:
    described = {item.event.data.track for item in fresh if isinstance(item.event.data, TrackData)}
    described |= {item.event.data.snapshot for item in fresh if isinstance(item.event.data, SnapshotData)}
    for part in parts(sorted({item.track for item in chunks} - described)):
        query = select(t.track.c.id).where(t.track.c.id.in_(part), t.track.c.manifest.is_not(None))
        described |= set(batch.connection.execute(query).scalars())
    return [item for item in chunks if item.track not in described]


def _stored(batch: Batch, tracks: Sequence[str]) -> set[_Key]:
    found: set[_Key] = set()
    for part in parts(tracks):
        query = select(t.chunk.c.track, t.chunk.c.n, t.chunk.c.sha256).where(t.chunk.c.track.in_(part))
        found |= {(row.track, row.n, row.sha256) for row in batch.connection.execute(query)}
    return found


def _held(batch: Batch, site: str, box: str) -> int:
    """How many orphans of a box are stored."""
    query = (
        select(func.count())
        .select_from(t.track.join(t.chunk, t.chunk.c.track == t.track.c.id))
        .where(t.track.c.state == TrackState.RECEIVING.value, t.track.c.manifest.is_(None))
        .where(t.track.c.site == site, t.track.c.box == box)
    )
    count: int = batch.connection.execute(query).scalar_one()
    return count
