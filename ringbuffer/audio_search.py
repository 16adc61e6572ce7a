"""Finding the slots that hold a stretch of the stream."""

from __future__ import annotations

from collections.abc import Callable

from ringbuffer.audio_blocks import BLOCK_PREFIX
from ringbuffer.slot_table import SlotTable

# Readers keep so many slots away from the writer's next ones; a cut of a minute takes less than one period.
GUARD_SLOTS = 16
# So much more on either side is read to fit the timeline; it also covers stamps that came late.
MARGIN_NS = 5_000_000_000
MARGIN_SLOTS = 256


def guarded_oldest(table: SlotTable, newest_seq: int) -> int:
    """The oldest slot that a cut may begin with; 1 while nothing has been overwritten."""
    oldest = table.oldest_seq(newest_seq)
    return oldest if oldest == 1 else min(newest_seq, oldest + GUARD_SLOTS)


def around_ns(table: SlotTable, oldest_seq: int, newest_seq: int, start_ns: int, end_ns: int) -> tuple[int, int]:
    """The first and the last slot of `start_ns` .. `end_ns`, with a margin."""
    first = _first_where(table, oldest_seq, newest_seq, lambda mono_ns, _: mono_ns >= start_ns - MARGIN_NS)
    last = _first_where(table, first, newest_seq, lambda mono_ns, _: mono_ns >= end_ns + MARGIN_NS)
    return first, last


def around_frames(
    table: SlotTable, oldest_seq: int, newest_seq: int, first_frame: int, end_frame: int
) -> tuple[int, int]:
    """The first and the last slot of the frames `first_frame` .. `end_frame`, with a margin."""
    first = _first_where(table, oldest_seq, newest_seq, lambda _, end: end > first_frame)
    last = _first_where(table, first, newest_seq, lambda _, end: end >= end_frame)
    return max(oldest_seq, first - MARGIN_SLOTS), min(newest_seq, last + MARGIN_SLOTS)


def _first_where(table: SlotTable, low: int, high: int, is_reached: Callable[[int, int], bool]) -> int:
    """The first slot in `low`..`high` whose (stamp, end frame) has reached the goal, by bisection; else `high`.

    Slots that are not whole are passed over.
    """
    while low < high:
        middle = (low + high) // 2
        probe, slot = middle, table.read(middle)
        while slot is None and probe + 1 < high:
            probe += 1
            slot = table.read(probe)
        if slot is None:
            high = middle
            continue
        first_frame, frames, _, _ = BLOCK_PREFIX.unpack_from(slot.payload)
        if is_reached(slot.mono_ns, first_frame + frames):
            high = middle
        else:
            low = probe + 1
    return low
