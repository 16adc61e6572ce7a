"""The box's look at the ear, through the ring alone: does sound come, what was lost, how loud is it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edge.clock import Clock
from edge.faults import FaultBook, Records, clean
from edge.wire import EarHealth
from ringbuffer.audio_ring import AudioRing
from ringbuffer.errors import RingError

_NOTE = "gaps_told"
_DEVICE = "ear"
# Ear and box are started together, and the ear has to open a card first.
_START_GRACE_NS = 5_000_000_000
# A card that loses sound all the time makes an event a minute and not one a gap.
_GAP_PERIOD_NS = 60_000_000_000
_GAP_STALLED_EXTRA_NS = 3600_000_000_000
_LEVEL_MS = 1000


class RingWatch:
    """Turns what the ring tells into faults. The ring may be absent, come later, and be made anew."""

    def __init__(self, path: Path, stall_ms: int, records: Records, faults: FaultBook, clock: Clock) -> None:
        self._path = path
        self._stall_ns = stall_ms * 1_000_000
        self._records = records
        self._faults = faults
        self._clock = clock
        self._ring: AudioRing | None = None
        self._started_ns = clock.mono_ns()
        self._gaps_due_ns = 0
        self._told = records.note(_NOTE) or ""

    def tick(self, now_ns: int) -> None:
        """Look, about once a second."""
        try:
            problem = self._look(now_ns)
        except RingError as error:
            self.close()
            problem = "sound_absent", str(error)
        if problem is not None and now_ns < self._started_ns + _START_GRACE_NS:
            return
        for name in ("sound_absent", "sound_stalled"):
            active = problem is not None and problem[0] == name
            self._faults.set(name, _DEVICE, active=active, detail=problem[1] if active and problem else "sound comes")

    def oldest_ns(self) -> int | None:
        """From when on the ring holds sound of this boot; None: it holds none."""
        try:
            ring = self._open()
            return None if ring.boot_id != self._clock.boot_id else ring.oldest_ns()
        except RingError:
            return None

    def health(self, now_ns: int) -> EarHealth | None:
        """What the ear does; None without a ring of this boot."""
        try:
            ring = self._open()
            if ring.boot_id != self._clock.boot_id:
                return None
            stalled_ns = ring.stalled_for_ns(now_ns)
            stats = ring.stats()
            running = stalled_ns is not None and stalled_ns <= self._stall_ns
            peak, rms = ring.level(_LEVEL_MS) if running else (None, None)
        except RingError:
            return None
        return EarHealth(
            capture=clean(ring.format.source),
            simulated=ring.format.simulated,
            running=running,
            stalled_ms=0 if stalled_ns is None else stalled_ns // 1_000_000,
            rate_hz=stats.rate_hz,
            drift_ppm=stats.drift_ppm,
            captured_frames=stats.captured_frames,
            lost_frames=stats.lost_frames,
            unexplained_frames=stats.unexplained_frames,
            peak_dbfs=peak,
            rms_dbfs=rms,
        )

    def close(self) -> None:
        """Let the ring go; the next look opens it again."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _open(self) -> AudioRing:
        if self._ring is None:
            self._ring = AudioRing(self._path)
        return self._ring

    def _look(self, now_ns: int) -> tuple[str, str] | None:
        ring = self._open()
        if ring.boot_id != self._clock.boot_id:
            return "sound_absent", f"the ring {self._path} is of an earlier boot; look at the ear"
        stalled_ns = ring.stalled_for_ns(now_ns)
        if stalled_ns is None:
            return "sound_stalled", f"no sound has come from {ring.format.source} yet"
        stalled = stalled_ns > self._stall_ns
        # An absent card makes a gap every moment; they are told when it is back, that it is absent is a fault itself.
        if now_ns >= self._gaps_due_ns + (_GAP_STALLED_EXTRA_NS if stalled else 0):
            self._tell_gaps(ring, now_ns)
        return ("sound_stalled", f"no sound comes from {ring.format.source}") if stalled else None

    def _tell_gaps(self, ring: AudioRing, now_ns: int) -> None:
        generation, _, seq = self._told.partition(":")
        last = int(seq) if generation == str(ring.generation) else 0
        gaps = ring.gaps_since(last)
        if not gaps:
            return
        self._gaps_due_ns = now_ns + _GAP_PERIOD_NS
        lost: Counter[str] = Counter()
        count: Counter[str] = Counter()
        for _, gap in gaps:
            lost[gap.reason] += gap.frames
            count[gap.reason] += 1
        for reason, frames in lost.items():
            detail = f"{count[reason]} gap(s), {frames / ring.format.rate_hz:.3f} s of sound lost"
            self._faults.moment(f"gap_{reason}", ring.format.source, detail, lost_frames=frames)
        self._told = f"{ring.generation}:{gaps[-1][0]}"
        self._records.set_note(_NOTE, self._told)
