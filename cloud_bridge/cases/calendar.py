"""Business hours: how much of them lies between two instants, and when a given amount of them is over.

Working is when the wall of a place shows working hours; durations are real elapsed time. So a working night on which
the clock goes back has an hour more than others, and one on which it goes forward an hour less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_LONGEST_BREAK_DAYS = 366
_SMALLEST = timedelta(microseconds=1)
_FURTHEST = timedelta(hours=26)
"""More than any zone's clock differs, or has ever differed, from UTC."""

Hours = tuple[tuple[int, int], ...]
"""Working spans of a day as minutes since midnight on the wall, in order, not overlapping; 1440 is its end."""


class CalendarError(ValueError):
    """A calendar that cannot be, or in which a limit never comes; the message names the value and the remedy."""


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Working hours a weekday (Monday first), days off, and days with other hours, which win over both."""

    zone: ZoneInfo
    week: tuple[Hours, ...]
    holidays: frozenset[date] = frozenset()
    special: tuple[tuple[date, Hours], ...] = ()

    def __post_init__(self) -> None:
        """Raise `CalendarError` for hours that cannot be."""
        if len(self.week) != len(WEEKDAYS):
            raise CalendarError(f"the week has {len(self.week)} days; give seven, Monday first, () for a day off")
        named = [*zip(WEEKDAYS, self.week, strict=True), *((str(day), hours) for day, hours in self.special)]
        for name, hours in named:
            flat = [minute for span in hours for minute in span]
            if any(begin >= end for begin, end in hours) or flat != sorted(flat) or not set(flat) <= _MINUTES:
                raise CalendarError(
                    f"{name}: {_text(hours)} are no hours; give spans in order, within 00:00-24:00, not overlapping"
                )

    def hours_on(self, day: date) -> Hours:
        """The working spans of a day on the wall."""
        for special, hours in self.special:
            if special == day:
                return hours
        return () if day in self.holidays else self.week[day.weekday()]

    def is_open(self, at: datetime) -> bool:
        """Whether an instant lies in working hours; the end of a span does not."""
        moment = _utc(at)
        return any(begin <= moment < end for begin, end in _spans(self, moment.astimezone(self.zone).date()))

    def next_opening(self, at: datetime) -> datetime:
        """The first instant (UTC) in working hours at or after `at`; raises `CalendarError` where a year has none."""
        return self.add_business_time(at, _SMALLEST) - _SMALLEST

    def business_time_between(self, begin: datetime, end: datetime) -> timedelta:
        """The working time from `begin` to `end`, both with a time zone; negative where `end` is the earlier one."""
        first, last = _utc(begin), _utc(end)
        if last < first:
            return -self.business_time_between(end, begin)
        total, day = timedelta(0), first.astimezone(self.zone).date()
        while day <= last.astimezone(self.zone).date():
            for opens, closes in _spans(self, day):
                total += max(timedelta(0), min(closes, last) - max(opens, first))
            day += timedelta(days=1)
        return total

    def add_business_time(self, start: datetime, duration: timedelta) -> datetime:
        """The first instant (UTC) at which `duration` of working time has gone by since `start`.

        Raises `CalendarError` for a negative duration and where a whole year has no working hours.
        """
        if duration < timedelta(0):
            raise CalendarError(f"a limit of {duration} lies in the past; give a positive duration")
        moment, left = _utc(start), duration
        if not left:
            return moment
        day, idle_days = moment.astimezone(self.zone).date(), 0
        while idle_days <= _LONGEST_BREAK_DAYS:
            idle_days += 1
            for opens, closes in _spans(self, day):
                begins = max(opens, moment)
                if closes <= begins:
                    continue
                if closes - begins >= left:
                    return begins + left
                left -= closes - begins
                idle_days = 0
            day += timedelta(days=1)
        raise CalendarError(
            f"no working hours in the {_LONGEST_BREAK_DAYS} days before {day}; look at the calendar's week and holidays"
        )


_MINUTES = frozenset(range(_DAY_MINUTES + 1))


def calendar_of(
    zone: str,
    hours: Mapping[str, Sequence[str]],
    holidays: Sequence[str] = (),
    special: Mapping[str, Sequence[str]] | None = None,
) -> BusinessCalendar:
    """A calendar from its texts; raises `CalendarError`.

    `hours` = {"mon": ["09:00-13:00", "14:00-18:00"], …}, days left out are off; `holidays` and the keys of `special`
    are ISO dates.
    """
    unknown = sorted(set(hours) - set(WEEKDAYS))
    if unknown:
        raise CalendarError(f"weekday {unknown[0]!r} is unknown; the days are {', '.join(WEEKDAYS)}")
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CalendarError(f"time zone {zone!r} is unknown; give an IANA name such as Europe/Berlin") from error
    week = tuple(_parse(hours.get(day, ()), day) for day in WEEKDAYS)
    others = tuple((_date(day), _parse(spans, day)) for day, spans in (special or {}).items())
    return BusinessCalendar(place, week, frozenset(map(_date, holidays)), others)


def _parse(spans: Sequence[str], day: str) -> Hours:
    found = []
    for span in spans:
        begin, dash, end = span.partition("-")
        try:
            found.append((_minute(begin), _minute(end)))
        except ValueError as error:
            raise CalendarError(f"{day}: {span!r} is no span of hours; write 09:00-18:00, at most 24:00") from error
        if not dash or found[-1][0] >= found[-1][1]:
            raise CalendarError(f"{day}: {span!r} ends before it begins; split a night at 24:00 into two days")
    return tuple(found)


def _minute(text: str) -> int:
    if text.strip() == "24:00":
        return _DAY_MINUTES
    clock = time.fromisoformat(text.strip())
    if clock.second or clock.microsecond or clock.tzinfo:
        raise ValueError(text)
    return clock.hour * 60 + clock.minute


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CalendarError(f"{text!r} is no date; write 2026-12-31") from error


def _text(hours: Hours) -> str:
    return ", ".join(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" for begin, end in hours)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise CalendarError(f"{moment.isoformat()} has no time zone; give an aware instant")
    return moment.astimezone(UTC)


@lru_cache(maxsize=4096)
def _spans(calendar: BusinessCalendar, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The instants (UTC) at which the wall shows working hours of a day, as spans in order.

    An hour that comes twice counts twice, one that is skipped not at all.
    """
    midnight = datetime.combine(day, time(), UTC)
    found: list[tuple[datetime, datetime]] = []
    for first, last, offset in _segments(calendar.zone, day):
        for begin, end in calendar.hours_on(day):
            opens = max(first, midnight + timedelta(minutes=begin) - offset)
            closes = min(last, midnight + timedelta(minutes=end) - offset)
            if opens < closes:
                found.append((opens, closes))
    return tuple(sorted(found))


def _segments(zone: ZoneInfo, day: date) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Spans (UTC) of one offset each that hold together all instants at which the wall shows `day`."""
    midnight = datetime.combine(day, time(), UTC)
    first, last = midnight - _FURTHEST, midnight + timedelta(days=1) + _FURTHEST
    begin, moment = first, first
    while moment < last:
        later = moment + timedelta(hours=1)
        if _offset(zone, later) != _offset(zone, moment):
            change = _change(zone, moment, later)
            yield begin, change, _offset(zone, moment)
            begin = change
        moment = later
    yield begin, last, _offset(zone, last)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant, to the second, at which the offset changes."""
    old, seconds = _offset(zone, before), int((after - before).total_seconds())
    return before + timedelta(
        seconds=bisect_left(
            range(seconds), True, key=lambda second: _offset(zone, before + timedelta(seconds=second)) != old
        )
    )


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a ZoneInfo always has one
    return offset
