"""Chunks to a track or a picture: checked against the manifest, durable as a blob, then complete in the database.

A crash between any two of these steps leaves all chunks, and the same steps are taken again.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import IO, Any

from msgspec import Struct
from sqlalchemy import delete, func, select, update

from cloud_bridge.blobs import BlobError, Blobs, picture_key, track_key
from cloud_bridge.faultpoint import FaultPoint, no_fault
from cloud_bridge.ingest import picture, quarantine
from cloud_bridge.ingest.batch import Batch, Limits, Owned
from cloud_bridge.ingest.commit import number_changes
from cloud_bridge.ingest.parse import BadKind, incoming
from cloud_bridge.ingest.sound import Sound, examine
from cloud_bridge.ingest.tracks import manifest_of
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.rows import TrackState
from edge import wire
from edge.wire import Picture, Received, TrackData


class Assembled(Struct, frozen=True):
    """What became of a track: a receipt to send (None: it is not whole), whether it was completed just now."""

    receipt: Owned | None
    completed: bool
    bad: BadKind | None = None


class Assembler:
    """Completes tracks. Thread-safe; two workers that complete the same track do the same thing twice."""

    def __init__(self, store: Store, blobs: Blobs, limits: Limits, fault: FaultPoint = no_fault) -> None:
        self._store = store
        self._blobs = blobs
        self._limits = limits
        self._fault = fault

    def assemble(self, track: str, now_ns: int) -> Assembled:
        """Complete a track if its sound is all there; a track that is complete gets its receipt again.

        Raises `BlobError` when the sound cannot be stored now, SQLAlchemy's errors when the database cannot.
        """
        with self._store.read() as connection:
            row = connection.execute(select(t.track).where(t.track.c.id == track)).mappings().one_or_none()
        manifest = None if row is None else manifest_of(row)
        if row is None or manifest is None:
            return Assembled(None, completed=False)
        receipt = Owned(row["site"], row["box"], Received(kind="track", id=track, sha256=manifest.sha256))
        if row["blob"] is not None:
            return Assembled(receipt, completed=False)
        try:
            # Without a name: a process that is killed leaves no sound behind in the temporary folder.
            with tempfile.TemporaryFile() as file:
                digest = _gather(self._store, track, manifest, file)
                if digest is None:
                    return Assembled(None, completed=False)
                if digest != manifest.sha256:
                    self._refuse(row, manifest, digest, now_ns)
                    return Assembled(None, completed=False, bad=BadKind.TRACK_HASH)
                path = Path(f"/proc/self/fd/{file.fileno()}")
                key, content = _look_into(path, row, manifest)
                self._blobs.put(key, path)
        except BlobError:
            raise
        except OSError as error:
            raise BlobError(f"track {track} cannot be put together in {tempfile.gettempdir()}: {error}") from error
        completed = self._complete(track, key, content, now_ns)
        return Assembled(receipt, completed=completed, bad=BadKind.DAMAGED if content.damaged and completed else None)

    def _complete(self, track: str, key: str, content: Sound, now_ns: int) -> bool:
        with self._store.write() as connection:
            batch = Batch(connection, now_ns, self._limits)
            mine = update(t.track).where(t.track.c.id == track, t.track.c.blob.is_(None))
            values = {
                "state": TrackState.COMPLETE.value,
                "blob": key,
                "damaged": content.damaged,
                "peaks": content.peaks,
                "completed_ns": now_ns,
            }
            first = connection.execute(mine.values(values)).rowcount == 1
            connection.execute(delete(t.chunk).where(t.chunk.c.track == track))
            if first:
                batch.touched_tracks.add(track)
                number_changes(batch)
            self._fault("bridge.track.before_commit")
        self._fault("bridge.track.after_commit")
        return first

    def _refuse(self, row: Any, manifest: TrackData | Picture, digest: str, now_ns: int) -> None:
        """The chunks are as listed but the whole is not: the manifest contradicts itself. The chunks stay."""
        reason = f"its chunks together have sha256 {digest}, its manifest says {manifest.sha256}; the chunks are kept"
        with self._store.write() as connection:
            batch = Batch(connection, now_ns, self._limits)
            mine = update(t.track).where(t.track.c.id == row["id"], t.track.c.damaged.is_(None))
            if connection.execute(mine.values(damaged=reason)).rowcount:
                batch.touched_tracks.add(row["id"])
            message = incoming(wire.manifest_topic(row["site"], row["box"], row["id"]), wire.encode(manifest))
            batch.refuse(message, BadKind.TRACK_HASH, reason)
            quarantine.write(batch)
            number_changes(batch)


def find_ready(store: Store) -> set[str]:
    """Tracks whose sound is all there but that nobody completed: what a crash left behind."""
    counted = (
        select(t.track.c.id, t.track.c.chunks, func.count(t.chunk.c.n.distinct()).label("there"))
        .join(t.chunk, t.chunk.c.track == t.track.c.id)
        .where(t.track.c.blob.is_(None), t.track.c.manifest.is_not(None))
        .group_by(t.track.c.id, t.track.c.chunks)
        .subquery()
    )
    with store.read() as connection:
        return set(connection.execute(select(counted.c.id).where(counted.c.there == counted.c.chunks)).scalars())


def _look_into(path: Path, row: Any, manifest: TrackData | Picture) -> tuple[str, Sound]:
    """The key under which it is kept, and what is found in it."""
    if isinstance(manifest, Picture):
        damaged = picture.examine(path, manifest)
        return picture_key(row["site"], row["box"], row["id"]), Sound(damaged, None)
    return track_key(row["site"], row["box"], row["id"], manifest.codec), examine(path, manifest)


def _gather(store: Store, track: str, manifest: TrackData | Picture, file: IO[bytes]) -> str | None:
    """Write all chunks in order; the digest of the whole, or None while one is missing. Holds one chunk at a time."""
    whole = hashlib.sha256()
    with store.read() as connection:
        for n, digest in enumerate(manifest.chunk_sha256):
            key = (t.chunk.c.track == track) & (t.chunk.c.n == n) & (t.chunk.c.sha256 == digest)
            data = connection.execute(select(t.chunk.c.data).where(key)).scalar()
            if data is None:
                return None
            whole.update(data)
            file.write(data)
    file.flush()
    return whole.hexdigest()
