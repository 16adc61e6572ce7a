"""What the queries answer: plain immutable structs, ready for JSON. Times `_ns` are Unix nanoseconds."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from cloud_bridge.store.org import Place
from edge.wire import Health, TrackData


class TrackState(StrEnum):
    """How far a track has come."""

    EXPECTED = "expected"
    RECEIVING = "receiving"
    COMPLETE = "complete"
    LOST = "lost"
    DELETED = "deleted"


class Instant(Struct, frozen=True, kw_only=True):
    """A box's instant. Its error is at most `uncertainty_ms` where `synced or repaired`, unknown otherwise."""

    boot_id: str
    mono_ns: int
    wall_ns: int
    synced: bool
    repaired: bool
    uncertainty_ms: float


class TrackRow(Struct, frozen=True, kw_only=True):
    """One track. `manifest` (frames, press offset, gaps, …) is there once it came; `blob` once the sound is durable.

    `damaged` says what is wrong with the sound of a complete track (does not decode, other length than promised).
    """

    id: str
    site: str
    box: str
    state: TrackState
    press: str | None
    extends: str | None
    manifest: TrackData | None
    instant: Instant | None
    chunks_received: int
    lost_reason: str | None
    blob: str | None
    damaged: str | None
    completed_ns: int | None


class PressRow(Struct, frozen=True, kw_only=True):
    """One press with the state of its track (None: no track was promised)."""

    id: str
    site: str
    box: str
    button: str
    trigger: str
    rating: int | None
    employee: str | None
    track: str | None
    track_state: TrackState | None
    partial: bool
    damaged: bool
    misuse: bool
    source: str
    simulated: bool
    request_id: str | None
    stamp_uncertainty_ms: float
    instant: Instant
    received_ns: int
    change: int


class Cursor(Struct, frozen=True):
    """Where a page of presses ended: the last row's time and id."""

    wall_ns: int
    id: str


class PressPage(Struct, frozen=True):
    """Presses, newest first; `next` is None at the end."""

    presses: tuple[PressRow, ...]
    next: Cursor | None


class PressFilter(Struct, frozen=True, kw_only=True):
    """Which presses: None means any. `since_ns` ≤ time < `until_ns`."""

    place: Place | None = None
    employee: str | None = None
    rating: int | None = None
    site: str | None = None
    box: str | None = None
    trigger: str | None = None
    state: TrackState | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class PressDetail(Struct, frozen=True):
    """One press and all its tracks: its own first, then extensions."""

    press: PressRow
    tracks: tuple[TrackRow, ...]


class BoxRow(Struct, frozen=True, kw_only=True):
    """One box. `health` is the last one it published, `missing` how many seq numbers below the largest never came."""

    site: str
    name: str
    online: bool
    session: int
    version: str
    boot_id: str | None
    series: str | None
    status_ns: int | None
    health: Health | None
    health_ns: int | None
    presses: int
    last_press_ns: int | None
    missing: int


class SeqGap(Struct, frozen=True):
    """Events `first` to `last` (inclusive) of a series have not arrived although later ones have."""

    series: str
    first: int
    last: int


class FaultRow(Struct, frozen=True, kw_only=True):
    """One fault report of a box."""

    id: str
    site: str
    box: str
    name: str
    device: str
    active: bool
    detail: str
    lost_frames: int
    instant: Instant


class QuarantineRow(Struct, frozen=True, kw_only=True):
    """A message that could not be used: `kind` is stable for counting, `reason` is for people.

    `payload` holds at most 64 KiB of the `payload_bytes`; the same message again counts in `times`.
    """

    id: int
    topic: str
    kind: str
    reason: str
    sha256: str
    payload: bytes
    payload_bytes: int
    times: int
    first_ns: int
    last_ns: int


class Changes(Struct, frozen=True):
    """Presses that changed after a given number, oldest change first; `last` is the number to ask with next time."""

    presses: tuple[PressRow, ...]
    last: int
