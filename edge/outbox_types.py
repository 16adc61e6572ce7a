"""What the outbox tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.plan import PlannedTrack
from edge.wire import PressData, Stamp, TrackData


class OutboxError(Exception):
    """The outbox can't be used as it is; the message names the file, what is wrong and the remedy."""


class DiskFull(OutboxError):
    """The disk is full and the ballast is used up: nothing can be written, and nothing has changed."""


class TrackState(StrEnum):
    """The life of a track: promised, on the disk as one file, at the bridge; or gone for a reason that was sent."""

    OPEN = "open"
    FINISHED = "finished"
    DELIVERED = "delivered"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a receipt did; things that were delivered before are not told again.

    `chunks` and `resend` are (track, n); what is in `resend` is missing again. `wrong` names what the bridge has with
    another content than ours: it stays to be sent.
    """

    events: tuple[str, ...]
    chunks: tuple[tuple[str, int], ...]
    tracks: tuple[str, ...]
    resend: tuple[tuple[str, int], ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has no receipt yet. `tracks` are the finished ones; `bytes` counts events and the files of those tracks."""

    events: int
    tracks: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What `make_room` did: bytes freed, and the tracks whose undelivered sound was dropped for it."""

    freed_bytes: int
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownPress:
    """A press of the last thousand. `bounces` are the edges taken as contact bounce, known once it came to rest."""

    id: str
    seq: int
    data: PressData
    bounces: int
    delivered: bool


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track of the last thousand. `stamp` dates the press; `manifest` is there once the track is finished."""

    plan: PlannedTrack
    stamp: Stamp
    state: TrackState
    manifest: TrackData | None
