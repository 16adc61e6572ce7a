"""One table of a report as CSV (RFC 4180, UTF-8) for programs: column keys, codes, ISO dates, decimal points."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date

from cloud_bridge.reports.figures import Table, Value

CONTENT_TYPE = "text/csv; charset=utf-8"
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def table_text(table: Table) -> str:
    """The rows without their total, so that a sum over a column is no double one."""
    return lines([column.key for column in table.columns], (row.values for row in table.rows))


def lines(heading: list[str], rows: Iterable[Iterable[Value]]) -> str:
    """Any table, its heading first."""
    return rows_text([heading]) + rows_text(rows)


def rows_text(rows: Iterable[Iterable[Value]]) -> str:
    """Rows alone; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return file.getvalue()


def _plain(value: Value) -> str:
    match value:
        case None:
            return ""
        case date():
            return value.isoformat()
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case _:
            return repr(value)
