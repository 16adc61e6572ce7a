"""A report as an XLSX workbook: typed cells, n and intervals in columns of their own, the number of rows below."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from typing import Any

import xlsxwriter

from cloud_bridge.reports.figures import Column, Figures, Kind, Row, Table, Value
from cloud_bridge.reports.words import heading, period, text, title
from cloud_bridge.web.i18n import Translator

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEXT_MAX = 32_767
_NAME_MAX = 31
_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.PERCENT: "0.00",
    Kind.POINTS: "0.00",
    Kind.RATE: "0.00",
    Kind.NUMBER: "0.00",
    Kind.DATE: "yyyy-mm-dd",
}


def workbook(figures: Figures, t: Translator) -> bytes:
    """The whole report: what it is of, then a sheet a table. Text stays text, whatever it begins with."""
    file = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": _FORMATS[Kind.DATE],
    }
    with xlsxwriter.Workbook(file, options) as book:
        # The same figures are the same bytes, whenever the file was asked for.
        book.set_properties({"created": _moment(figures.made_ns)})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}
        _about(book, figures, t, bold)
        for table in figures.tables:
            _sheet(book, table, t, bold, formats)
    return file.getvalue()


def _about(book: Any, figures: Figures, t: Translator, bold: Any) -> None:
    sheet = book.add_worksheet(t("reports.about")[:_NAME_MAX])
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 60)
    facts = [
        (t("reports.report"), t(f"reports.title_{figures.report}")),
        (t("reports.days"), period(t, figures)),
        (t("reports.clock"), figures.zone),
        (t("reports.source"), t("reports.simulated" if figures.simulated else "reports.real")),
        (t("reports.made"), t.moment(figures.made_ns)),
        (t("reports.rules"), t("reports.rules_text")),
        *((t("reports.alarm"), place) for place in figures.alarms),
    ]
    for at, (name, value) in enumerate(facts):
        sheet.write_string(at, 0, name, bold)
        sheet.write_string(at, 1, value[:_TEXT_MAX])


def _sheet(book: Any, table: Table, t: Translator, bold: Any, formats: dict[Kind, Any]) -> None:
    sheet = book.add_worksheet(title(t, table)[:_NAME_MAX])
    for at, column in enumerate(table.columns):
        sheet.write_string(0, at, heading(t, column), bold)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, len(table.columns), 13)
    sheet.freeze_panes(1, 1)
    rows = [*table.rows]
    for line, row in enumerate(rows, 1):
        _line(sheet, line, table.columns, row, t, formats)
    last = len(rows) + 1
    if table.total is not None:
        _line(sheet, last, table.columns, table.total, t, formats)
        sheet.write_string(last, 0, t("reports.total"), bold)
        last += 1
    sheet.write_string(last, 0, t("reports.rows"), bold)
    sheet.write_number(last, 1, len(rows), formats[Kind.COUNT])


def _line(
    sheet: Any, line: int, columns: tuple[Column, ...], row: Row, t: Translator, formats: dict[Kind, Any]
) -> None:
    for at, (column, value) in enumerate(zip(columns, row.values, strict=True)):
        _cell(sheet, (line, at), column, value, t, formats)


def _cell(
    sheet: Any, at: tuple[int, int], column: Column, value: Value, t: Translator, formats: dict[Kind, Any]
) -> None:
    if value is None:
        return
    if isinstance(value, date):
        sheet.write_datetime(*at, datetime(value.year, value.month, value.day), formats[Kind.DATE])  # noqa: DTZ001
    elif isinstance(value, str) or column.kind in {Kind.WEEKDAY, Kind.HOUR}:
        sheet.write_string(*at, text(t, column, value)[:_TEXT_MAX])
    else:
        sheet.write_number(*at, value, formats.get(column.kind))


def _moment(made_ns: int) -> datetime:
    # XLSX knows no time zones.
    return datetime(1970, 1, 1) + timedelta(seconds=made_ns // 1_000_000_000)  # noqa: DTZ001
