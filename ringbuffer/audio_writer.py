"""The ear's side of the sound ring: blocks and gaps in, frames numbered by the card's time.

A block's stamp is the capture instant of the frame *after* its last one. A gap takes as many frame numbers as frames
are estimated lost, so the number of a frame that is written never changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ringbuffer.accounting import account
from ringbuffer.audio_blocks import (
    BLOCK_PREFIX,
    GAP_BODY,
    KIND_GAP,
    KIND_SOUND,
    SAMPLE_BYTES,
    AudioFormat,
    Samples,
    load,
    sampled_stretches,
)
from ringbuffer.audio_search import GUARD_SLOTS
from ringbuffer.errors import RingTooLarge
from ringbuffer.gaps import REASON_CODES, GapReason
from ringbuffer.layout import HEADER_BYTES, plan
from ringbuffer.memory import RoomAt, megabytes, room_at
from ringbuffer.slot_ring import SlotRingWriter

# Beyond the depth: the guard, twice, gaps, and blocks shorter than a period.
SPARE_SLOTS = 2 * GUARD_SLOTS + 64
SPARE_SHARE_PERCENT = 1
# The newest so many slots are fitted to know when the last frame was captured.
TAIL_SLOTS = 512
_INT16 = np.dtype(np.int16)


@dataclass(frozen=True, slots=True)
class AudioStats:
    """Frames captured and lost since the ring was made; the rest is measured on what the ring holds.

    `unexplained_frames` are missing without a named gap: a fault, unless 0. No single loss smaller than
    `resolution_frames` can be seen with the stamps at hand.
    """

    captured_frames: int
    lost_frames: int
    unexplained_frames: int
    resolution_frames: float
    rate_hz: float
    drift_ppm: float


class AudioRingWriter:
    """The one writer of the sound ring at `path`, made or continued (see `SlotRingWriter` for when, and its errors).

    Holds at least `depth_s` seconds of blocks of `period_frames`; each shorter block takes a slot of its own. Where
    a ring is continued, the time since its last sound becomes a gap `restart` at the first `append` or `gap`.
    Raises `RingTooLarge` with the arithmetic where memory cannot hold the depth. For one thread.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        boot_id: str,
        source: str,
        simulated: bool,
        rate_hz: int = 16000,
        channels: int = 1,
        depth_s: int = 1800,
        period_frames: int = 320,
        room: RoomAt = room_at,
    ) -> None:
        if min(rate_hz, channels, depth_s, period_frames) < 1:
            raise ValueError(
                f"rate_hz {rate_hz}, channels {channels}, depth_s {depth_s}, period_frames {period_frames}: "
                "each has to be at least 1"
            )
        self.format = AudioFormat(rate_hz, channels, period_frames, depth_s, source, simulated)
        try:
            self._ring = SlotRingWriter(
                path,
                payload_bytes=_payload_bytes(self.format),
                slots=_slots(self.format, depth_s),
                boot_id=boot_id,
                metadata={"content": "audio", **asdict(self.format)},
                room=room,
            )
        except RingTooLarge as error:
            raise _too_deep(self.format, error) from error
        self._nominal_period_ns = 1e9 / rate_hz
        self._next_frame = 0
        self._lost = 0
        self._segment = 0
        # After a gap, and after opening a ring that holds something: where time has got to, until sound comes again.
        self._position_ns: int | None = None
        self._pending: GapReason | None = None
        self._rate_hz = float(rate_hz)
        self._must_bridge = False
        self._resume_ring()

    @property
    def newest_seq(self) -> int:
        """The number of the newest slot."""
        return self._ring.newest_seq

    def append(self, frames: Samples, mono_ns: int, uncertainty_ns: int) -> None:
        """Add a block: int16, shape (n,) or (n, channels), any n; the frame after it was captured at `mono_ns`.

        The stamp is never early by more than `uncertainty_ns`, and rarely late by more; 0 declares that it is exact
        by construction. Raises TypeError, ValueError for another dtype or shape, and for a negative uncertainty.
        """
        if frames.dtype != _INT16:
            raise TypeError(f"sound has to be int16, not {frames.dtype}; convert it in the driver")
        channels = self.format.channels
        if frames.ndim > 2 or (frames.shape[1] if frames.ndim == 2 else 1) != channels:
            raise ValueError(f"a block of shape {frames.shape} does not fit a ring of {channels} channel(s)")
        if uncertainty_ns < 0:
            raise ValueError(f"uncertainty_ns {uncertainty_ns} of a stamp is negative")
        count = len(frames)
        if count == 0:
            return
        if self._pending is not None:
            self._resume(count, mono_ns, uncertainty_ns)
        if not frames.flags.c_contiguous:
            frames = np.ascontiguousarray(frames)
        period = self.format.period_frames
        if count <= period:
            self._write(frames, mono_ns, uncertainty_ns)
            return
        for at in range(0, count - period, period):
            left = round((count - at - period) * self._nominal_period_ns)
            self._write(frames[at : at + period], mono_ns - left, uncertainty_ns)
        self._write(frames[-((count - 1) % period + 1) :], mono_ns, uncertainty_ns)

    def gap(self, reason: GapReason, start_ns: int, end_ns: int) -> None:
        """Sound is missing for `reason` until `end_ns`; visible to readers at once. Repeat it while the absence lasts.

        The gap begins where the sound or the gap before it ends (`start_ns` counts only when there is neither). If
        the next block begins later than `end_ns`, the rest becomes a further gap of the same reason.
        """
        if self._must_bridge:
            self._write_gap(GapReason.RESTART, start_ns)
        if self._ring.newest_seq == 0:
            self._position_ns = start_ns
        elif self._pending is None:
            self._measure()
        self._pending = reason
        self._write_gap(reason, end_ns)

    def stats(self) -> AudioStats:
        """The account so far; takes a few milliseconds."""
        newest = self._ring.newest_seq
        oldest = self._ring.table.oldest_seq(newest)
        stretches = sampled_stretches(self._ring.table, oldest, newest, self.format)
        found = account(stretches, self.format.rate_hz)
        return AudioStats(
            captured_frames=self._next_frame - self._lost,
            lost_frames=self._lost,
            unexplained_frames=found.unexplained_frames,
            resolution_frames=found.resolution_frames,
            rate_hz=found.rate_hz,
            drift_ppm=found.drift_ppm,
        )

    def close(self) -> None:
        """Give the ring up; its file stays. Idempotent."""
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, frames: Samples, mono_ns: int, uncertainty_ns: int) -> None:
        count = len(frames)
        prefix = BLOCK_PREFIX.pack(self._next_frame, count, self._lost, uncertainty_ns)
        self._ring.append(mono_ns, KIND_SOUND, self._segment, prefix, frames.data.cast("B"))
        self._next_frame += count

    def _write_gap(self, reason: GapReason, end_ns: int) -> None:
        start_ns = end_ns if self._position_ns is None else self._position_ns
        end_ns = max(start_ns, end_ns)
        frames = round((end_ns - start_ns) * self._rate_hz / 1e9)
        self._lost += frames
        self._segment += 1
        prefix = BLOCK_PREFIX.pack(self._next_frame, frames, self._lost, 0)
        body = GAP_BODY.pack(start_ns, end_ns, REASON_CODES[reason], 0)
        self._ring.append(end_ns, KIND_GAP, self._segment, prefix, body)
        self._next_frame += frames
        self._position_ns = end_ns
        self._must_bridge = False

    def _resume(self, count: int, mono_ns: int, uncertainty_ns: int) -> None:
        """Sound is back: what is missing before this block's first frame is a gap too."""
        if self._pending is None or self._position_ns is None:
            return
        start_ns = mono_ns - round(count * self._nominal_period_ns)
        if self._must_bridge or start_ns - self._position_ns > uncertainty_ns + self._nominal_period_ns:
            self._write_gap(self._pending, start_ns)
        self._pending = None
        self._position_ns = None

    def _measure(self) -> None:
        """Know when the next frame is due, and the card's rate, before frames are declared lost."""
        table, newest = self._ring.table, self._ring.newest_seq
        oldest = table.oldest_seq(newest)
        tail = load(table, max(oldest, newest - TAIL_SLOTS + 1), newest, self.format)
        self._position_ns = round(tail.timeline.mono_at(self._next_frame))
        self._rate_hz = account(sampled_stretches(table, oldest, newest, self.format), self.format.rate_hz).rate_hz

    def _resume_ring(self) -> None:
        newest = self._ring.newest_seq
        slot = self._ring.table.read(newest)
        if slot is None:
            return
        first_frame, frames, self._lost, _ = BLOCK_PREFIX.unpack_from(slot.payload)
        self._next_frame = first_frame + frames
        self._segment = slot.tag
        self._pending = GapReason.RESTART
        self._must_bridge = True
        self._measure()


