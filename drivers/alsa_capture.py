"""A sound card through ALSA. The one module that imports pyalsaaudio."""

from __future__ import annotations

import errno
import os
import re
import select
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from drivers.contract import Block, DeviceLost, DriverError, Loss, LossReason

_NS = 1_000_000_000
_SAMPLE_BYTES = 2
_BUFFER_NS = 1_000_000_000
# How far behind the sound a card's pointer may be: USB moves it by whole transfers (up to 8 ms), snd-aloop by jiffies.
_CARD_UNCERTAINTY_NS = 8_000_000
# A stamp older than this is of another clock or of a pointer that nobody updates.
_STAMP_AGE_MAX_NS = 10 * _NS
# So many of the last good stamps say when a frame was due whose own stamp says too little.
_GOOD_STAMPS = 64
_NEVER_STAMPED_NS = 1_000_000_000
# A wait that ends so much later than it should was held up: the machine was busy, or this process was stopped.
_HELD_UP_NS = 100_000_000

# ALSA reports an error as the C library's text of its number, and pyalsaaudio passes on only that text.
_ABSENT = (
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOENT,
    errno.EBUSY,
    errno.EIO,
    errno.EPIPE,
    errno.EBADFD,
    errno.ECONNREFUSED,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
)
_REMEDY = {
    errno.EACCES: "add the user of this process to the group 'audio'",
    errno.EPERM: "add the user of this process to the group 'audio'",
    errno.EINVAL: "check the name with 'arecord -L', and use 'plughw:' where the card can't do the format",
}


