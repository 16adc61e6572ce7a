"""A sound card that hears what we play: the kernel's snd-aloop, its player, and when each frame was really heard."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lab.device.waiting import modprobe, run, wait_until

RATE_HZ = 16000
# As an engineer names it; the box hears at device 1 what is played at device 0.
MICROPHONE = "plughw:CARD=Loopback,DEV=1"
_SPEAKER = "hw:CARD=Loopback,DEV=0"
_DRIVER = Path("/sys/bus/platform/drivers/snd_aloop")
_DEVICE = "snd_aloop.0"
_PERIOD_FRAMES = 320
# The longest that snd-aloop allows: 20 s, so that no delay of a busy machine lets the sound run dry.
_PERIODS = 1000
_FEED_S = 0.05


class Card:
    """The card, plugged in while it is bound to its driver."""

    def __init__(self) -> None:
        modprobe("snd-aloop", "pcm_substreams=1")
        if not self.plugged:
            self.plug()

    @property
    def plugged(self) -> bool:
        """Whether programs can find it."""
        return Path("/proc/asound/Loopback").exists()

    def unplug(self) -> int:
        """Pull it out; returns when that was, CLOCK_MONOTONIC ns. Comes back when nobody holds it open any more."""
        now_ns = time.monotonic_ns()
        (_DRIVER / "unbind").write_text(_DEVICE)
        return now_ns

    def plug(self) -> int:
        """Put it in again; returns when programs could find it."""
        (_DRIVER / "bind").write_text(_DEVICE)
        wait_until(lambda: self.plugged, "the card is back")
        now_ns = time.monotonic_ns()
        run("udevadm", "settle")
        return now_ns


class Playing:
    """Plays `samples` (int16, mono) once, then silence, until the end of the `with` block.

    `frame_at` says which of its frames the card moved at an instant: the pointer of the player, whose stamps are late
    by up to a tick of the kernel and never early, so that the earliest of all stamps gives the line.
    """

    def __init__(self, samples: npt.NDArray[np.int16]) -> None:
        self.samples = samples
        self._data = samples.astype("<i2").tobytes()
        self._written_frames = 0
        self._buffer_frames = 0
        self._origin_ns: float | None = None
        self._stamps = 0
        self._pcm: Any = None
        self._closing = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, name="player", daemon=True)

    def __enter__(self) -> Self:
        import alsaaudio

        self._pcm = alsaaudio.PCM(
            type=alsaaudio.PCM_PLAYBACK,
            mode=alsaaudio.PCM_NONBLOCK,
            device=_SPEAKER,
            rate=RATE_HZ,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=_PERIOD_FRAMES,
            periods=_PERIODS,
        )
        self._pcm.set_tstamp_mode(alsaaudio.PCM_TSTAMP_ENABLE)
        self._pcm.set_tstamp_type(alsaaudio.PCM_TSTAMP_TYPE_MONOTONIC)
        self._buffer_frames = self._pcm.info()["buffer_size"]
        self._thread.start()
        self.wait_for(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._pcm.close()
        if self._failure is not None:
            raise RuntimeError("the test's own player failed; its sound proves nothing") from self._failure

    def frame_at(self, mono_ns: float) -> float:
        """The frame that was heard at `mono_ns`."""
        if self._origin_ns is None:
            raise RuntimeError("the player has no stamp yet")
        return (mono_ns - self._origin_ns) * RATE_HZ / 1e9

    def wait_for(self, seconds: float) -> None:
        """Return when so many seconds of it were heard."""
        wait_until(
            lambda: self._failure is not None or (self._stamps > 5 and self.heard_s >= seconds),
            f"{seconds:g} s are played",
        )

    @property
    def heard_s(self) -> float:
        """How much of it was heard until now."""
        return self.frame_at(time.monotonic_ns()) / RATE_HZ if self._origin_ns is not None else 0.0

    def _feed(self) -> None:
        try:
            # A player that is late would prove nothing about the box.
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
            while not self._closing.wait(_FEED_S if self._written_frames else 0):
                self._write()
                self._stamp()
        except BaseException as error:  # noqa: BLE001 - handed over to the test's own thread
            self._failure = error

    def _write(self) -> None:
        while True:
            at = self._written_frames * 2
            chunk = self._data[at : at + _PERIOD_FRAMES * 2]
            chunk += bytes(_PERIOD_FRAMES * 2 - len(chunk))
            frames = self._pcm.write(chunk)
            if frames < 0:
                raise RuntimeError(f"the player ran dry ({frames}) after {self._written_frames} frames")
            if frames == 0:
                return
            self._written_frames += frames

    def _stamp(self) -> None:
        seconds, nanoseconds, avail_frames = self._pcm.htimestamp()
        at_ns = seconds * 1_000_000_000 + nanoseconds
        moved_frames = self._written_frames - (self._buffer_frames - avail_frames)
        if not at_ns or moved_frames <= 0:
            return
        origin_ns = at_ns - moved_frames * 1e9 / RATE_HZ
        self._origin_ns = origin_ns if self._origin_ns is None else min(self._origin_ns, origin_ns)
        self._stamps += 1
