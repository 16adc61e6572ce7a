"""Words, numbers and dates of the pages in the reader's language, from the message catalogues in cloud_bridge/locales.

A catalogue is TOML: sections of messages with `{name}` placeholders, a plural message being a table of CLDR categories
(`one`, `few`, `many`, `other`). All catalogues hold the same keys; a test keeps them equal.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.resources import files
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Language = Literal["en", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ru")
Message = str | Mapping[str, str]

_NO_BREAK = "\N{NO-BREAK SPACE}"


def load_catalogue(language: Language) -> dict[str, Message]:
    """All messages of a language under their dotted keys."""
    text = files("cloud_bridge").joinpath("locales", f"{language}.toml").read_text(encoding="utf-8")
    messages: dict[str, Message] = {}

    def collect(table: Mapping[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, str) or "other" in value:
                messages[f"{prefix}{key}"] = value
            else:
                collect(value, f"{prefix}{key}.")

    collect(tomllib.loads(text), "")
    return messages


def plural_category(language: Language, n: int) -> str:
    """The CLDR plural category of a whole number."""
    n = abs(n)
    if language == "en":
        return "one" if n == 1 else "other"
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14:
        return "few"
    return "many"


def negotiate(accept_language: str) -> Language:
    """The best of our languages for an Accept-Language header; English where none fits."""
    best: Language = "en"
    best_weight = 0.0
    for part in accept_language[:1000].split(","):
        tag, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        for language in LANGUAGES:
            if tag.lower().split("-")[0] == language and weight > best_weight:
                best, best_weight = language, weight
    return best


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name; raises `ValueError` naming it when this machine does not know it."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"time zone {name!r} is not known here; use an IANA name or install tzdata") from error


def _ms_digits(value_s: float) -> int:
    """Two significant figures are enough for an uncertainty."""
    if value_s == 0 or value_s >= 0.01:
        return 0
    return 1 if value_s >= 0.001 else 2


@dataclass(frozen=True, slots=True)
class Translator:
    """Speaks one language in one time zone. Unknown keys and placeholders raise `KeyError`: they are our mistakes."""

    language: Language
    messages: Mapping[str, Message]
    time_zone: tzinfo

    def __call__(self, key: str, **values: object) -> str:
        """The message under `key` with its placeholders filled."""
        message = self.messages[key]
        if not isinstance(message, str):
            raise KeyError(f"message {key!r} has plural forms; use count()")
        return message.format_map(values) if values else message

    def has(self, key: str) -> bool:
        """Whether the catalogue names `key`; for names that come from boxes, such as gap reasons."""
        return key in self.messages

    def count(self, key: str, n: int, **values: object) -> str:
        """The plural message under `key` for `n`, which it may show as `{n}`."""
        message = self.messages[key]
        if isinstance(message, str):
            raise KeyError(f"message {key!r} has no plural forms")
        form = message.get(plural_category(self.language, n), message["other"])
        return form.format_map({"n": self.number(n), **values})

    def number(self, value: float, digits: int = 0) -> str:
        """A number with the language's separators."""
        text = f"{value:,.{digits}f}"
        if self.language == "ru":
            text = text.replace(",", _NO_BREAK).replace(".", ",")
        return text.replace("-", "\N{MINUS SIGN}")

    @property
    def decimal(self) -> str:
        """The decimal separator."""
        return "," if self.language == "ru" else "."

    def size(self, size_bytes: int) -> str:
        """A quantity of bytes, in the largest decimal unit that leaves it above 1."""
        value = float(size_bytes)
        for unit in ("b", "kb", "mb"):
            if value < 1000:
                return self(f"unit.{unit}", value=self.number(value, 0 if unit == "b" else 1))
            value /= 1000
        return self("unit.gb", value=self.number(value, 1))

    def seconds(self, value_s: float) -> str:
        """A length of time, exact to milliseconds below a second, else coarser as it grows."""
        if value_s < 1:
            return self("unit.ms", value=self.number(value_s * 1000, _ms_digits(value_s)))
        if value_s < 120:
            return self("unit.s", value=self.number(value_s, 0 if float(value_s).is_integer() else 1))
        if value_s < 7200:
            return self("unit.min", value=self.number(value_s / 60))
        if value_s < 48 * 3600:
            return self("unit.h", value=self.number(value_s / 3600))
        return self("unit.d", value=self.number(value_s / 86400))

    def _local(self, wall_ns: int) -> datetime | None:
        # Whole seconds first: a float cannot hold today's nanoseconds. A box without a clock may claim any year.
        try:
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)).astimezone(
                self.time_zone
            )
        except OverflowError:
            return None

    def date(self, wall_ns: int) -> str:
        """Day, month and year of Unix nanoseconds."""
        at = self._local(wall_ns)
        if at is None:
            return self("date.unknown")
        return self("date.format", day=at.day, month=self(f"month.{at.month}"), year=at.year)

    def clock(self, wall_ns: int) -> str:
        """Hours, minutes and seconds of Unix nanoseconds."""
        at = self._local(wall_ns)
        return "" if at is None else at.strftime("%H:%M:%S")

    def moment(self, wall_ns: int) -> str:
        """Date, time and time zone of Unix nanoseconds."""
        at = self._local(wall_ns)
        if at is None:
            return self("date.unknown")
        return self("date.moment", date=self.date(wall_ns), time=self.clock(wall_ns), zone=at.tzname() or "")

    def iso(self, wall_ns: int) -> str:
        """ISO 8601 for `<time datetime>`; empty when it is no date."""
        at = self._local(wall_ns)
        return "" if at is None else at.isoformat(timespec="milliseconds")
