"""What an outbox still has to deliver, whole: for tests that compare and answer it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge import wire
from edge.outbox import Outbox


@dataclass(frozen=True)
class PendingEvent:
    """An event without receipt; `track` is set for a manifest."""

    seq: int
    id: str
    topic: str
    payload: bytes
    sha256: str
    track: str | None


@dataclass(frozen=True)
class PendingTrack:
    """A finished track without receipt; `missing` are the chunks that have none either."""

    id: str
    path: Path
    manifest: wire.TrackData
    missing: tuple[int, ...]


def pending_events(box: Outbox) -> list[PendingEvent]:
    """In order of seq."""
    found = []
    for seq, item in box.backlog.events_after(0, 1_000_000):
        topic, payload = box.backlog.load(item)
        track = wire.parse_topic(topic).track
        found.append(PendingEvent(seq, item.id, topic, payload, wire.sha256(payload), track))
    return found


def pending_tracks(box: Outbox) -> list[PendingTrack]:
    """In the order of delivery."""
    found = []
    for item in box.backlog.tracks():
        manifest = box.track(item.id).manifest
        missing = tuple(chunk.n for chunk in box.backlog.chunks(item.id))
        found.append(PendingTrack(item.id, _finished_file(box, item.id), manifest, missing))
    return found


def _finished_file(box: Outbox, track: str) -> Path:
    (path,) = (path for path in box.files.folder.glob(f"{track}.*") if path.suffix not in (".pre", ".json", ".tmp"))
    return path