class AlsaCapture:
    """An open ALSA capture stream of signed 16-bit frames; fulfils `Capture`.

    `device` is a stable name (`hw:CARD=Device`, `plughw:CARD=Device`, or a PCM of the ALSA configuration). Construction
    opens it: raises `DeviceLost` where it is absent, busy or its sound server is away (try again), `DriverError` where
    it can't give `rate_hz` and `channels` or may not be opened (change something).

    Stamps. `snd_pcm_htimestamp` gives (t, avail): at monotonic t the card's pointer was `avail` frames ahead of the
    frame that the application reads next. That frame was therefore captured at t - avail / rate, which is the end of
    what has been read. The pointer lags behind the sound by the card's granularity and never leads, so a stamp may be
    late by `uncertainty_ns`, never early. Plug-ins (PulseAudio, PipeWire) stamp when they are asked; their uncertainty
    is two periods. With more than that unread their server may hold still more for us: then a stamp is late by an
    unknown time, and its uncertainty reaches back to when the good stamps before say it was due.

    Blocks have `period_frames` frames whatever period the device chose; shorter ones come only before a `Loss`. A read
    that the device cut short loses nothing and is completed by the next. After a `Loss` for suspend or stall the stream
    is opened anew within the next `read`.
    """

    simulated = False

    def __init__(
        self,
        device: str,
        *,
        rate_hz: int,
        channels: int,
        period_frames: int,
        read_timeout_s: float = 2.0,
        pcm_factory: Callable[..., Any] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        proc_asound: Path = Path("/proc/asound"),
    ) -> None:
        import alsaaudio  # noqa: PLC0415 - only a box with a sound card needs the library

        self.rate_hz = rate_hz
        self.channels = channels
        self.source = f"alsa:{device}"
        self._alsa = alsaaudio
        self._device = device
        self._period_frames = period_frames
        self._timeout_ms = max(1, round(read_timeout_s * 1000))
        self._pcm_factory = pcm_factory or alsaaudio.PCM
        self._clock_ns = clock_ns
        self._proc_asound = proc_asound
        self._frame_bytes = _SAMPLE_BYTES * channels
        self._pcm: Any = None
        self._poll = select.poll()
        self._pending = bytearray()
        self._end_ns = 0
        self._uncertainty_ns = 0
        self._least_uncertainty_ns = 0
        self._doubtful_avail_frames = 0
        self._frames_read = 0
        self._is_stale = False
        self._deadline_ns = 0
        self._good_stamps: deque[tuple[int, int]] = deque(maxlen=_GOOD_STAMPS)
        self._loss: Loss | None = None
        self._open()

    def read(self) -> Block | Loss:
        """Return the next period, or why frames are missing.

        Blocks for at most `read_timeout_s`; after a stall as long as a sound server takes that stands itself.
        """
        if self._loss is not None:
            known, self._loss = self._loss, None
            return known
        if self._is_stale:
            # Only now: closing waits for a sound server that stands, and the caller has to name the gap before.
            self.close()
            self._open()
        period_bytes = self._period_frames * self._frame_bytes
        self._allow_time()
        while len(self._pending) < period_bytes:
            loss = self._fill()
            if loss is not None:
                if not self._pending:
                    return loss
                self._loss = loss
                return self._block(len(self._pending))
        return self._block(period_bytes)

    def close(self) -> None:
        """Close the stream; harmless twice."""
        pcm, self._pcm = self._pcm, None
        if pcm is not None:
            pcm.close()

    def _block(self, size_bytes: int) -> Block:
        samples = np.frombuffer(bytes(self._pending[:size_bytes]), dtype="<i2").reshape(-1, self.channels)
        del self._pending[:size_bytes]
        later_frames = len(self._pending) // self._frame_bytes
        return Block(samples, self._end_ns - later_frames * _NS // self.rate_hz, self._uncertainty_ns)

    def _fill(self) -> Loss | None:
        """Read once, or wait until reading is worth while; returns why frames are lost, if they are."""
        try:
            frames, data = self._pcm.read()
            if frames == 0:
                return self._wait()
            if frames == -errno.EPIPE:
                self._good_stamps.clear()
                return Loss(LossReason.OVERRUN, f"{self.source}: the card's buffer overran")
            self._frames_read += frames
            self._stamp()
        except self._alsa.ALSAAudioError as error:
            if _means(error, errno.ESTRPIPE):
                self._is_stale = True
                return Loss(LossReason.SUSPEND, f"{self.source}: the system suspended the card")
            self.close()
            raise DeviceLost(f"{self.source} stopped: {error}; plug it in again, or start its sound server") from error
        if frames < 0 or len(data) != frames * self._frame_bytes:
            return Loss(LossReason.SHORT_READ, f"{self.source}: {len(data)} bytes came for {frames} frames")
        self._pending += data
        return None

    def _wait(self) -> Loss | None:
        """Wait until there may be frames; a device that had its time and gave none has stalled."""
        left_ns = self._deadline_ns - self._clock_ns()
        if left_ns > 0:
            events = self._poll.poll(-(-left_ns // 1_000_000))
            if events:
                # Plug-ins clear their wake-up here; without it the next poll returns at once for ever.
                self._pcm.polldescriptors_revents(events)
                return None
            left_ns = self._deadline_ns - self._clock_ns()
        if left_ns < -_HELD_UP_NS:
            # It is this process that stood still. The device may well have the frames: it gets its time anew.
            self._allow_time()
            return None
        self._is_stale = True
        return Loss(LossReason.STALLED, f"{self.source}: no frame for {self._timeout_ms} ms")

    def _allow_time(self) -> None:
        self._deadline_ns = self._clock_ns() + self._timeout_ms * 1_000_000

    def _stamp(self) -> None:
        """Date the end of what has just been read; see the class."""
        seconds, nanoseconds, avail_frames = self._pcm.htimestamp()
        now_ns = self._clock_ns()
        at_ns = seconds * _NS + nanoseconds
        if not 0 <= now_ns - at_ns <= _STAMP_AGE_MAX_NS:
            # A plug-in without time stamps gives zero or another clock.
            at_ns, avail_frames = now_ns, 0
        self._end_ns = at_ns - avail_frames * _NS // self.rate_hz
        self._uncertainty_ns = self._least_uncertainty_ns
        if avail_frames < self._doubtful_avail_frames:
            self._good_stamps.append((self._frames_read, self._end_ns))
        else:
            late_ns = self._end_ns - self._due_ns() if self._good_stamps else _NEVER_STAMPED_NS
            self._uncertainty_ns = max(self._least_uncertainty_ns, late_ns)

    def _due_ns(self) -> int:
        """When the end of what has been read was captured, by the most punctual of the good stamps."""
        return min(
            end_ns + (self._frames_read - at_frame) * _NS // self.rate_hz for at_frame, end_ns in self._good_stamps
        )

    def _open(self) -> None:
        card = re.search(r"CARD=([^,]+)", self._device)
        if card is not None:
            entry = f"card{card[1]}" if card[1].isdigit() else card[1]
            # Asked first because ALSA writes a line to stderr at each attempt to open a card that is not there.
            if not (self._proc_asound / entry).exists():
                raise DeviceLost(
                    f"{self.source}: there is no sound card {card[1]!r}; plug it in ('arecord -L' lists the names)"
                )
        period_ns = self._period_frames * _NS // self.rate_hz
        try:
            pcm = self._pcm_factory(
                type=self._alsa.PCM_CAPTURE,
                mode=self._alsa.PCM_NONBLOCK,
                device=self._device,
                rate=self.rate_hz,
                channels=self.channels,
                format=self._alsa.PCM_FORMAT_S16_LE,
                periodsize=self._period_frames,
                periods=max(4, -(-_BUFFER_NS // period_ns)),
            )
        except self._alsa.ALSAAudioError as error:
            raise self._refusal(error) from error
        self._pcm = pcm
        try:
            self._check()
            pcm.set_tstamp_mode(self._alsa.PCM_TSTAMP_ENABLE)
            pcm.set_tstamp_type(self._alsa.PCM_TSTAMP_TYPE_MONOTONIC)
        except self._alsa.ALSAAudioError as error:
            self.close()
            raise DeviceLost(f"{self.source} went away while it was opened: {error}") from error
        except RuntimeError as error:
            self.close()
            raise DriverError(
                f"{self.source} can't stamp on the monotonic clock ({error}); use a newer kernel or 'plughw:'"
            ) from error
        except DriverError:
            self.close()
            raise
        self._is_stale = False
        self._pending.clear()
        self._good_stamps.clear()
        self._poll = select.poll()
        for descriptor, mask in pcm.polldescriptors():
            self._poll.register(descriptor, mask)

    def _check(self) -> None:
        info = self._pcm.info()
        asked = (self.rate_hz, self.channels, "S16_LE")
        got = (info["rate"], info["channels"], info["format_name"])
        if got != asked:
            raise DriverError(
                f"{self.source}: asked for {asked[0]} Hz, {asked[1]} channels, {asked[2]}, "
                f"got {got[0]} Hz, {got[1]} channels, {got[2]}; set ear.rate_hz and ear.channels to what it can, "
                "or use 'plughw:' instead of 'hw:'"
            )
        on_card = info["card_no"] >= 0
        two_periods = 2 * int(info["period_size"])
        self._least_uncertainty_ns = _CARD_UNCERTAINTY_NS if on_card else two_periods * _NS // self.rate_hz
        self._doubtful_avail_frames = int(info["buffer_size"]) - 1 if on_card else two_periods

    def _refusal(self, error: Exception) -> DriverError:
        if any(_means(error, code) for code in _ABSENT):
            return DeviceLost(
                f"{self.source} cannot be opened: {error}; plug it in, free it, or start its sound server"
            )
        remedy = next((text for code, text in _REMEDY.items() if _means(error, code)), "see 'arecord -L'")
        return DriverError(f"{self.source} cannot be opened: {error}; {remedy}")


def _means(error: Exception, code: int) -> bool:
    return str(error).startswith(os.strerror(code))
