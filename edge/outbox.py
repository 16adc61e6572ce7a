"""The box's memory: what must reach the bridge, kept until the bridge's receipt for it. SKELETON: bodies follow."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edge.faultpoint import FaultPoint, no_fault
from edge.plan import OpenTrack, PlannedTrack
from edge.wire import EventData, PressData, Receipt, Reply, ShiftData, TrackData


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event without receipt: publish `payload` on `topic` as it is. `track` is set for a manifest."""

    seq: int
    id: str
    topic: str
    payload: bytes
    sha256: str
    track: str | None


@dataclass(frozen=True, slots=True)
class PendingTrack:
    """A finished track without receipt; `missing` are the chunks that have none either."""

    id: str
    path: Path
    manifest: TrackData
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a receipt did. `wrong` names what was received with another content than ours (kept, to be sent again)."""

    events: tuple[str, ...]
    chunks: tuple[tuple[str, int], ...]
    tracks: tuple[str, ...]
    resend: tuple[tuple[str, int], ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has no receipt yet. `bytes` counts events and the files of finished tracks."""

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
    """A press of the last thousand, delivered or not."""

    id: str
    seq: int
    data: PressData
    bounces: int
    delivered: bool


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track of the last thousand presses. `state` is open, finished, delivered or lost; `manifest` once finished."""

    plan: PlannedTrack
    boot_id: str
    state: str
    manifest: TrackData | None


class Outbox:
    """SQLite at `folder/outbox.db`, sound in `folder/tracks`. One thread only. Made and migrated where it doesn't exist.

    Every method that writes is one transaction (WAL, synchronous=FULL): when it returns the change is durable, when it
    raises nothing has changed. `wall_ns` dates the event, no order comes from it. Raises `OutboxError` for a database
    of another box or a newer version.
    """

    series: str

    def __init__(
        self, folder: Path, site: str, box: str, *, new_id: Callable[[], str], fault: FaultPoint = no_fault
    ) -> None: ...

    def close(self) -> None: ...

    # Sessions and notes
    def next_session(self) -> int: ...
    def last_seq(self) -> int: ...
    def note(self, key: str) -> str | None: ...
    def set_note(self, key: str, value: str) -> None: ...

    # Recording
    def record_press(self, press_id: str, data: PressData, plan: PlannedTrack | None) -> int: ...
    def count_bounces(self, press_id: str, bounces: int) -> None: ...
    def add_event(self, data: EventData, wall_ns: int) -> int: ...
    def set_shift(self, data: ShiftData, request_id: str | None = None) -> int: ...
    def shifts(self) -> dict[str, str | None]: ...
    def add_track(self, plan: PlannedTrack, data: PressData) -> None: ...
    def save_pre_roll(self, track: str, path: Path) -> None: ...
    def finish_track(self, path: Path, manifest: TrackData, wall_ns: int) -> int: ...
    def lose_track(self, track: str, reason: str, wall_ns: int) -> int: ...

    # Idempotent requests
    def press_of_request(self, request_id: str) -> str | None: ...
    def reply_of(self, command_id: str) -> Reply | None: ...
    def remember_reply(self, reply: Reply) -> None: ...

    # What is known
    def open_tracks(self) -> list[OpenTrack]: ...
    def press(self, press_id: str) -> KnownPress | None: ...
    def recent_presses(self, limit: int = 20) -> list[KnownPress]: ...
    def track(self, track: str) -> KnownTrack | None: ...

    # Delivery
    def pending_events(self, limit: int, exclude: Collection[str] = ()) -> list[PendingEvent]: ...
    def pending_tracks(self, limit: int = 10) -> list[PendingTrack]: ...
    def apply_receipt(self, receipt: Receipt) -> Applied: ...
    def waiting(self) -> Waiting: ...

    # Room
    def make_room(self, free_bytes: int, wall_ns: int) -> Room: ...
