"""The box's look at the eye, through the face ring alone: do frames come, and is anything to be seen on them."""

from __future__ import annotations

from edge.clock import Clock
from edge.config_eye import Eye
from edge.faces import FaceFrame, FaceReader, FaceState, NoDataReason
from edge.faults import FaultBook, clean
from edge.wire import EyeHealth
from ringbuffer.errors import RingError

_DEVICE = "eye"
_FAULTS = ("camera_absent", "camera_stalled", "camera_covered")
# Eye and box are started together, and the eye has to load its networks and open a camera first.
_START_GRACE_NS = 15_000_000_000
# Somebody may stand before the lens or switch the light off for a moment.
_COVERED_NS = 60_000_000_000


class EyeWatch:
    """Turns what the face ring tells into faults. The ring may be absent, come later, and be made anew."""

    def __init__(self, eye: Eye, faults: FaultBook, clock: Clock) -> None:
        self._eye = eye
        self._faults = faults
        self._clock = clock
        self._ring: FaceReader | None = None
        self._started_ns = clock.mono_ns()
        self._covered_since_ns: int | None = None

    def tick(self, now_ns: int) -> None:
        """Look, about once a second; without a configured camera only end what an earlier configuration left."""
        problem = self._problem(now_ns) if self._eye.enabled else None
        if problem is not None and now_ns < self._started_ns + _START_GRACE_NS:
            return
        for name in _FAULTS:
            active = problem is not None and problem[0] == name
            self._faults.set(name, _DEVICE, active=active, detail=problem[1] if active and problem else "the eye sees")

    def health(self, now_ns: int) -> EyeHealth | None:
        """What the eye does; None without a camera or without a ring of this boot."""
        if not self._eye.enabled:
            return None
        try:
            newest = self._newest()
            ring = self._open()
            source, hold_ns = ring.source, ring.hold_ns
        except RingError:
            self.close()
            return None
        if newest is None:
            return None
        point = newest.point
        late_ns = max(now_ns - point.mono_ns, 0)
        return EyeHealth(
            camera=clean(source.source),
            simulated=source.simulated,
            subject=source.subject,
            privacy=source.privacy,
            running=late_ns <= hold_ns + self._eye.stall_ms * 1_000_000 and point.state is not FaceState.NO_DATA,
            stalled_ms=late_ns // 1_000_000,
            state=point.state.value,
            reason=None if point.reason is None else point.reason.value,
            faces=point.faces,
        )

    def close(self) -> None:
        """Let the ring go; the next look opens it again."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _open(self) -> FaceReader:
        if self._ring is None:
            self._ring = FaceReader(self._eye.ring)
        return self._ring

    def _newest(self) -> FaceFrame | None:
        newest = self._open().newest()
        if self._open().boot_id != self._clock.boot_id:
            raise RingError(f"the face ring {self._eye.ring} is of an earlier boot; look at earshot-eye")
        return newest

    def _problem(self, now_ns: int) -> tuple[str, str] | None:
        try:
            newest = self._newest()
            source = self._open().source.source
        except RingError as error:
            self.close()
            return "camera_absent", str(error)
        if newest is None or now_ns - newest.point.mono_ns > 2 * self._eye.stall_ms * 1_000_000:
            return "camera_stalled", f"no frame comes from {source}"
        point = newest.point
        if point.reason is not NoDataReason.COVERED:
            self._covered_since_ns = None
        match point.reason:
            case NoDataReason.ABSENT | NoDataReason.DISCONNECT:
                return "camera_absent", f"{source} is not there"
            case NoDataReason.STALLED:
                return "camera_stalled", f"no frame comes from {source}"
            case NoDataReason.COVERED:
                self._covered_since_ns = self._covered_since_ns or point.mono_ns
                if now_ns - self._covered_since_ns >= _COVERED_NS:
                    return "camera_covered", f"{source}: the lens is covered, or it is dark"
                return None
            case None:
                return None
