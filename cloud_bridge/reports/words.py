"""Headings and values of a report in the reader's language, for pages and mails; files keep the values themselves."""

from __future__ import annotations

from datetime import date

from cloud_bridge.reports.figures import Column, Figures, Kind, Table, Value
from cloud_bridge.web.i18n import Translator

_ENDS = ("_low", "_high")
NONE = "–"


def heading(t: Translator, column: Column) -> str:
    """A column's heading."""
    key = f"reports.column_{column.key}"
    if t.has(key):
        return t(key)
    for end in _ENDS:
        base = column.key.removesuffix(end)
        if base != column.key:
            return t(f"reports.column{end}", name=t(f"reports.column_{base}"))
    raise KeyError(key)


def title(t: Translator, table: Table) -> str:
    """A table's title."""
    return t(f"reports.table_{table.name}")


def text(t: Translator, column: Column, value: Value) -> str:
    """A value as people read it."""
    if value is None:
        return NONE
    match column.kind, value:
        case Kind.TEXT, str():
            return value or t("reports.nobody")
        case Kind.CODE, str():
            return _word(t, column.key, value)
        case Kind.DATE, date():
            return day(t, value)
        case Kind.WEEKDAY, int():
            return t(f"reports.weekday_{value}")
        case Kind.HOUR, int():
            return f"{value:02}:00"
        case Kind.COUNT, int():
            return t.number(value)
        case ((Kind.PERCENT | Kind.POINTS | Kind.NUMBER | Kind.RATE), (int() | float())):
            return t.number(value, _digits(value))
        case _:
            raise TypeError(f"column {column.key!r} of kind {column.kind} holds {value!r}")


def day(t: Translator, value: date) -> str:
    """A date."""
    return t("date.format", day=value.day, month=t(f"month.{value.month}"), year=value.year)


def period(t: Translator, figures: Figures) -> str:
    """The days that a report is of."""
    asked = figures.question
    if asked.since == asked.until:
        return day(t, asked.since)
    return t("reports.period", since=day(t, asked.since), until=day(t, asked.until))


def _word(t: Translator, key: str, value: str) -> str:
    for name in (f"reports.{key}_{value}", f"{key}.{value}"):
        if t.has(name):
            return t(name)
    # Boxes of a later version may have triggers that this one has no word for.
    return value


def _digits(value: float) -> int:
    """A share of a thousandth is none of 0.0."""
    return 2 if 0 < abs(value) < 1 else 1
