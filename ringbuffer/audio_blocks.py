"""Sound and gaps as payloads of slots: their layout, and a range of slots read back as samples, stretches and gaps."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ringbuffer.gaps import REASONS_BY_CODE, Gap
from ringbuffer.layout import SLOT_HEADER_BYTES, SLOT_HEADER_DTYPE
from ringbuffer.slot_table import Bytes2D, Mask, SlotTable
from ringbuffer.stream_fit import PUNCTUAL_RUN, Stamps
from ringbuffer.timeline import Timeline

Samples = npt.NDArray[np.int16]

KIND_SOUND = 1
KIND_GAP = 2
SAMPLE_BYTES = 2
# first_frame, frames, lost_frames (of the ring's life, this slot's included), uncertainty_ns
BLOCK_PREFIX = struct.Struct("<qqqq")
# start_ns, end_ns, reason, padding
GAP_BODY = struct.Struct("<qqII")
BLOCK_DTYPE = np.dtype(
    [
        *((name, SLOT_HEADER_DTYPE[name]) for name in SLOT_HEADER_DTYPE.names or ()),
        ("first_frame", "<i8"),
        ("frames", "<i8"),
        ("lost_frames", "<i8"),
        ("uncertainty_ns", "<i8"),
    ]
)
SAMPLES_OFFSET = SLOT_HEADER_BYTES + BLOCK_PREFIX.size
# So many places along the ring are looked at to measure the card's rate: enough for a step, cheap enough to do often.
SAMPLED_PLACES = 128


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a sound ring's metadata says of its samples."""

    rate_hz: int
    channels: int
    period_frames: int
    depth_s: int
    source: str
    simulated: bool


class Blocks:
    """A copied range of slots. Only whole ones are looked at."""

    def __init__(self, first_seq: int, raw: Bytes2D, whole: Mask, audio: AudioFormat) -> None:
        self.first_seq = first_seq
        self.last_seq = first_seq + len(raw) - 1
        self._audio = audio
        self._raw = raw
        head = raw[:, :SAMPLES_OFFSET].copy().view(BLOCK_DTYPE)[:, 0]
        self._rows = np.flatnonzero(whole)
        self._head = head[self._rows]
        self._is_sound = self._head["kind"] == KIND_SOUND

    @property
    def is_empty(self) -> bool:
        """Whether no slot is whole."""
        return len(self._rows) == 0

    @property
    def first_frame(self) -> int:
        """The first frame of the oldest whole slot."""
        return int(self._head["first_frame"][0])

    @property
    def end_frame(self) -> int:
        """The frame after the newest whole slot."""
        return int(self._head["first_frame"][-1] + self._head["frames"][-1])

    @cached_property
    def timeline(self) -> Timeline:
        """Frames <-> time, fitted to what is here."""
        return Timeline(self.stretches(), self.gaps(), self._audio.rate_hz)

    def ns_at(self, frame: int) -> int:
        """When `frame` was captured, to the nearest ns."""
        return round(self.timeline.mono_at(frame))

    def stretches(self) -> list[Stamps]:
        """The stamps, a stretch for each uninterrupted run of the stream."""
        head = self._head[self._is_sound]
        if len(head) == 0:
            return []
        ends = np.flatnonzero(np.diff(head["tag"])) + 1
        return [
            Stamps(
                int(part["first_frame"][0]),
                part["first_frame"] + part["frames"],
                part["mono_ns"].copy(),
                part["uncertainty_ns"].copy(),
            )
            for part in np.split(head, ends)
        ]

    def gaps(self) -> list[Gap]:
        """The gaps that were recorded, of 0 frames too."""
        return [gap for _, gap in self.numbered_gaps()]

    def numbered_gaps(self) -> list[tuple[int, Gap]]:
        """The same, each with its slot's number."""
        found = []
        for at in np.flatnonzero(self._head["kind"] == KIND_GAP).tolist():
            head, row = self._head[at], int(self._rows[at])
            start_ns, end_ns, code, _ = GAP_BODY.unpack_from(self._raw[row].data, SAMPLES_OFFSET)
            gap = Gap(int(head["first_frame"]), int(head["frames"]), REASONS_BY_CODE[code], start_ns, end_ns)
            found.append((self.first_seq + row, gap))
        return found

    def newest_sound_ns(self) -> int | None:
        """The stamp of the newest sound here."""
        stamps = self._head["mono_ns"][self._is_sound]
        return int(stamps[-1]) if len(stamps) else None

    def fill(self, samples: Samples, first_frame: int) -> list[tuple[int, int]]:
        """Copy the sound of frames from `first_frame` on into `samples`, shape (n, channels).

        Returns the filled ranges (first frame, end frame), in order; the rest of `samples` is not touched.
        """
        period, channels = self._audio.period_frames, self._audio.channels
        end_frame = first_frame + len(samples)
        starts = self._head["first_frame"]
        ends = starts + self._head["frames"]
        chosen = np.flatnonzero(self._is_sound & (ends > first_frame) & (starts < end_frame))
        if len(chosen) == 0:
            return []
        starts, ends, rows = starts[chosen], ends[chosen], self._rows[chosen]
        stored = self._raw[:, SAMPLES_OFFSET : SAMPLES_OFFSET + period * channels * SAMPLE_BYTES].view(np.int16)
        # Whole periods that follow each other are copied in one go.
        is_plain = (ends - starts == period) & (starts >= first_frame) & (ends <= end_frame)
        joins = is_plain[1:] & is_plain[:-1] & (starts[1:] == ends[:-1]) & (np.diff(rows) == 1)
        run_starts = np.concatenate(([0], np.flatnonzero(~joins) + 1)).tolist()
        filled: list[tuple[int, int]] = []
        for begin, stop in zip(run_starts, [*run_starts[1:], len(chosen)], strict=True):
            row, start, end = int(rows[begin]), int(starts[begin]), int(ends[stop - 1])
            if is_plain[begin]:
                target = samples[start - first_frame : end - first_frame].reshape(stop - begin, period * channels)
                target[:] = stored[row : row + stop - begin]
            else:
                block = stored[row].reshape(period, channels)
                origin = start
                start, end = max(start, first_frame), min(end, end_frame)
                samples[start - first_frame : end - first_frame] = block[start - origin : end - origin]
            if filled and filled[-1][1] == start:
                filled[-1] = (filled[-1][0], end)
            else:
                filled.append((start, end))
        return filled


