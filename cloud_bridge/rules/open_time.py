"""Open time by the clock or by a business calendar, in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud_bridge.cases.calendar import BusinessCalendar

_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AllTime:
    """Open day and night."""

    def between_ns(self, begin_ns: int, end_ns: int) -> int:
        """See `OpenTime`."""
        return end_ns - begin_ns

    def after_ns(self, begin_ns: int, duration_ns: int) -> int:
        """See `OpenTime`."""
        return begin_ns + duration_ns


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """Open in a calendar's hours, to the microsecond."""

    calendar: BusinessCalendar

    def between_ns(self, begin_ns: int, end_ns: int) -> int:
        """See `OpenTime`."""
        return self.calendar.business_time_between(instant(begin_ns), instant(end_ns)) // _MICROSECOND * 1000

    def after_ns(self, begin_ns: int, duration_ns: int) -> int:
        """See `OpenTime`; raises `CalendarError` where the calendar has no hours for a year."""
        duration = timedelta(microseconds=duration_ns // 1000)
        return unix_ns(self.calendar.add_business_time(instant(begin_ns), duration))


def instant(unix_ns: int) -> datetime:
    """Unix nanoseconds as an instant (UTC), to the microsecond."""
    return _EPOCH + timedelta(microseconds=unix_ns // 1000)


def unix_ns(moment: datetime) -> int:
    """An instant as Unix nanoseconds."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
