"""Checks of what hears: the microphone, the ear through its ring, the level."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drivers.contract import Block, Capture, DeviceLost, DriverError
from edge.field.findings import Finding, finding
from edge.field.surroundings import Surroundings
from ringbuffer.audio_ring import FLOOR_DBFS, AudioRing
from ringbuffer.errors import RingAbsent, RingError

_LEVEL_S = 10
_QUIET_DBFS = -70.0
_CLIPPED_DBFS = -0.1
# A microphone that was just opened may need a moment for its first frame.
_TRIED_READS = 5


def check_ear(around: Surroundings) -> Iterator[Finding]:
    """Whether the ring advances, and whether its account is right."""
    try:
        ring = AudioRing(around.config.box.ring)
    except RingAbsent as error:
        yield finding("ear", "absent", error=error)
        return
    except (RingError, OSError) as error:
        yield finding("ear", "unreadable", error=error)
        return
    try:
        yield from _judge_ring(around, ring)
    except RingError as error:
        yield finding("ear", "unreadable", error=error)
    finally:
        ring.close()


def _judge_ring(around: Surroundings, ring: AudioRing) -> Iterator[Finding]:
    source = ring.format.source
    if ring.boot_id != around.clock.boot_id:
        yield finding("ear", "stale", path=around.config.box.ring)
        return
    stalled_ns = ring.stalled_for_ns(around.clock.mono_ns())
    if stalled_ns is None:
        yield finding("ear", "never", source=source)
        return
    if stalled_ns > around.config.ear.stall_ms * 1_000_000:
        yield finding("ear", "stalled", source=source, seconds=round(stalled_ns / 1e9))
        return
    stats = ring.stats()
    if abs(stats.unexplained_frames) > stats.resolution_frames:
        yield finding("ear", "unexplained", frames=stats.unexplained_frames, source=source)
    yield finding(
        "ear",
        "ok",
        source=source,
        rate_hz=f"{stats.rate_hz:.2f}",
        captured_s=stats.captured_frames // ring.format.rate_hz,
        lost_s=f"{stats.lost_frames / ring.format.rate_hz:.1f}",
    )


def check_sound(around: Surroundings) -> Iterator[Finding]:
    """Whether what comes is sound: a dead capsule or a muted switch gives zeros."""
    if not ear_runs(around):
        yield finding("sound", "unknown")
        return
    try:
        ring = AudioRing(around.config.box.ring)
    except RingError:
        # It went since we asked.
        yield finding("sound", "unknown")
        return
    try:
        peak, rms = ring.level(_LEVEL_S * 1000)
    finally:
        ring.close()
    values = {"peak": f"{peak:.0f}", "rms": f"{rms:.0f}", "seconds": _LEVEL_S}
    if peak <= FLOOR_DBFS:
        code = "silent"
    elif peak >= _CLIPPED_DBFS:
        code = "clipped"
    else:
        code = "quiet" if rms < _QUIET_DBFS else "ok"
    yield finding("sound", code, **values)


def check_microphone(around: Surroundings, open_microphone: Callable[[], Capture]) -> Iterator[Finding]:
    """Whether the configured device is there and can do the format; it is opened only while the ear does not use it."""
    ear = around.config.ear
    if ear.driver == "wav":
        yield finding("microphone", "simulated", source=ear.file)
        return
    source = f"alsa:{ear.device}"
    if ear_runs(around):
        yield finding("microphone", "used", source=source)
        return
    try:
        capture = open_microphone()
    except DeviceLost as error:
        yield finding("microphone", "absent", error=error)
        return
    except DriverError as error:
        yield finding("microphone", "refused", error=error)
        return
    except ImportError as error:
        yield finding("microphone", "untried", reason=error)
        return
    try:
        heard = any(isinstance(capture.read(), Block) for _ in range(_TRIED_READS))
    except DeviceLost as error:
        yield finding("microphone", "absent", error=error)
        return
    finally:
        capture.close()
    code = "ok" if heard else "mute"
    yield finding("microphone", code, source=source, rate_hz=ear.rate_hz, channels=ear.channels)


def ear_runs(around: Surroundings) -> bool:
    """Whether the ring of this boot advances now."""
    try:
        ring = AudioRing(around.config.box.ring)
    except (RingError, OSError):
        return False
    try:
        if ring.boot_id != around.clock.boot_id:
            return False
        stalled_ns = ring.stalled_for_ns(around.clock.mono_ns())
    except RingError:
        return False
    finally:
        ring.close()
    return stalled_ns is not None and stalled_ns <= around.config.ear.stall_ms * 1_000_000
