"""Makes snapshots out of the face ring and makes them durable, in a thread of its own: no sound ever waits for it."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge import snapshot_file
from edge.clock import Clock
from edge.durable import write_durable
from edge.faces import FaceReader
from edge.faultpoint import FaultPoint, no_fault
from edge.lane import Lane
from edge.outbox_files import BEGUN, MANIFEST, PICTURE
from edge.snapshot_figures import figures
from edge.snapshot_look import NOTHING, Seen, blind, joined, look
from edge.snapshot_plan import Day, OpenSnapshot
from edge.tracks import chunks
from edge.wire import CHUNK_BYTES_MAX, Picture, SnapshotData, WireError, decode, encode, sha256
from ringbuffer.errors import RingError

# The frame after the press is exposed a period later and looked at a moment after that.
_NEXT_FRAME_NS = 500_000_000
# What the eye is late with at the end of the window.
_TAIL_NS = 2_000_000_000
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_log = logging.getLogger(__name__)

Render = Callable[[SnapshotData, Seen], tuple[bytes, int, int]]
"""The picture of a snapshot as JPEG, with its width and height in pixels."""


@dataclass(frozen=True, slots=True)
class SnapshotBegun:
    """What was seen until the press is durable at `path`; None: it is not, `reason` says why.

    `seen` is what is known of the moment of the press already: the state, and the probability of a smile for a face.
    """

    snapshot: str
    state: str
    probability: float | None
    path: Path | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class SnapshotMade:
    """Record it with `OutboxSnapshots.finish`. `path` is the durable picture, None for a snapshot without one."""

    data: SnapshotData
    path: Path | None


@dataclass(frozen=True, slots=True)
class SnapshotUnwritten:
    """The disk is full: `Outbox.make_room` and `finish` again, or `finish` without the picture."""

    snapshot: str
    reason: str


SnapshotFact = SnapshotBegun | SnapshotMade | SnapshotUnwritten


class SnapshotMaker:
    """`open_faces` opens the face ring or raises `RingError`; it is asked again until it succeeds.

    Without `render` there are no pictures, whatever the face ring holds: none is written, none is sent.
    `emit` is called in the maker's thread, once for each job, `died` before the thread ends by an error; both must not
    block. Files go to `folder` (`Outbox.files.folder`).
    """

    def __init__(
        self,
        open_faces: Callable[[], FaceReader],
        folder: Path,
        clock: Clock,
        render: Render | None,
        emit: Callable[[SnapshotFact], None],
        died: Callable[[BaseException], None],
        *,
        fault: FaultPoint = no_fault,
    ) -> None:
        self._open_faces = open_faces
        self._faces: FaceReader | None = None
        self._folder = folder
        self._clock = clock
        self._render = render
        self._fault = fault
        self._lane: Lane[SnapshotFact] = Lane("snapshots", clock, emit, died)
        self.start = self._lane.start
        self.step = self._lane.step

    def close(self, timeout_s: float = 30.0) -> None:
        """End after the job in hand; jobs left are open snapshots of the outbox, for the next start. Idempotent."""
        self._lane.stop()
        if self._lane.join(timeout_s) and self._faces is not None:
            self._faces.close()
            self._faces = None

    def begin(self, plan: OpenSnapshot) -> None:
        """Make what was seen until the press durable, as soon as the frame after it is there; `SnapshotBegun`."""
        self._lane.add(plan.snapshot, lambda now_ns: self._begin(plan, now_ns))

    def finish(self, plan: OpenSnapshot, day: Day, *, picture: bool = True) -> None:
        """Make the snapshot of the whole window, or of what there is two seconds later; answers `SnapshotMade`.

        With a picture where the mode of privacy has one and `picture`; then also `SnapshotUnwritten` may be the answer.
        A picture that an earlier process had made, but not recorded, is taken as it is.
        """
        self._lane.add(plan.snapshot, lambda now_ns: self._finish(plan, day, now_ns, picture=picture))

    def _begin(self, plan: OpenSnapshot, now_ns: int) -> SnapshotBegun | None:
        seen = self._look(plan)
        if not _reaches(seen, plan.press_ns) and now_ns < plan.press_ns + _NEXT_FRAME_NS:
            return None
        point = None if seen.frame is None else seen.frame.point
        state = "no_data" if point is None else str(point.state)
        probability = None if point is None else point.probability
        if not seen.points:
            return SnapshotBegun(plan.snapshot, state, probability, None, "the camera has seen nothing")
        path = self._folder / (plan.snapshot + BEGUN)
        try:
            snapshot_file.write(path, plan.snapshot, plan.stamp.boot_id, seen, self._fault)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            return SnapshotBegun(plan.snapshot, state, probability, None, f"the disk is full: {error}")
        return SnapshotBegun(plan.snapshot, state, probability, path, None)

    def _finish(
        self, plan: OpenSnapshot, day: Day, now_ns: int, *, picture: bool
    ) -> SnapshotMade | SnapshotUnwritten | None:
        if picture and (made := self._made_before(plan.snapshot)) is not None:
            return made
        seen = self._look(plan)
        same_boot = plan.stamp.boot_id == self._clock.boot_id
        if same_boot and not _reaches(seen, plan.end_ns) and now_ns < plan.end_ns + _TAIL_NS:
            return None
        seen = joined(self._saved(plan), seen, plan.press_ns)
        if self._render is None:
            seen = blind(seen)
        data = figures(seen, plan, day)
        if not picture or self._render is None or data.privacy == "index":
            return SnapshotMade(data, None)
        jpeg, width_px, height_px = self._render(data, seen)
        described = Picture(
            content_type="image/jpeg",
            width_px=width_px,
            height_px=height_px,
            bytes=len(jpeg),
            sha256=sha256(jpeg),
            chunk_bytes=CHUNK_BYTES_MAX,
            chunk_sha256=tuple(sha256(chunk) for chunk in chunks(jpeg, CHUNK_BYTES_MAX)),
        )
        data = msgspec.structs.replace(data, picture=described)
        path = self._folder / (plan.snapshot + PICTURE)
        try:
            # The figures go first: with the picture's own rename the snapshot is whole, also after a power cut.
            write_durable(self._folder / (plan.snapshot + MANIFEST), encode(data), "snapshot", self._fault)
            write_durable(path, jpeg, "picture", self._fault)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            return SnapshotUnwritten(plan.snapshot, f"the disk is full: {error}")
        return SnapshotMade(data, path)

    def _made_before(self, snapshot: str) -> SnapshotMade | None:
        path = self._folder / (snapshot + PICTURE)
        try:
            data: SnapshotData = decode((self._folder / (snapshot + MANIFEST)).read_bytes(), SnapshotData)
            whole = data.picture is not None and sha256(path.read_bytes()) == data.picture.sha256
        except FileNotFoundError:
            return None
        except (OSError, WireError) as error:
            # The disk has lost it: it is made again from what there still is.
            _log.warning("snapshot %s that was made before can't be read: %s", snapshot, error)
            return None
        return SnapshotMade(data, path) if whole else None

    def _saved(self, plan: OpenSnapshot) -> Seen:
        path = self._folder / (plan.snapshot + BEGUN)
        try:
            return snapshot_file.read(path, plan.snapshot, plan.stamp.boot_id) if path.exists() else NOTHING
        except snapshot_file.SnapshotDamaged as error:
            # The ring may still have it all; what is missing in the end is told in the snapshot.
            _log.warning("%s", error)
            return NOTHING

    def _look(self, plan: OpenSnapshot) -> Seen:
        try:
            if self._faces is None:
                self._faces = self._open_faces()
            seen = look(self._faces, plan.press_ns)
        except RingError:
            # A camera that has not started, or has gone with its ring: the snapshot says so.
            return NOTHING
        # Looking at the ring makes it the one that is there now; only then its boot counts.
        if self._faces.boot_id != plan.stamp.boot_id:
            return NOTHING
        return blind(seen) if self._render is None else seen


def _reaches(seen: Seen, mono_ns: int) -> bool:
    return seen.newest_ns is not None and seen.newest_ns >= mono_ns
