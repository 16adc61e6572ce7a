"""Local days of a zone as Unix nanoseconds, and local time as an expression of a query."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, case, literal

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000
_NS = 1_000_000_000
_EPOCH = date(1970, 1, 1)


def period_ns(since: date, until: date, zone: ZoneInfo) -> tuple[int, int]:
    """From the beginning of `since` to the end of `until` (left out), as the wall of the zone shows them."""
    return midnight_ns(since, zone), midnight_ns(until + timedelta(days=1), zone)


def local_ns(instant: ColumnElement[int], span_ns: tuple[int, int], zone: ZoneInfo) -> ColumnElement[int]:
    """`instant` (Unix ns within `span_ns`) moved so that dividing it gives local days and hours; see `day_of`."""
    parts = offsets(span_ns, zone)
    last = literal(parts[-1][1], BigInteger)
    if len(parts) == 1:
        return instant + last
    whens: list[Any] = [(instant < until_ns, literal(offset_ns, BigInteger)) for until_ns, offset_ns in parts[:-1]]
    return instant + case(*whens, else_=last)


def day_of(number: int) -> date:
    """The date of a local time divided by `DAY_NS`."""
    return _EPOCH + timedelta(days=number)


@lru_cache(maxsize=512)
def offsets(span_ns: tuple[int, int], zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """The offsets from UTC that hold within the span, in order: (until when in Unix ns, offset in ns)."""
    begin, end = (instant // _NS for instant in span_ns)
    found: list[tuple[int, int]] = []
    at = begin
    while at < end:
        later = min(at + 86_400, end)
        if _offset(later, zone) != _offset(at, zone):
            found.append((_change(at, later, zone) * _NS, _offset(at, zone) * _NS))
        at = later
    found.append((span_ns[1], _offset(end, zone) * _NS))
    return tuple(found)


def _change(before: int, after: int, zone: ZoneInfo) -> int:
    """The second in `before` … `after` from which on another offset holds."""
    old = _offset(before, zone)
    return before + bisect_left(range(after - before), True, key=lambda s: _offset(before + s, zone) != old)


def midnight_ns(day: date, zone: tzinfo) -> int:
    """When a day begins on the wall of the zone."""
    return int(datetime.combine(day, time(), zone).timestamp()) * _NS


def _offset(at_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a ZoneInfo always has one
    return int(offset.total_seconds())
