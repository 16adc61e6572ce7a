"""The open time of a site: its calendar, or, where none was set, the hours of each weekday in which it was active."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cloud_bridge.cases.calendar import WEEKDAYS, CalendarError, calendar_of
from cloud_bridge.cases.working_hours import site_calendar
from cloud_bridge.rules.cusum import OpenTime
from cloud_bridge.rules.open_time import AllTime, BusinessTime
from cloud_bridge.store.org import Site
from cloud_bridge.store.tables_tally import SLOT_NS

_DAY_SLOTS = 48
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ALWAYS = ""
"""The hours of what never closes, or of which nothing is known."""


def hours_of(site: Site, slots_ns: Iterable[int]) -> str:
    """The hours of a site as text for `open_time`, learnt from its active half hours where no calendar was set."""
    if site.calendar is not None:
        try:
            site_calendar(site.time_zone, site.calendar)
        except CalendarError:
            # Made by hand, or by another version: better learnt hours than none.
            return _learnt(site.time_zone, slots_ns)
        return json.dumps({"zone": site.time_zone, **json.loads(site.calendar)}, sort_keys=True)
    return _learnt(site.time_zone, slots_ns)


@lru_cache(maxsize=1024)
def open_time(hours: str) -> OpenTime:
    """The open time of what `hours_of` gave; raises `CalendarError`."""
    if hours == ALWAYS:
        return AllTime()
    given = json.loads(hours)
    week = given["hours"]
    return BusinessTime(calendar_of(given["zone"], week, given.get("holidays", ()), given.get("special")))


def _learnt(zone_name: str, slots_ns: Iterable[int]) -> str:
    """Each weekday from its first active half hour to the end of its last; days that were not seen: as all others."""
    zone = ZoneInfo(zone_name)
    spans: dict[int, tuple[int, int]] = {}
    seen: set[object] = set()
    for slot_ns in slots_ns:
        at = (_EPOCH + timedelta(microseconds=slot_ns // 1000)).astimezone(zone)
        seen.add(at.date())
        slot = (at.hour * 60 + at.minute) * 60 * 10**9 // SLOT_NS
        first, last = spans.get(at.weekday(), (slot, slot))
        spans[at.weekday()] = (min(first, slot), max(last, slot))
    if not spans:
        return ALWAYS
    together = (min(first for first, _ in spans.values()), max(last for _, last in spans.values()))
    if len(seen) < len(WEEKDAYS):
        # Less than a week is known: which days are off cannot be.
        spans = {day: spans.get(day, together) for day in range(len(WEEKDAYS))}
    hours = {WEEKDAYS[day]: [f"{_clock(first)}-{_clock(last + 1)}"] for day, (first, last) in sorted(spans.items())}
    return json.dumps({"zone": zone_name, "hours": hours}, sort_keys=True)


def _clock(slot: int) -> str:
    minutes = slot * 24 * 60 // _DAY_SLOTS
    return f"{minutes // 60:02}:{minutes % 60:02}"
