"""The review's filters as they stand in the address: read, checked, and written again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from litestar.exceptions import ValidationException
from msgspec import Struct

from cloud_bridge.review.queue import Wanted
from cloud_bridge.store.org import Place
from cloud_bridge.web.i18n import Translator
from edge.wire import NAME_PATTERN, Trigger

NAMES: Final = (
    "queue", "reviewed", "place", "trigger", "verdict", "from", "to",
    "employee", "rating", "tag", "cause", "sound", "picture", "alarm",
)  # fmt: skip
"""The filters of an address, in the order of the form."""
MORE: Final = ("from", "to", "employee", "rating", "tag", "cause", "sound", "picture", "alarm")
"""Those that the form keeps folded away."""
QUEUES: Final = ("", "failures")
REVIEWED: Final = ("", "mine", "all")
VERDICTS: Final = ("none", "true", "check", "false")
TRIGGERS: Final = tuple(trigger.value for trigger in Trigger if trigger not in {Trigger.EXTENSION, Trigger.SELF_TEST})
_NAME = re.compile(NAME_PATTERN)
_ID = re.compile(r"[0-9a-f]{32}")
_CAUSE = re.compile(r"[0-9a-z]{1,32}\.[0-9a-z_]{1,32}")
_TEXT_CHARS = 500
# Nanoseconds in 64 bits reach from 1677 to 2262.
_YEARS: Final = (1700, 2200)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Filters(Struct, frozen=True):
    """What was chosen, as texts by name ("" where nothing was), and what it means."""

    chosen: dict[str, str]
    wanted: Wanted

    @property
    def query(self) -> str:
        """The filters as a query string, without those that were not chosen."""
        return urlencode({name: value for name, value in self.chosen.items() if value})

    def url(self, path: str, **more: str | None) -> str:
        """`path` with the filters and more parameters."""
        every = {**self.chosen, **more}
        text = urlencode({name: value for name, value in every.items() if value})
        return f"{path}?{text}" if text else path

    @property
    def folded(self) -> int:
        """How many of the folded filters are in use."""
        return sum(1 for name in MORE if self.chosen[name])


def parse(query: Mapping[str, str], zone: tzinfo) -> Filters:
    """The filters of an address; days are of `zone`. Raises `ValidationException` for values that cannot be."""
    chosen = {name: query.get(name, "").strip()[:_TEXT_CHARS] for name in NAMES}
    _one_of(chosen, "queue", QUEUES)
    _one_of(chosen, "reviewed", REVIEWED)
    _one_of(chosen, "verdict", ("", *VERDICTS))
    _one_of(chosen, "trigger", ("", *TRIGGERS))
    _one_of(chosen, "rating", ("", *"12345"))
    for name in ("sound", "picture"):
        _one_of(chosen, name, ("", "1"))
    _matches(chosen, "alarm", _ID)
    _matches(chosen, "cause", _CAUSE)
    return Filters(
        chosen,
        Wanted(
            failures=chosen["queue"] == "failures",
            alarm=chosen["alarm"] or None,
            place=_place(chosen["place"]),
            employee=chosen["employee"] or None,
            trigger=chosen["trigger"] or None,
            rating=int(chosen["rating"]) if chosen["rating"] else None,
            since_ns=_midnight_ns(_day(chosen, "from"), zone),
            until_ns=_midnight_ns(_day(chosen, "to"), zone, days=1),
            reviewed={"": False, "mine": True, "all": None}[chosen["reviewed"]],
            verdict=chosen["verdict"] or None,
            tag=" ".join(chosen["tag"].lower().split()) or None,
            cause=chosen["cause"] or None,
            sound=bool(chosen["sound"]),
            picture=bool(chosen["picture"]),
        ),
    )


def words(t: Translator, name: str, value: str) -> str:
    """A choice of a filter in words."""
    return t(f"review.{name}_{value or 'new'}")


def _place(text: str) -> Place | None:
    if not text:
        return None
    site, slash, counter = text.partition("/")
    if not _NAME.search(site) or (slash and not _NAME.search(counter)):
        raise ValidationException("place must be <site> or <site>/<counter>")
    return Place(site, counter)


def _day(chosen: dict[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(chosen[name]) if chosen[name] else None
    except ValueError as error:
        raise ValidationException(f"{name} must be a date such as 2026-12-31") from error


def _midnight_ns(day: date | None, zone: tzinfo, days: int = 0) -> int | None:
    """The midnight with which the day begins that is `days` after `day`."""
    if day is None:
        return None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValidationException(f"{day} is no day of ours; give one from {_YEARS[0]} to {_YEARS[1]}")
    moment = datetime.combine(day + timedelta(days=days), time(), zone).astimezone(UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _one_of(chosen: dict[str, str], name: str, values: tuple[str, ...]) -> None:
    if chosen[name] not in values:
        raise ValidationException(f"{name} must be one of {', '.join(filter(None, values))}")


def _matches(chosen: dict[str, str], name: str, pattern: re.Pattern[str]) -> None:
    if chosen[name] and pattern.fullmatch(chosen[name]) is None:
        raise ValidationException(f"{name} is none that these pages gave")
