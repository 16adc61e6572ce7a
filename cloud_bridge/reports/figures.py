"""What a report says: tables of typed values. Every form of a report is made from this and from nothing else."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct

from cloud_bridge.reports.question import Question

Value = str | int | float | date | None
"""None: hidden, because it stands for too few, or there is none."""


class Kind(StrEnum):
    """How a column's values are meant; PERCENT is 0 … 100, POINTS is −100 … 100, RATE is events an hour."""

    TEXT = "text"
    CODE = "code"
    COUNT = "count"
    PERCENT = "percent"
    POINTS = "points"
    RATE = "rate"
    NUMBER = "number"
    DATE = "date"
    WEEKDAY = "weekday"
    HOUR = "hour"


class Column(Struct, frozen=True):
    """A column; the message catalogue has its heading under `key`."""

    key: str
    kind: Kind


class Behind(Struct, frozen=True, kw_only=True):
    """Which presses a row was counted from; None: any. Days are local, both included."""

    site: str | None = None
    counter: str | None = None
    employee: str | None = None
    trigger: str | None = None
    rating: int | None = None
    button: str | None = None
    cause: str | None = None
    judged: str | None = None
    tag: str | None = None
    since: date | None = None
    until: date | None = None


def behind(question: Question, **more: Any) -> Behind:
    """What a question asked for, narrowed by what is not None."""
    asked = {name: getattr(question, name) for name in ("site", "counter", "employee", "since", "until")}
    return Behind(**(asked | {name: value for name, value in more.items() if value is not None}))


class Row(Struct, frozen=True):
    """Values in the order of the columns. `behind` None: no list shows just those."""

    values: tuple[Value, ...]
    behind: Behind | None = None


class Table(Struct, frozen=True, kw_only=True):
    """One table; `total` has the same columns as the rows and counts what is hidden among them, too."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None

    def column(self, key: str) -> tuple[Value, ...]:
        """A column's values; raises `KeyError` for one that is not there."""
        place = {column.key: at for at, column in enumerate(self.columns)}[key]
        return tuple(row.values[place] for row in self.rows)


class Figures(Struct, frozen=True, kw_only=True):
    """A whole report. `simulated`: of invented presses. `alarms` name places whose data contradict themselves."""

    report: str
    question: Question
    simulated: bool
    made_ns: int
    zone: str
    tables: tuple[Table, ...]
    alarms: tuple[str, ...] = ()

    def table(self, name: str) -> Table:
        """One table; raises `KeyError`."""
        return {table.name: table for table in self.tables}[name]
