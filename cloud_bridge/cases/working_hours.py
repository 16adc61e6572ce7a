"""When a site works: what its page keeps as JSON in `site.calendar`, and the calendar that it makes."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from cloud_bridge.cases.calendar import WEEKDAYS, BusinessCalendar, CalendarError, calendar_of


class WorkingHours(Struct, frozen=True, forbid_unknown_fields=True):
    """Texts as `calendar_of` takes them: spans a weekday, days off, days with other hours."""

    hours: dict[str, list[str]] = {}
    holidays: list[str] = []
    special: dict[str, list[str]] = {}

    def calendar(self, time_zone: str) -> BusinessCalendar:
        """The calendar in a time zone; raises `CalendarError` for texts that are none, or a week without hours."""
        made = calendar_of(time_zone, self.hours, self.holidays, self.special)
        if not any(made.week):
            raise CalendarError("no weekday has working hours; give at least one, e.g. 09:00-18:00")
        return made


COMPANY = WorkingHours({day: ["09:00-18:00"] for day in WEEKDAYS[:5]})
"""How a site works that says nothing of its own."""


def working_hours(text: str | None) -> WorkingHours:
    """What `site.calendar` says; the company's hours where it says nothing. Raises `CalendarError`."""
    if text is None:
        return COMPANY
    try:
        return msgspec.json.decode(text, type=WorkingHours)
    except msgspec.DecodeError as error:
        raise CalendarError(f"the site's calendar is none of ours ({error}); save it anew") from error


def site_calendar(time_zone: str, text: str | None) -> BusinessCalendar:
    """The calendar of a site by its time zone and `site.calendar`; raises `CalendarError`."""
    return working_hours(text).calendar(time_zone)


def spans_of(text: str) -> list[str]:
    """The spans of one line as people write it: "9:00-13:00, 14:00-18:00"; none for an empty one."""
    return [_padded(part) for part in text.replace(";", ",").replace("\N{EN DASH}", "-").split(",") if part.strip()]


def _padded(span: str) -> str:
    ends = [end.strip() for end in span.split("-")]
    return "-".join(f"0{end}" if len(end) == len("9:00") and end[1] == ":" else end for end in ends)