def load(table: SlotTable, first_seq: int, last_seq: int, audio: AudioFormat) -> Blocks:
    """Slots `first_seq`..`last_seq`, copied and checked."""
    raw, whole = table.copy(first_seq, last_seq)
    return Blocks(first_seq, raw, whole, audio)


def sampled_stretches(table: SlotTable, oldest_seq: int, newest_seq: int, audio: AudioFormat) -> list[Stamps]:
    """Runs of `PUNCTUAL_RUN` stamps at up to `SAMPLED_PLACES` places of the ring, those of one stretch together."""
    places = min(SAMPLED_PLACES, (newest_seq - oldest_seq + 1) // PUNCTUAL_RUN)
    if places == 0:
        return []
    firsts = np.linspace(oldest_seq, newest_seq - PUNCTUAL_RUN + 1, places).astype(np.int64).tolist()
    by_start: dict[int, list[Stamps]] = {}
    for first in firsts:
        raw, whole = table.copy(first, first + PUNCTUAL_RUN - 1)
        tags = raw[:, :SLOT_HEADER_BYTES].copy().view(SLOT_HEADER_DTYPE)[:, 0]
        if whole.all() and (tags["kind"] == KIND_SOUND).all() and (tags["tag"] == tags["tag"][0]).all():
            by_start.setdefault(int(tags["tag"][0]), []).extend(Blocks(first, raw, whole, audio).stretches())
    return [
        Stamps(
            runs[0].first_frame,
            np.concatenate([run.frames for run in runs]),
            np.concatenate([run.mono_ns for run in runs]),
            np.concatenate([run.uncertainty_ns for run in runs]),
        )
        for runs in by_start.values()
    ]
