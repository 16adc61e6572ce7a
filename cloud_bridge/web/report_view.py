"""A report as its page shows it: cells with their intervals, rows with their links, the week as a map."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from cloud_bridge.reports.figures import Behind, Column, Figures, Kind, Row, Table, Value
from cloud_bridge.reports.words import heading, text, title
from cloud_bridge.web.i18n import Translator

_ENDS = ("_low", "_high")
_SHADES = 6
_NUMBERS = {Kind.COUNT, Kind.PERCENT, Kind.POINTS, Kind.RATE, Kind.NUMBER}


class Cell(Struct, frozen=True, kw_only=True):
    """A value in words, its interval in words (empty: none), and both as numbers for the charts (empty: none)."""

    key: str
    text: str
    interval: str = ""
    value: str = ""
    low: str = ""
    high: str = ""
    numeric: bool = False


class RowView(Struct, frozen=True, kw_only=True):
    """A row; `href` opens what it was counted from, empty where nothing does."""

    cells: tuple[Cell, ...]
    href: str


class TableView(Struct, frozen=True, kw_only=True):
    """A table without the columns that have nothing to show."""

    name: str
    title: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[RowView, ...]
    total: RowView | None


class HourView(Struct, frozen=True):
    """An hour of the week: `shade` is 0 … 5, −1 where nothing may be shown."""

    text: str
    hint: str
    shade: int


class WeekView(Struct, frozen=True, kw_only=True):
    """The week by hours: only the hours of the day that had anybody."""

    hours: tuple[str, ...]
    days: tuple[tuple[str, tuple[HourView, ...]], ...]


def table_view(t: Translator, table: Table, *, links: str | None) -> TableView:
    """A table; `links` is the path of the list that shows rows, None where the reader may open none."""
    every = [*table.rows, *([table.total] if table.total else [])]
    shown = [at for at in range(len(table.columns)) if _is_shown(table, at, every)]

    def row_view(row: Row, first: str | None = None) -> RowView:
        cells = tuple(_cell(t, table.columns, row, at) for at in shown)
        if first is not None:
            cells = (Cell(key=cells[0].key, text=first), *cells[1:])
        return RowView(cells=cells, href=_href(links, row.behind))

    return TableView(
        name=table.name,
        title=title(t, table),
        headings=tuple((heading(t, table.columns[at]), table.columns[at].kind in _NUMBERS) for at in shown),
        rows=tuple(row_view(row) for row in table.rows),
        total=row_view(table.total, t("reports.total")) if table.total and table.rows else None,
    )


def week_view(t: Translator, table: Table) -> WeekView | None:
    """The map of the hours; None where there is none."""
    if not table.rows:
        return None
    found = {(int(str(row.values[0])), int(str(row.values[1]))): row for row in table.rows}
    hours = range(min(hour for _, hour in found), max(hour for _, hour in found) + 1)
    top = max((_number(row.values[3]) for row in table.rows), default=0.0)
    names = {column.key: column for column in table.columns}
    days = []
    for weekday in range(7):
        name = text(t, names["weekday"], weekday)
        days.append((name, tuple(_hour(t, table, found.get((weekday, hour)), name, hour, top) for hour in hours)))
    return WeekView(hours=tuple(f"{hour:02}" for hour in hours), days=tuple(days))


def totals(t: Translator, figures: Figures) -> Mapping[str, Cell]:
    """The cells of the total of the indices, by key; empty where there is nothing."""
    table = figures.tables[0]
    if table.total is None or not table.rows:
        return {}
    return {column.key: _cell(t, table.columns, table.total, at) for at, column in enumerate(table.columns)}


def _is_shown(table: Table, at: int, every: list[Row]) -> bool:
    key = table.columns[at].key
    if key.endswith(_ENDS) and key.rpartition("_")[0] in {column.key for column in table.columns}:
        return False
    return at == 0 or any(row.values[at] is not None for row in every)


def _cell(t: Translator, columns: tuple[Column, ...], row: Row, at: int) -> Cell:
    column, value = columns[at], row.values[at]
    places = {one.key: place for place, one in enumerate(columns)}
    ends = [row.values[places[column.key + end]] for end in _ENDS if column.key + end in places]
    has_interval = len(ends) == 2 and None not in ends
    return Cell(
        key=column.key,
        text=text(t, column, value),
        interval=f"[{text(t, column, ends[0])}; {text(t, column, ends[1])}]" if has_interval else "",
        value=_plain(value),
        low=_plain(ends[0]) if has_interval else "",
        high=_plain(ends[1]) if has_interval else "",
        numeric=column.kind in _NUMBERS,
    )


def _plain(value: Value) -> str:
    return repr(value) if isinstance(value, int | float) else ""


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _hour(t: Translator, table: Table, row: Row | None, weekday: str, hour: int, top: float) -> HourView:
    value = None if row is None else row.values[3]
    if row is None or not isinstance(value, int | float):
        return HourView("", "", -1)
    shown = text(t, table.columns[3], value)
    n = text(t, table.columns[2], row.values[2])
    hint = t("reports.week_cell", weekday=weekday, hour=f"{hour:02}:00", value=shown, n=n)
    return HourView(shown, hint, min(_SHADES - 1, int(_SHADES * value / top)) if top else 0)


def _href(links: str | None, behind: Behind | None) -> str:
    if links is None or behind is None:
        return ""
    place = f"{behind.site}/{behind.counter}" if behind.site and behind.counter else behind.site
    asked = {
        "place": place,
        "employee": behind.employee,
        "trigger": behind.trigger,
        "rating": behind.rating,
        "cause": behind.cause,
        "verdict": behind.judged,
        "tag": behind.tag,
        "from": behind.since,
        "to": behind.until,
    }
    return f"{links}{'&' if '?' in links else '?'}" + urlencode(
        {name: str(value) for name, value in asked.items() if value is not None}
    )
