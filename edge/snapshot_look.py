"""What the camera saw of the window of a press: from the face ring, and from what was saved at the press."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.faces import FaceFrame, FacePoint, FaceReader, FaceSource
from edge.wire import SKEW_MS_MAX
from edge.wire.smile_index import HOLD_NS, window


@dataclass(frozen=True, slots=True)
class Seen:
    """The points of the window, with one before it that still tells of its beginning, and the frame of the press.

    `source` is None where no camera has run. A point tells of `hold_ns` after it, at most.
    """

    source: FaceSource | None
    hold_ns: int
    points: tuple[FacePoint, ...]
    frame: FaceFrame | None

    @property
    def newest_ns(self) -> int | None:
        """The last instant of which anything is known."""
        return self.points[-1].mono_ns if self.points else None


NOTHING = Seen(None, HOLD_NS, (), None)


def look(reader: FaceReader, press_ns: int) -> Seen:
    """What the ring has of the window now; raises `RingError`."""
    start_ns, end_ns = window(press_ns)
    hold_ns = max(HOLD_NS, reader.hold_ns)
    # To the end inclusive: the frame at the very end belongs to the window.
    points = reader.points(start_ns - hold_ns, end_ns + 1)
    return Seen(reader.source, hold_ns, tuple(points), reader.nearest(press_ns, SKEW_MS_MAX))


def joined(saved: Seen, later: Seen, press_ns: int) -> Seen:
    """Both together: the eye may have made a new ring since the press, which knows nothing of the time before."""
    points = {point.mono_ns: point for point in (*saved.points, *later.points)}
    frames = [frame for frame in (saved.frame, later.frame) if frame is not None]
    return Seen(
        source=_source(saved.source, later.source),
        hold_ns=max(saved.hold_ns, later.hold_ns),
        points=tuple(points[mono_ns] for mono_ns in sorted(points)),
        frame=min(frames, key=lambda frame: _distance(frame, press_ns), default=None),
    )


def blind(seen: Seen) -> Seen:
    """The same without any picture, as the mode of privacy `index` has it."""
    source = None if seen.source is None else replace(seen.source, privacy="index")
    frame = None if seen.frame is None else replace(seen.frame, jpeg=None, width=0, height=0)
    return replace(seen, source=source, frame=frame)


def _distance(frame: FaceFrame, press_ns: int) -> tuple[int, bool, int]:
    # Of one frame the record with its picture; of two at the same distance the earlier, as the ring's reader has it.
    return abs(frame.point.mono_ns - press_ns), frame.jpeg is None, frame.point.mono_ns


def _source(saved: FaceSource | None, later: FaceSource | None) -> FaceSource | None:
    if saved is None or later is None:
        return later or saved
    # What was simulated in part is no true record; where two modes of privacy meet the strictest that there is holds.
    privacy = later.privacy if saved.privacy == later.privacy else "index"
    return replace(later, simulated=saved.simulated or later.simulated, privacy=privacy)
