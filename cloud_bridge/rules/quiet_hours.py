"""Hours in which nobody is to be disturbed: alarms are raised all the same, people are told when the hours are over."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_bridge.cases.calendar import BusinessCalendar
from cloud_bridge.rules.open_time import instant, unix_ns


@dataclass(frozen=True, slots=True)
class QuietHours:
    """`told_in` are the hours in which people may be told; all others are quiet."""

    told_in: BusinessCalendar

    def earliest_ns(self, at_ns: int) -> int:
        """`at_ns` itself where people may be told then, else the next instant at which they may.

        Raises `CalendarError` where the calendar has no hours for a year.
        """
        moment = instant(at_ns)
        if self.told_in.is_open(moment):
            return at_ns
        return unix_ns(self.told_in.next_opening(moment))
