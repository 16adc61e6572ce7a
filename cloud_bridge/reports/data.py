"""A report as the API gives it."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from cloud_bridge.reports.figures import Column, Figures, Row, Table, Value
from cloud_bridge.web.times import iso_time

Plain = str | int | float | None


class ApiColumn(Struct, frozen=True):
    """A column; `kind` is text, code, count, percent (0 … 100), points (−100 … 100), date, weekday (0: Mon) or hour."""

    key: str
    kind: str


class ApiTable(Struct, frozen=True, kw_only=True):
    """A table; rows map column keys to values, null where it may not be shown or there is none."""

    name: str
    columns: list[ApiColumn]
    rows: list[dict[str, Plain]]
    total: dict[str, Plain] | None


class ApiFigures(Struct, frozen=True, kw_only=True):
    """A report. `simulated`: of invented presses. `alarms`: where more voted than were served."""

    report: str
    since: date
    until: date
    by: str
    site: str | None
    counter: str | None
    employee: str | None
    simulated: bool
    made: datetime | None
    zone: str
    tables: list[ApiTable]
    alarms: list[str]


def api_figures(figures: Figures) -> ApiFigures:
    """A report, ready for JSON."""
    asked = figures.question
    return ApiFigures(
        report=figures.report,
        since=asked.since,
        until=asked.until,
        by=str(asked.by),
        site=asked.site,
        counter=asked.counter,
        employee=asked.employee,
        simulated=figures.simulated,
        made=iso_time(figures.made_ns),
        zone=figures.zone,
        tables=[_table(table) for table in figures.tables],
        alarms=list(figures.alarms),
    )


def _table(table: Table) -> ApiTable:
    return ApiTable(
        name=table.name,
        columns=[ApiColumn(column.key, str(column.kind)) for column in table.columns],
        rows=[_row(table.columns, row) for row in table.rows],
        total=None if table.total is None else _row(table.columns, table.total),
    )


def _row(columns: tuple[Column, ...], row: Row) -> dict[str, Plain]:
    return {column.key: _plain(value) for column, value in zip(columns, row.values, strict=True)}


def _plain(value: Value) -> Plain:
    return value.isoformat() if isinstance(value, date) else value
