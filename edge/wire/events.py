"""The durable facts of a box: what each CloudEvents type carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta

from edge.wire.fields import (
    CHUNK_BYTES_MAX,
    Count,
    Id,
    Integer,
    Name,
    NonNegative,
    Percent,
    Positive,
    Release,
    Sha256,
    Stamp,
    Strict,
    Text,
)
from edge.wire.snapshot import SnapshotData


class Trigger(StrEnum):
    """What a press means, hence which window and which queue its track belongs to."""

    INCIDENT = "incident"
    FORCE_MAJEURE = "force_majeure"
    APPEAL = "appeal"
    SALE = "sale"
    RATING = "rating"
    EXTENSION = "extension"
    SELF_TEST = "self_test"


class PressData(Strict, frozen=True):
    """A client or a member of staff pressed. `track` is the id of the track that will hold the sound, if any will.

    `snapshot` is the id of the Emotional Snapshot that will come, if a camera watches.

    `misuse` marks hammering: the press counts as evidence, and shares the track of an earlier press of the series while
    it lies in that track's window.
    """

    button: Name
    trigger: Trigger
    stamp: Stamp
    stamp_uncertainty_ms: NonNegative
    source: Name
    simulated: bool
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    employee: Text | None = None
    track: Id | None = None
    misuse: bool = False
    request_id: Text | None = None
    snapshot: Id | None = None


class GapSpan(Strict, frozen=True):
    """Frames of a track that hold silence because nothing was captured; offset from the track's first frame."""

    offset_frames: Count
    frames: Positive
    reason: Name


class TrackData(Strict, frozen=True):
    """The manifest of one finished track: what the file is, where the press is in it, how sure that is.

    `press_offset_frames` counts from the first frame; the true instant lies within ± `align_error_ms`. `stamp` dates
    the press. `partial` says that sound of the window is missing for good (`partial_reason`).
    """

    track: Id
    press: Id
    trigger: Trigger
    stamp: Stamp
    codec: Literal["flac", "wav", "opus"]
    rate_hz: Positive
    channels: Positive
    frames: Count
    before_s: NonNegative
    after_s: NonNegative
    press_offset_frames: Integer
    align_error_ms: NonNegative
    drift_ppm: float
    gaps: tuple[GapSpan, ...]
    partial: bool
    partial_reason: Text | None
    capture: Text
    simulated: bool
    bytes: Positive
    sha256: Sha256
    chunk_bytes: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    chunk_sha256: tuple[Sha256, ...]
    extends: Id | None = None


class TrackLostData(Strict, frozen=True):
    """A promised track will never come (`reason`): nothing in the ring, or dropped because the disk was full.

    The same is said of the picture of a snapshot; `track` is the snapshot's id then.
    """

    track: Id
    press: Id
    reason: Text
    bytes: Count


class TimeData(Strict, frozen=True):
    """After clock synchronisation: the wall time of one monotonic instant of `stamp.boot_id`.

    All records of that boot that were stamped unsynchronised are dated anew:
    wall = wall_ns + (their mono_ns - mono_ns).
    """

    stamp: Stamp


class FaultData(Strict, frozen=True):
    """Something of the box stopped working or works again (`active=False`). `name` is stable, `detail` for people."""

    name: Name
    device: Text
    active: bool
    detail: Text
    stamp: Stamp
    lost_frames: Count = 0


class ShiftData(Strict, frozen=True):
    """From `stamp` on, presses of the shared `button` belong to `employee` (None: nobody is on shift)."""

    button: Name
    employee: Text | None
    stamp: Stamp
    source: Name


class BootData(Strict, frozen=True):
    """A box process has started: its software, its configuration's hash, and what it found unfinished."""

    stamp: Stamp
    version: Text
    config_sha256: Sha256
    session: Positive
    open_tracks: Count


class SelfTestData(Strict, frozen=True):
    """The box pressed itself to prove that a press becomes a track and reaches the bridge. It is nobody's press.

    `track` holds silence as long as the sound that the ring gave for it: no sound leaves the box for a test.
    """

    test: Id
    track: Id
    reason: Text
    stamp: Stamp


class UpdateState(StrEnum):
    """How far an update is. The last three end it."""

    OFFERED = "offered"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    BOOTED = "booted"
    GOOD = "good"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


class UpdateData(Strict, frozen=True):
    """An update of the box's software has come this far. `offer` is the id of the command that offered it.

    `percent` is what is downloaded; `reason` says why it failed, went back or waits; `slot` is where it is installed.
    """

    offer: Id
    version: Release
    before: Text
    state: UpdateState
    percent: Percent
    stamp: Stamp
    reason: Text | None = None
    slot: Text | None = None


EventData = (
    PressData
    | TrackData
    | TrackLostData
    | TimeData
    | FaultData
    | ShiftData
    | BootData
    | SelfTestData
    | UpdateData
    | SnapshotData
)

EVENT_TYPES: dict[str, type[EventData]] = {
    "earshot.press.v1": PressData,
    "earshot.track.v1": TrackData,
    "earshot.track_lost.v1": TrackLostData,
    "earshot.time.v1": TimeData,
    "earshot.fault.v1": FaultData,
    "earshot.shift.v1": ShiftData,
    "earshot.boot.v1": BootData,
    "earshot.snapshot.v1": SnapshotData,
    "earshot.self_test.v1": SelfTestData,
    "earshot.update.v1": UpdateData,
}
TYPE_NAMES: dict[type[Any], str] = {cls: name for name, cls in EVENT_TYPES.items()}
