"""The readers' side of the sound ring: any stretch of the last minutes, cut out by time or by frame.

What is missing in a cut is zero and named in its gaps; wrong sound is never returned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ringbuffer.accounting import account
from ringbuffer.audio_blocks import BLOCK_PREFIX, KIND_GAP, AudioFormat, Blocks, Samples, load, sampled_stretches
from ringbuffer.audio_search import GUARD_SLOTS, MARGIN_SLOTS, around_frames, around_ns, guarded_oldest
from ringbuffer.audio_writer import AudioRingWriter, AudioStats
from ringbuffer.errors import NotYet, Overwritten, RingDamaged
from ringbuffer.gaps import Gap, GapReason
from ringbuffer.slot_ring import SlotRingReader
from ringbuffer.slot_table import SlotTable

__all__ = ["AudioRing", "AudioRingWriter", "AudioStats", "Cut", "Gap", "GapReason"]

# A cut whose oldest slots are overwritten while it is copied is made again; only a writer in a hurry gets that far.
CUT_ATTEMPTS = 5
# What a level meter shows for digital silence: below a 16-bit sample's last bit.
FLOOR_DBFS = -100.0

Around = Callable[[SlotTable, int, int], tuple[int, int]]
FramesOf = Callable[[Blocks], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Cut:
    """Frames `first_frame` .. `first_frame + len(samples)` of the stream: int16, (n,) for one channel, else (n, ch).

    `start_ns`, `end_ns` are when the first frame and the one after the last were captured. `gaps` are inside of the
    cut, in order, and zero in `samples`. For every captured frame of the cut the ring's idea of its instant is within
    `align_error_ns` of the truth. `generation` is the ring file's; frame numbers of two generations are unrelated.
    """

    samples: Samples
    rate_hz: int
    first_frame: int
    gaps: tuple[Gap, ...]
    align_error_ns: int
    start_ns: int
    end_ns: int
    simulated: bool
    generation: int


class AudioRing:
    """The sound ring at `path`, read-only. Raises `RingAbsent` until the ear has made it, and `RingDamaged`.

    Every call looks at the ring that is at the path then; `generation` changes when the ear has made a new one.
    """

    def __init__(self, path: Path | str) -> None:
        self._reader = SlotRingReader(path)
        self._remap()

    @property
    def generation(self) -> int:
        """The identity of the ring file."""
        return self._reader.geometry.generation

    @property
    def boot_id(self) -> str:
        """The boot to whose monotonic clock all instants of this ring belong."""
        return self._reader.geometry.boot_id

    @property
    def newest_seq(self) -> int:
        """The newest slot's number, 0 for an empty ring."""
        return self._table().newest_seq()

    def cut(self, start_ns: int, end_ns: int) -> Cut:
        """The sound from `start_ns` to `end_ns`, to the nearest frame.

        Raises `NotYet` and `Overwritten`, ValueError for an empty window or one longer than the ring.
        """
        if not 0 < end_ns - start_ns <= self.format.depth_s * 1_000_000_000:
            raise ValueError(
                f"a cut from {start_ns} to {end_ns} ns is empty or longer than the ring's {self.format.depth_s} s"
            )

        return self._cut(
            (start_ns, end_ns),
            lambda table, oldest, newest: around_ns(table, oldest, newest, start_ns, end_ns),
            lambda blocks: (round(blocks.timeline.frame_at(start_ns)), round(blocks.timeline.frame_at(end_ns))),
        )

    def cut_frames(self, first_frame: int, n_frames: int) -> Cut:
        """Exactly the frames from `first_frame` on, as many as `n_frames`: the seamless continuation of a cut.

        Raises as `cut` does.
        """
        if not 0 < n_frames <= self.format.depth_s * self.format.rate_hz:
            raise ValueError(f"a cut of {n_frames} frames is empty or longer than the ring's {self.format.depth_s} s")
        end_frame = first_frame + n_frames
        return self._cut(
            None,
            lambda table, oldest, newest: around_frames(table, oldest, newest, first_frame, end_frame),
            lambda _: (first_frame, end_frame),
        )

    def frame_at(self, mono_ns: int) -> tuple[float, int]:
        """The frame that was captured at `mono_ns`, and a bound in ns on how far off that is.

        Also for instants that are not captured yet or lie before the first sound (extrapolated, the bound grows).
        Raises `NotYet` when nothing is captured at all.
        """
        table = self._table()
        newest = table.newest_seq()
        if newest == 0:
            raise NotYet(mono_ns, None)
        oldest = guarded_oldest(table, newest)
        blocks = self._load_some(table, *around_ns(table, oldest, newest, mono_ns, mono_ns))
        frame = blocks.timeline.frame_at(mono_ns)
        return frame, math.ceil(blocks.timeline.error_ns(frame))

    def newest_ns(self) -> int | None:
        """Until when a cut can be made now; None for an empty ring."""
        table = self._table()
        newest = table.newest_seq()
        if newest == 0:
            return None
        return _until_ns(self._load_some(table, max(table.oldest_seq(newest), newest - MARGIN_SLOTS), newest))

    def oldest_ns(self) -> int | None:
        """From when on a cut can be made, if at once; None for an empty ring."""
        table = self._table()
        newest = table.newest_seq()
        return None if newest == 0 else self._available_from_ns(table, newest)

    def stalled_for_ns(self, now_ns: int) -> int | None:
        """How long ago the last sound was captured, whatever gaps were named since; None: the ring holds no sound."""
        table = self._table()
        newest = table.newest_seq()
        oldest = table.oldest_seq(newest)
        while newest >= oldest and newest > 0:
            first = max(oldest, newest - MARGIN_SLOTS + 1)
            stamp = load(table, first, newest, self.format).newest_sound_ns()
            if stamp is not None:
                return max(0, now_ns - stamp)
            newest = first - 1
        return None

    def level(self, window_ms: int) -> tuple[float, float]:
        """Peak and RMS of the newest `window_ms`, in dB of full scale, at least `FLOOR_DBFS`. Gaps count as silence."""
        table = self._table()
        newest = table.newest_seq()
        frames = max(1, window_ms * self.format.rate_hz // 1000)
        if newest == 0:
            return FLOOR_DBFS, FLOOR_DBFS
        slots = min(table.geometry.slots - 1, 2 * -(-frames // self.format.period_frames) + 1)
        blocks = load(table, max(table.oldest_seq(newest), newest - slots + 1), newest, self.format)
        if blocks.is_empty:
            return FLOOR_DBFS, FLOOR_DBFS
        samples = np.zeros((frames, self.format.channels), np.int16)
        blocks.fill(samples, blocks.end_frame - frames)
        scaled = samples.astype(np.float64) / 32768
        return _dbfs(float(np.abs(scaled).max())), _dbfs(float(np.sqrt(np.mean(scaled**2))))

    def gaps_since(self, seq: int) -> list[tuple[int, Gap]]:
        """The gaps in slots after number `seq` (0: all that the ring holds), each with its slot's number.

        A caller goes on with the last number that it got. Gaps of 0 frames are restarts of the stream without loss.
        """
        table = self._table()
        newest = table.newest_seq()
        found = []
        for number in table.of_kind(KIND_GAP, max(seq + 1, table.oldest_seq(newest)), newest):
            found += load(table, number, number, self.format).numbered_gaps()
        return found

    def stats(self) -> AudioStats:
        """The writer's account as of its newest slot; takes a few milliseconds."""
        table = self._table()
        newest = table.newest_seq()
        slot = table.read(newest)
        first_frame, frames, lost = (0, 0, 0) if slot is None else BLOCK_PREFIX.unpack_from(slot.payload)[:3]
        found = account(
            sampled_stretches(table, guarded_oldest(table, newest), newest, self.format), self.format.rate_hz
        )
        return AudioStats(
            captured_frames=first_frame + frames - lost,
            lost_frames=lost,
            unexplained_frames=found.unexplained_frames,
            resolution_frames=found.resolution_frames,
            rate_hz=found.rate_hz,
            drift_ppm=found.drift_ppm,
        )

    def close(self) -> None:
        """Let the ring go. Idempotent."""
        self._reader.close()

    def _cut(self, asked: tuple[int, int] | None, around: Around, frames_of: FramesOf) -> Cut:
        table = self._table()
        for _ in range(CUT_ATTEMPTS):
            newest = table.newest_seq()
            if newest == 0:
                raise NotYet(asked[1] if asked else 0, None)
            oldest = guarded_oldest(table, newest)
            blocks = load(table, *around(table, oldest, newest), self.format)
            if blocks.is_empty or not _covers(blocks, *frames_of(blocks)):
                # Damaged slots, or stamps later than the margin, have misled the search: all that there is.
                blocks = load(table, oldest, newest, self.format)
            if table.oldest_seq(table.newest_seq()) > blocks.first_seq or blocks.is_empty:
                continue
            first_frame, end_frame = frames_of(blocks)
            asked_ns = asked or (blocks.ns_at(first_frame), blocks.ns_at(end_frame))
            if end_frame > blocks.end_frame:
                raise NotYet(asked_ns[1], _until_ns(blocks))
            if first_frame < blocks.first_frame and oldest > 1:
                raise Overwritten(asked_ns[0], self._available_from_ns(table, newest))
            return self._assemble(blocks, first_frame, end_frame)
        raise Overwritten(asked[0] if asked else 0, self._available_from_ns(table, table.newest_seq()))

    def _assemble(self, blocks: Blocks, first_frame: int, end_frame: int) -> Cut:
        samples = np.zeros((end_frame - first_frame, self.format.channels), np.int16)
        filled = blocks.fill(samples, first_frame)
        timeline = blocks.timeline
        gaps: list[Gap] = []

        def add(first: int, end: int, reason: GapReason) -> None:
            first, end = max(first, first_frame), min(end, end_frame)
            if first < end:
                gaps.append(
                    Gap(first, end - first, reason, round(timeline.mono_at(first)), round(timeline.mono_at(end)))
                )

        named = [(gap.first_frame, gap.first_frame + gap.frames, gap.reason) for gap in blocks.gaps()]
        known = sorted([*((first, end, None) for first, end in filled), *named], key=lambda part: part[:2])
        at = first_frame
        for first, end, reason in [*known, (end_frame, end_frame, None)]:
            if first > at:
                # Numbers start at 0: before it nothing was captured. What is missing later was written and is damaged.
                add(at, min(first, 0), GapReason.ABSENT)
                add(max(at, 0), first, GapReason.TORN)
            if reason is not None:
                add(first, end, reason)
            at = max(at, end)
        return Cut(
            samples=samples[:, 0] if self.format.channels == 1 else samples,
            rate_hz=self.format.rate_hz,
            first_frame=first_frame,
            gaps=tuple(gaps),
            align_error_ns=math.ceil(timeline.max_error_ns(first_frame, end_frame)),
            start_ns=round(timeline.mono_at(first_frame)),
            end_ns=round(timeline.mono_at(end_frame)),
            simulated=self.format.simulated,
            generation=self.generation,
        )

    def _available_from_ns(self, table: SlotTable, newest: int) -> int:
        oldest = guarded_oldest(table, newest)
        # Once more the guard, so that a cut that begins here is still possible when the caller makes it.
        first = oldest if oldest == 1 else min(newest, oldest + GUARD_SLOTS)
        blocks = self._load_some(table, first, min(newest, first + MARGIN_SLOTS))
        return math.ceil(blocks.timeline.mono_at(blocks.first_frame))

    def _load_some(self, table: SlotTable, first_seq: int, last_seq: int) -> Blocks:
        """These slots, or the newest one where none of them is whole (damaged, or overwritten meanwhile)."""
        blocks = load(table, first_seq, last_seq, self.format)
        for _ in range(CUT_ATTEMPTS):
            if not blocks.is_empty:
                return blocks
            newest = table.newest_seq()
            blocks = load(table, max(1, newest), max(1, newest), self.format)
        raise RingDamaged(
            f"no slot of {self._reader.path} can be read: it is damaged, or written faster than it is read; "
            "restart the ear, or set a greater depth_s"
        )

    def _table(self) -> SlotTable:
        if self._reader.refresh():
            self._remap()
        return self._reader.table

    def _remap(self) -> None:
        metadata = json.loads(self._reader.geometry.metadata)
        if metadata.pop("content", None) != "audio":
            raise RingDamaged(f"{self._reader.path} holds no sound but {metadata}; check the configured paths")
        try:
            self.format = AudioFormat(**metadata)
        except TypeError as error:
            raise RingDamaged(f"{self._reader.path} is of another version ({error}); restart the ear") from error


def _covers(blocks: Blocks, first_frame: int, end_frame: int) -> bool:
    return blocks.first_frame <= first_frame and end_frame <= blocks.end_frame


def _until_ns(blocks: Blocks) -> int:
    return math.floor(blocks.timeline.mono_at(blocks.end_frame))


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
