"""`earshot ear`: microphone to ring. No network, no decisions; made to run for months.

The composition root of the ear process: one thread that reads a block, appends it, and names what is missing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from drivers.alsa_capture import AlsaCapture
from drivers.contract import Block, Capture, DeviceLost, EndOfStream, Loss, LossReason
from drivers.wav_capture import WavCapture
from edge.clock import boot_id
from edge.config import Config, Ear
from edge.sdnotify import Notify, SystemdNotify
from ringbuffer.audio_ring import AudioRingWriter, GapReason

RETRY_S = 0.5
WATCHDOG_PERIOD_NS = 1_000_000_000

_log = logging.getLogger(__name__)


def capture_opener(ear: Ear, sleep: Callable[[float], object]) -> Callable[[], Capture]:
    """Return what opens the configured source; `sleep` paces the simulated one."""
    if ear.driver == "wav":
        return partial(
            WavCapture,
            ear.file,
            rate_hz=ear.rate_hz,
            channels=ear.channels,
            period_frames=ear.period_frames,
            loop=ear.loop,
            speed=ear.speed,
            sleep=sleep,
        )
    return partial(
        AlsaCapture,
        ear.device,
        rate_hz=ear.rate_hz,
        channels=ear.channels,
        period_frames=ear.period_frames,
        read_timeout_s=ear.stall_ms / 1000,
    )


def run_ear(
    config: Config,
    stop: threading.Event,
    *,
    open_capture: Callable[[], Capture] | None = None,
    notify: Notify | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    retry_s: float = RETRY_S,
) -> None:
    """Fill the ring of `config.box.ring` until `stop` is set, or a recording that is not repeated is over.

    A device that is absent, at the start or later, is tried every `retry_s`; the ring holds a named gap meanwhile.
    Raises `DriverError` when the device can't do what is configured and `RingError` when there can't be a ring. systemd
    hears READY once the loop knows of sound or of its absence, and WATCHDOG while frames advance or an absent device
    is tried again: a restart would bring no microphone back. A read that hangs, or a stream that gives no frame
    however often it is opened anew, feeds nothing and ends in a restart.
    """
    ear = config.ear
    source = f"wav:{ear.file}" if ear.driver == "wav" else f"alsa:{ear.device}"
    with AudioRingWriter(
        config.box.ring,
        boot_id=boot_id(),
        source=source,
        simulated=ear.driver == "wav",
        rate_hz=ear.rate_hz,
        channels=ear.channels,
        depth_s=ear.depth_s,
        period_frames=ear.period_frames,
    ) as ring:
        recorder = Recorder(ring, notify or SystemdNotify(), clock_ns)
        recorder.run(open_capture or capture_opener(ear, stop.wait), stop, retry_s)


class Recorder:
    """Moves blocks and losses of one source after another into the ring."""

    def __init__(self, ring: AudioRingWriter, notify: Notify, clock_ns: Callable[[], int]) -> None:
        self._ring = ring
        self._notify = notify
        self._clock_ns = clock_ns
        # Where the sound ends; before the first block, where this process began to wait for it.
        self._end_ns = clock_ns()
        self._absence = LossReason.ABSENT
        self._is_ready = False
        self._fed_ns = 0
        self._trouble = ""

    def run(self, open_capture: Callable[[], Capture], stop: threading.Event, retry_s: float) -> None:
        """Record until `stop`; see `run_ear`."""
        while not stop.is_set():
            try:
                capture = open_capture()
            except DeviceLost as error:
                self._miss(error)
            else:
                try:
                    self._follow(capture, stop)
                except DeviceLost as error:
                    self._miss(error)
                except EndOfStream as error:
                    _log.info("%s", error)
                    break
                finally:
                    capture.close()
            stop.wait(retry_s)
        self._notify.stopping()

    def _follow(self, capture: Capture, stop: threading.Event) -> None:
        while not stop.is_set():
            item = capture.read()
            if isinstance(item, Block):
                self._ring.append(item.samples, item.end_mono_ns, item.uncertainty_ns)
                self._end_ns = item.end_mono_ns
                self._absence = LossReason.DISCONNECT
                self._advance(capture.source)
            else:
                self._lose(item)

    def _advance(self, source: str) -> None:
        if self._trouble:
            _log.warning("%s: sound is back", source)
            self._trouble = ""
            self._report(f"recording {source}")
        if not self._is_ready:
            _log.info("recording %s", source)
            self._report(f"recording {source}")
        self._feed()

    def _lose(self, loss: Loss) -> None:
        """Name a loss. Its end is known when sound is back, so the ring closes the gap at the next block's start.

        A stream that stands is missing up to now, which readers that wait for it want to know at once.
        """
        self._say(f"{loss.reason}: {loss.detail}")
        end_ns = self._clock_ns() if loss.reason is LossReason.STALLED else self._end_ns
        self._ring.gap(GapReason(loss.reason), self._end_ns, end_ns)

    def _miss(self, error: DeviceLost) -> None:
        self._say(str(error))
        self._ring.gap(GapReason(self._absence), self._end_ns, self._clock_ns())
        self._feed()

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("%s", trouble)
            self._report(trouble)

    def _report(self, status: str) -> None:
        """Tell systemd; the first thing that is known makes this process ready."""
        if self._is_ready:
            self._notify.status(status)
        else:
            self._is_ready = True
            self._notify.ready(status)

    def _feed(self) -> None:
        now_ns = self._clock_ns()
        if now_ns - self._fed_ns >= WATCHDOG_PERIOD_NS:
            self._fed_ns = now_ns
            self._notify.alive()
