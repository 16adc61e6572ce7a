"""Tracks while they come: promised by a press, described by a manifest, filled chunk by chunk in any order.

The picture of a snapshot comes the same way, under the snapshot's id, with the snapshot's event as its manifest.

Before its manifest a chunk is kept whatever it holds, several contents of one index side by side; the manifest then
decides. After it, only what matches is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, delete, func, select, update

from cloud_bridge.ingest.batch import Batch, Owned, key_in, parts
from cloud_bridge.ingest.events import dated
from cloud_bridge.ingest.orphans import within_quota
from cloud_bridge.ingest.parse import BadKind, ChunkItem, EventItem, incoming
from cloud_bridge.store import tables as t
from cloud_bridge.store.rows import TrackState
from edge import wire
from edge.wire import Picture, PressData, Received, SnapshotData, TrackData, TrackLostData

Row = dict[str, Any]
SOUND, PICTURE = "sound", "picture"


def write(batch: Batch, fresh: Sequence[EventItem], chunks: Sequence[ChunkItem]) -> None:
    """Apply new events to their tracks and store chunks; names the tracks whose sound is now all there."""
    chunks = within_quota(batch, fresh, chunks)
    owners: dict[str, tuple[str, str]] = {}
    for item in fresh:
        track = _track_of(item)
        if track is not None:
            owners.setdefault(track, (item.event.site, item.event.box))
    for chunk in chunks:
        owners.setdefault(chunk.track, (chunk.site, chunk.box))
    # What it is only its manifest tells.
    blank = {"state": str(TrackState.EXPECTED), "repaired": False, "kind": SOUND}
    promised = [{"id": track, "site": site, "box": box, **blank} for track, (site, box) in owners.items()]
    rows = {row["id"]: dict(row) for row in batch.lock(t.track, promised, ("id",))}
    before = {key: dict(row) for key, row in rows.items()}

    described = []
    for item in fresh:
        track = _track_of(item)
        if track is None or not _is_owner(batch, rows[track], item):
            continue
        row, data = rows[track], item.event.data
        if isinstance(data, TrackData | SnapshotData) and _describe(batch, row, item, data):
            described.append(row)
        elif isinstance(data, TrackLostData):
            row["lost_reason"] = data.reason
            row["press"] = row["press"] or data.press
    _judge_waiting_chunks(batch, described)
    arrived = _write_chunks(batch, rows, chunks)
    for row in rows.values():
        row["state"] = _state(row, has_chunks=row["id"] in arrived)
        if row != before[row["id"]]:
            batch.connection.execute(update(t.track).where(t.track.c.id == row["id"]).values(row))
            batch.touched_tracks.add(row["id"])
    _find_ready(batch, [row for row in rows.values() if row["id"] in arrived or row in described])


def manifest_of(row: Any) -> TrackData | Picture | None:
    """What a row of tracks was described as: a track or a picture."""
    if row["manifest"] is None:
        return None
    kind: type[TrackData | Picture] = Picture if row["kind"] == PICTURE else TrackData
    return msgspec.json.decode(row["manifest"], type=kind)


def _track_of(item: EventItem) -> str | None:
    data = item.event.data
    if isinstance(data, SnapshotData):
        return None if data.picture is None else data.snapshot
    return data.track if isinstance(data, PressData | TrackData | TrackLostData) else None


def _is_owner(batch: Batch, row: Row, item: EventItem | ChunkItem) -> bool:
    named = (item.event.site, item.event.box) if isinstance(item, EventItem) else (item.site, item.box)
    if named == (row["site"], row["box"]):
        return True
    reason = f"track {row['id']} belongs to {row['site']}/{row['box']}, not to {'/'.join(named)}"
    batch.refuse(item.message, BadKind.FOREIGN_TRACK, reason)
    return False


def _describe(batch: Batch, row: Row, item: EventItem, data: TrackData | SnapshotData) -> bool:
    """Enter a manifest; False where the track has one already (the first stays)."""
    manifest = data.picture if isinstance(data, SnapshotData) else data
    if manifest is None:
        return False
    if row["manifest"] is not None:
        if row["sha256"] != manifest.sha256:
            reason = f"track {row['id']} has a manifest of sha256 {row['sha256']} already; the first one stays"
            batch.refuse(item.message, BadKind.CONFLICT, reason)
        return False
    row |= {
        "press": data.press,
        "manifest": wire.encode(manifest).decode(),
        "partial": data.partial,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "chunks": len(manifest.chunk_sha256),
        **dated(data.stamp),
    }
    row |= (
        {"extends": data.extends, "trigger": str(data.trigger)}
        if isinstance(data, TrackData)
        else {"kind": PICTURE, "extends": None, "trigger": None}
    )
    return True


def _state(row: Row, *, has_chunks: bool) -> str:
    """The state follows from what is there, hence not from the order in which it came."""
    if row["removed_ns"] is not None:
        return TrackState.DELETED.value
    if row["blob"] is not None:
        return TrackState.COMPLETE.value
    if row["lost_reason"] is not None:
        return TrackState.LOST.value
    if row["manifest"] is not None or has_chunks or row["state"] == TrackState.RECEIVING:
        return TrackState.RECEIVING.value
    return TrackState.EXPECTED.value


def _judge_waiting_chunks(batch: Batch, described: Sequence[Row]) -> None:
    """Throw out chunks that came before their manifest and are not what it lists."""
    by_id = {row["id"]: row for row in described}
    for part in parts(sorted(by_id)):
        query = select(t.chunk.c.track, t.chunk.c.n, t.chunk.c.sha256).where(t.chunk.c.track.in_(part))
        for chunk in batch.connection.execute(query.order_by(t.chunk.c.track, t.chunk.c.n)).all():
            row = by_id[chunk.track]
            manifest = manifest_of(row)
            if manifest is None or _fits(manifest, chunk.n, chunk.sha256):
                continue
            key = and_(t.chunk.c.track == chunk.track, t.chunk.c.n == chunk.n, t.chunk.c.sha256 == chunk.sha256)
            data = batch.connection.execute(select(t.chunk.c.data).where(key)).scalar_one()
            batch.connection.execute(delete(t.chunk).where(key))
            name_topic = wire.picture_topic if row["kind"] == PICTURE else wire.chunk_topic
            topic = name_topic(row["site"], row["box"], chunk.track, chunk.n)
            item = ChunkItem(incoming(topic, bytes(data)), row["site"], row["box"], chunk.track, chunk.n)
            _refuse_chunk(batch, manifest, item)


def _write_chunks(batch: Batch, rows: dict[str, Row], chunks: Sequence[ChunkItem]) -> set[str]:
    """Store what fits (or what no manifest judges yet); returns the tracks of which something good came."""
    waiting = _waiting_counts(batch, [row["id"] for row in rows.values() if row["manifest"] is None])
    manifests = {track: manifest_of(rows[track]) for track in {item.track for item in chunks}}
    new: dict[tuple[str, int, str], Row] = {}
    arrived: set[str] = set()
    for item in chunks:
        row, digest = rows[item.track], item.message.sha256
        if not _is_owner(batch, row, item):
            continue
        manifest = manifests[item.track]
        if manifest is not None and not _fits(manifest, item.n, digest):
            _refuse_chunk(batch, manifest, item)
            continue
        key = (item.track, item.n, digest)
        if manifest is None and key not in new:
            if waiting.get(item.track, 0) >= batch.limits.orphan_chunks:
                reason = f"track {item.track} has {waiting[item.track]} chunks and no manifest; no more are kept"
                batch.refuse(item.message, BadKind.ORPHAN, reason)
                continue
            waiting[item.track] = waiting.get(item.track, 0) + 1
        if row["blob"] is None:
            new[key] = {"track": item.track, "n": item.n, "sha256": digest, "site": item.site, "box": item.box}
            new[key]["data"] = item.message.payload
        arrived.add(item.track)
        batch.receipt(item.site, item.box, Received(kind="chunk", id=item.track, sha256=digest, n=item.n))
    if new:
        batch.connection.execute(batch.insert(t.chunk), [new[key] for key in sorted(new)])
        batch.outcome.new_chunks += len(new)
    return arrived


def _waiting_counts(batch: Batch, tracks: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in parts(tracks):
        query = select(t.chunk.c.track, func.count().label("n")).where(t.chunk.c.track.in_(part))
        for row in batch.connection.execute(query.group_by(t.chunk.c.track)).mappings():
            counts[row["track"]] = row["n"]
    return counts


def _fits(manifest: TrackData | Picture, n: int, digest: str) -> bool:
    return n < len(manifest.chunk_sha256) and manifest.chunk_sha256[n] == digest


def _refuse_chunk(batch: Batch, manifest: TrackData | Picture, item: ChunkItem) -> None:
    total = len(manifest.chunk_sha256)
    if item.n >= total:
        reason = f"chunk {item.n} does not exist: the manifest lists {total}, from 0"
        batch.refuse(item.message, BadKind.CHUNK_INDEX, reason)
        return
    wanted = manifest.chunk_sha256[item.n]
    reason = f"chunk {item.n} has sha256 {item.message.sha256}, the manifest says {wanted}; asked for it again"
    batch.refuse(item.message, BadKind.CHUNK_HASH, reason)
    again = Received(kind="chunk", id=item.track, sha256=wanted, n=item.n)
    batch.outcome.resend.append(Owned(item.site, item.box, again))


def _find_ready(batch: Batch, rows: Sequence[Row]) -> None:
    for part in parts([row for row in rows if row["manifest"] is not None]):
        batch.outcome.ready |= {row["id"] for row in part if row["blob"] is not None}
        wanted = {row["id"]: row["chunks"] for row in part if row["blob"] is None}
        query = select(t.chunk.c.track, func.count(t.chunk.c.n.distinct()).label("n"))
        query = query.where(key_in([t.chunk.c.track], [(key,) for key in wanted])).group_by(t.chunk.c.track)
        for row in batch.connection.execute(query).mappings():
            if row["n"] == wanted[row["track"]]:
                batch.outcome.ready.add(row["track"])
