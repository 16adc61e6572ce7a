"""What a report is asked: which days, of what, by what."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from msgspec import Struct

DAYS_MAX = 1100
_DEFAULT_DAYS = 30


class QuestionError(ValueError):
    """A report cannot be asked so; the message names the value and the remedy."""


class Grouping(StrEnum):
    """What a row of the indices is."""

    SITE = "site"
    COUNTER = "counter"
    EMPLOYEE = "employee"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def is_time(self) -> bool:
        """Whether rows are stretches of time."""
        return self in {Grouping.DAY, Grouping.WEEK, Grouping.MONTH}


class Question(Struct, frozen=True, kw_only=True):
    """Local days `since` … `until`, both included, each site by its own clock. `counter` is one of `site`.

    `simulated` None: of real presses where there are any, else of simulated ones. Raises `QuestionError`.
    """

    since: date
    until: date
    by: Grouping = Grouping.SITE
    site: str | None = None
    counter: str | None = None
    employee: str | None = None
    simulated: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be answered."""
        if self.until < self.since:
            raise QuestionError(f"the period ends on {self.until}, before it begins on {self.since}; swap them")
        if (self.until - self.since).days >= DAYS_MAX:
            raise QuestionError(f"the period {self.since} to {self.until} is too long; ask for {DAYS_MAX} days at most")
        if self.since.year < 1971 or self.until.year > 2200:
            raise QuestionError(f"the period {self.since} to {self.until} lies outside 1971 to 2200")
        if self.counter and not self.site:
            raise QuestionError(f"counter {self.counter!r} needs its site; name that, too")

    @property
    def days(self) -> int:
        """How many days were asked for."""
        return (self.until - self.since).days + 1


def last_days(now_ns: int, zone: tzinfo, days: int = _DEFAULT_DAYS) -> tuple[date, date]:
    """The last days, today included."""
    today = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).astimezone(zone).date()
    return today - timedelta(days=days - 1), today
