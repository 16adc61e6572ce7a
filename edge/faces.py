"""The face ring: what the camera saw in the last minutes, a point a frame; its record and its readers' side.

The eye writes it (`edge/eye/`), the box reads it. The ring is a slot ring (ringbuffer/FORMAT.md) whose metadata holds
`"content": "faces"`; docs/EYE.md tells the record in prose and a test keeps both equal.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from ringbuffer.errors import RingDamaged
from ringbuffer.slot_ring import Slot, SlotRingReader

CONTENT = "faces"
KIND_POINT = 1
# state, reason, faces, face, probability, x, y, width, height, picture_width, picture_height; a picture follows
RECORD = struct.Struct("<BBHIfffffHH")
RECORD_FIELDS = (
    "state",
    "reason",
    "faces",
    "face",
    "probability",
    "x",
    "y",
    "width",
    "height",
    "picture_width",
    "picture_height",
)
PICTURE_BYTES_MAX = 40 * 1024
# A point tells of the time up to the next one, but of no more than so many periods of the eye.
HOLD_PERIODS = 2.5

Box = tuple[float, float, float, float]


class FaceState(StrEnum):
    """What is known of one instant. `NO_DATA` is not `NO_FACE`: nobody could see whether there was one."""

    FACE = "face"
    NO_FACE = "no_face"
    NO_DATA = "no_data"


class NoDataReason(StrEnum):
    """Why nothing could be seen."""

    ABSENT = "absent"
    DISCONNECT = "disconnect"
    STALLED = "stalled"
    COVERED = "covered"


STATES = tuple(FaceState)
REASONS: tuple[NoDataReason | None, ...] = (None, *NoDataReason)


@dataclass(frozen=True, slots=True)
class FacePoint:
    """One frame of the camera, or one instant without a frame.

    `mono_ns`: when the frame was exposed. `probability` (0..1) and `face` (the same number while the same client
    stays, from 1) are there where `state` is `FACE`; `box` is that face's (x, y, width, height) as shares of the
    picture, upright. `faces` counts all faces in the frame, the client's included; `reason` explains `NO_DATA`.
    """

    mono_ns: int
    state: FaceState
    probability: float | None = None
    face: int | None = None
    box: Box | None = None
    faces: int = 0
    reason: NoDataReason | None = None


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """A point with its picture: `jpeg` is None in privacy mode `index`.

    `width`, `height` in pixels are those of `jpeg`, or 0 without one.
    """

    point: FacePoint
    jpeg: bytes | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FaceSource:
    """What the ring's metadata says: of all its points.

    `model` is the version of the smile model; a face smiles where its probability is at least `threshold`.
    """

    source: str
    simulated: bool
    subject: str
    privacy: str
    period_ms: int
    depth_s: int
    model: str
    threshold: float
    detector: str


def pack(point: FacePoint, width: int = 0, height: int = 0) -> bytes:
    """The record of `point`; the bytes of its picture, if any, follow it in the slot."""
    probability = math.nan if point.probability is None else point.probability
    return RECORD.pack(
        STATES.index(point.state),
        REASONS.index(point.reason),
        point.faces,
        point.face or 0,
        probability,
        *(point.box or (math.nan,) * 4),
        width,
        height,
    )


def unpack(slot: Slot) -> FaceFrame:
    """The frame of a slot. Raises `RingDamaged` for what no eye of this version writes."""
    try:
        state, reason, faces, face, probability, *box, width, height = RECORD.unpack_from(slot.payload)
        point = FacePoint(
            mono_ns=slot.mono_ns,
            state=STATES[state],
            probability=None if math.isnan(probability) else probability,
            face=face or None,
            box=None if math.isnan(box[0]) else (box[0], box[1], box[2], box[3]),
            faces=faces,
            reason=REASONS[reason],
        )
    except (struct.error, IndexError) as error:
        raise RingDamaged(
            f"slot {slot.seq} of the face ring is no point of this version ({error}); restart earshot-eye"
        ) from error
    return FaceFrame(point, slot.payload[RECORD.size :] or None, width, height)


class FaceReader:
    """The face ring at `path`, read-only. Raises `RingAbsent` until the eye has made it, and `RingDamaged`.

    Every call looks at the ring that is at the path then. For one thread.
    """

    def __init__(self, path: Path | str) -> None:
        self._reader = SlotRingReader(path)
        self._remap()

    @property
    def source(self) -> FaceSource:
        """Camera, mode and model of the ring that is there now."""
        self._refresh()
        return self._source

    @property
    def boot_id(self) -> str:
        """The boot to whose monotonic clock all instants of this ring belong."""
        return self._reader.geometry.boot_id

    @property
    def generation(self) -> int:
        """The identity of the ring file."""
        return self._reader.geometry.generation

    @property
    def hold_ns(self) -> int:
        """For how long a point tells of the time after it, where no other follows; later, nothing is known."""
        return round(HOLD_PERIODS * self.source.period_ms * 1_000_000)

    def points(self, start_ns: int, end_ns: int) -> list[FacePoint]:
        """The points with `start_ns` <= mono_ns < `end_ns`, in order; what is overwritten or not seen yet is missing.

        Stamps ascend without repetition. An eye that does not run leaves no points: see `hold_ns`.
        """
        return [frame.point for frame in self._back_from_newest(start_ns) if frame.point.mono_ns < end_ns][::-1]

    def nearest(self, mono_ns: int, tolerance_ms: int) -> FaceFrame | None:
        """The frame exposed nearest to `mono_ns`, not more than `tolerance_ms` from it; the earlier of two.

        Points without data are no frames. A frame after `mono_ns` is there only once its time has come: ask again
        after `mono_ns` + `tolerance_ms`, or when `newest` is later than `mono_ns`.
        """
        tolerance_ns = tolerance_ms * 1_000_000
        best: FaceFrame | None = None
        for frame in self._back_from_newest(mono_ns - tolerance_ns):
            distance_ns = abs(frame.point.mono_ns - mono_ns)
            if frame.point.state is FaceState.NO_DATA or distance_ns > tolerance_ns:
                continue
            if best is None or distance_ns <= abs(best.point.mono_ns - mono_ns):
                best = frame
        return best

    def newest(self) -> FaceFrame | None:
        """The newest point, with its picture; None for an empty ring."""
        self._refresh()
        slot = self._reader.read(self._reader.newest_seq())
        return None if slot is None else unpack(slot)

    def close(self) -> None:
        """Let the mapping go. Idempotent."""
        self._reader.close()

    def _back_from_newest(self, start_ns: int) -> list[FaceFrame]:
        """The frames from `start_ns` on, the newest first."""
        self._refresh()
        table = self._reader.table
        newest = table.newest_seq()
        found = []
        for seq in range(newest, table.oldest_seq(newest) - 1, -1):
            slot = table.read(seq)
            if slot is None:
                continue
            if slot.mono_ns < start_ns:
                break
            found.append(unpack(slot))
        return found

    def _refresh(self) -> None:
        if self._reader.refresh():
            self._remap()

    def _remap(self) -> None:
        metadata = self._reader.metadata
        try:
            self._source = msgspec.convert(metadata if metadata.get("content") == CONTENT else {}, FaceSource)
        except msgspec.ValidationError as error:
            raise RingDamaged(
                f"{self._reader.path} is no face ring of this version ({error}); restart earshot-eye"
            ) from error