def needed_bytes(*, rate_hz: int, channels: int, depth_s: int, period_frames: int) -> int:
    """How large the file of such a ring is."""
    audio = AudioFormat(rate_hz, channels, period_frames, depth_s, "", simulated=False)
    return plan(_payload_bytes(audio), _slots(audio, depth_s), "x", {}).file_bytes


def _payload_bytes(audio: AudioFormat) -> int:
    return BLOCK_PREFIX.size + max(audio.period_frames * audio.channels * SAMPLE_BYTES, GAP_BODY.size)


def _slots(audio: AudioFormat, depth_s: int) -> int:
    periods = -(-depth_s * audio.rate_hz // audio.period_frames)
    return periods + periods * SPARE_SHARE_PERCENT // 100 + SPARE_SLOTS


def _too_deep(audio: AudioFormat, error: RingTooLarge) -> RingTooLarge:
    sound_bytes = audio.depth_s * audio.rate_hz * audio.channels * SAMPLE_BYTES
    slot_bytes = (error.needed_bytes - HEADER_BYTES) // _slots(audio, audio.depth_s)
    periods = ((error.usable_bytes - HEADER_BYTES) // slot_bytes - SPARE_SLOTS) * 100 // (100 + SPARE_SHARE_PERCENT)
    most_s = max(0, periods * audio.period_frames // audio.rate_hz)
    remedy = f"set depth_s to at most {most_s}" if most_s else "free memory first, no depth fits"
    return RingTooLarge(
        f"{audio.depth_s / 60:g} min x {audio.rate_hz} Hz x {audio.channels * SAMPLE_BYTES} B = "
        f"{megabytes(sound_bytes)} of sound, {megabytes(error.needed_bytes)} with headers and spare: {error}; {remedy}",
        needed_bytes=error.needed_bytes,
        usable_bytes=error.usable_bytes,
    )
