"""Telling the bridge what the time was: once a boot, as soon as the clock is synchronised."""

from __future__ import annotations

from collections.abc import Callable

from edge.clock import Clock, stamp
from edge.faults import Records
from edge.wire import TimeData

_NOTE = "time_of_boot"


class TimeRepair:
    """Watches the clock. A boot whose time was told by an earlier process of the box is not told again."""

    def __init__(self, records: Records, clock: Clock, repair_journal: Callable[[TimeData], object]) -> None:
        self._records = records
        self._clock = clock
        self._repair_journal = repair_journal
        self._done = records.note(_NOTE) == clock.boot_id

    def tick(self) -> bool:
        """Look at the clock; returns whether an event was added.

        The journal is repaired first and the note made last: a crash in between repeats both, which changes nothing.
        """
        if self._done or not self._clock.synced()[0]:
            return False
        data = TimeData(stamp=stamp(self._clock, self._clock.mono_ns()))
        if not data.stamp.synced:
            return False
        self._repair_journal(data)
        self._records.add_event(data, data.stamp.wall_ns)
        self._records.set_note(_NOTE, self._clock.boot_id)
        self._done = True
        return True
