"""A report as the text of a mail: every row with the figures that it may show, each with its n and interval."""

from __future__ import annotations

from collections.abc import Iterator

from cloud_bridge.reports.figures import Column, Figures, Row, Table, Value
from cloud_bridge.reports.words import heading, period, text, title
from cloud_bridge.web.i18n import Translator

_ROWS_MAX = 200


def subject(figures: Figures, t: Translator) -> str:
    """One line."""
    return t("reports.mail_subject", report=t(f"reports.title_{figures.report}"), period=period(t, figures))


def body(figures: Figures, t: Translator, link: str) -> str:
    """All tables but the long ones of hours, which are in the workbook; `link` opens the page."""
    parts = [subject(figures, t)]
    if figures.simulated:
        parts.append(t("reports.simulated"))
    parts += ["\n".join(_lines(table, t)) for table in figures.tables if table.name != "week"]
    if figures.alarms:
        parts.append(t("reports.alarm") + ": " + "; ".join(figures.alarms))
    parts.append(t("reports.rules_text"))
    if link:
        parts.append(link)
    return "\n\n".join(parts) + "\n"


def _lines(table: Table, t: Translator) -> Iterator[str]:
    yield title(t, table)
    if not table.rows:
        yield t("reports.empty")
    for row in table.rows[:_ROWS_MAX]:
        yield _line(table.columns, row, t)
    if len(table.rows) > _ROWS_MAX:
        yield t("reports.mail_more", n=len(table.rows) - _ROWS_MAX)
    if table.total is not None:
        yield _line(table.columns, table.total, t, t("reports.total"))


def _line(columns: tuple[Column, ...], row: Row, t: Translator, name: str | None = None) -> str:
    values = {column.key: (column, value) for column, value in zip(columns, row.values, strict=True)}
    first = name or text(t, columns[0], row.values[0])
    found = [
        f"{heading(t, column)} {text(t, column, value)}{_interval(values, column.key, t)}"
        for column, value in list(values.values())[1:]
        if value is not None and not column.key.endswith(("_low", "_high"))
    ]
    return f"- {_one_line(first)}: {_one_line('; '.join(found))}"


def _interval(values: dict[str, tuple[Column, Value]], key: str, t: Translator) -> str:
    ends = [values[name] for name in (f"{key}_low", f"{key}_high") if name in values]
    if len(ends) < 2 or any(value is None for _, value in ends):
        return ""
    return " [" + "; ".join(text(t, column, value) for column, value in ends) + "]"


def _one_line(said: str) -> str:
    return " ".join(said.split())
