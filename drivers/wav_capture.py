"""A microphone that is a WAV file: the simulated sibling of `alsa_capture`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from drivers.contract import Block, DriverError, EndOfStream, Loss, LossReason
from drivers.wav_file import read_wav

_NS = 1_000_000_000


class WavCapture:
    """Plays `path` as a sound card would capture it; fulfils `Capture`, `simulated` is always true.

    Stamps are exact and never depend on when `read` is called: with f frames captured or lost since the start,
    end_mono_ns = t0 + f / true rate, rounded to a nanosecond, t0 being `clock_ns()` at construction and the true
    rate rate_hz · (1 + drift_ppm · 10⁻⁶), as of a card whose crystal is off.

    `speed` sets the pace of `read` only: 1 delivers each block when its end has come, s > 1 delivers s times as fast, 0
    never waits. The stamps keep the file's own time, so with speed ≠ 1 they run away from the machine's clock:
    everything that is compared with them (presses) has to live in the same virtual time.

    `overruns` lists (frame, lost_frames) by frame since the start, lost ones counted: there the card loses so many
    frames of the file, `read` returns a `Loss`. `loop` begins the file anew without a seam; otherwise `read` raises
    `EndOfStream` after its last frame. Nothing is resampled: another rate or number of channels raises `DriverError`.
    """

    simulated = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rate_hz: int,
        channels: int,
        period_frames: int,
        loop: bool = True,
        speed: float = 1.0,
        drift_ppm: float = 0.0,
        overruns: Sequence[tuple[int, int]] = (),
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        wav = read_wav(path)
        name = os.fspath(path)
        if (wav.rate_hz, wav.channels) != (rate_hz, channels):
            raise DriverError(
                f"{name} has {wav.rate_hz} Hz and {wav.channels} channels, but {rate_hz} Hz and {channels} are "
                f"configured; set ear.rate_hz = {wav.rate_hz} and ear.channels = {wav.channels}, or convert the file"
            )
        if period_frames < 1 or speed < 0:
            raise DriverError(f"{name}: period_frames = {period_frames} and speed = {speed} must be positive")
        self.rate_hz = rate_hz
        self.channels = channels
        self.source = f"wav:{name}"
        self.repaired = wav.repaired
        self._samples = wav.samples
        self._period_frames = period_frames
        self._loop = loop
        self._speed = Fraction(speed)
        self._true_rate = Fraction(rate_hz) * (1 + Fraction(drift_ppm) / 1_000_000)
        self._overruns = sorted(overruns)
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._t0_ns = clock_ns()
        self._frame = 0

    def read(self) -> Block | Loss:
        """Return the next block when its time has come; see the class for pace, stamps and errors."""
        if self._overruns and self._frame >= self._overruns[0][0]:
            _, lost_frames = self._overruns.pop(0)
            self._frame += lost_frames
            return Loss(LossReason.OVERRUN, f"{lost_frames} frames left out as configured")
        frames = self._period_frames
        if self._overruns:
            frames = min(frames, self._overruns[0][0] - self._frame)
        samples = self._take(frames)
        self._frame += len(samples)
        end_after_ns = Fraction(self._frame * _NS) / self._true_rate
        if self._speed:
            wait_ns = self._t0_ns + end_after_ns / self._speed - self._clock_ns()
            if wait_ns > 0:
                self._sleep(float(wait_ns) / _NS)
        return Block(samples, self._t0_ns + round(end_after_ns), 0)

    def _take(self, frames: int) -> npt.NDArray[np.int16]:
        total = len(self._samples)
        if not self._loop:
            if self._frame >= total:
                raise EndOfStream(f"{self.source} is over after {total} frames; set ear.loop = true to repeat it")
            return self._samples[self._frame : self._frame + frames]
        start = self._frame % total
        if start + frames <= total:
            return self._samples[start : start + frames]
        return self._samples[np.arange(start, start + frames) % total]

    def close(self) -> None:
        """Nothing is held open but a read-only mapping, which goes with this object."""
