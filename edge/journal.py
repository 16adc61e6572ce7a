"""The local journal of presses: CSV files that a person opens in a spreadsheet, one a month.

UTF-8 with a byte order mark, semicolons, CRLF: what Excel opens by a double click where the comma is the decimal sign;
other spreadsheets ask. A file that a person has saved in another form is set aside, untouched, and begun anew. One row
is one line. Text that a spreadsheet would run as a formula gets an apostrophe before
it. The outbox is the truth; the journal is restored from it where a crash came between the two.
"""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from edge.durable import write_durable
from edge.faultpoint import FaultPoint, no_fault
from edge.wire import PressData, TimeData

COLUMNS = (
    "time",
    "zone",
    "place",
    "button",
    "trigger",
    "rating",
    "employee",
    "track",
    "misuse",
    "synced",
    "id",
    "boot_id",
    "mono_ns",
    "snapshot",
)
# What earlier versions wrote; such a file gets the further columns, empty, when it is next written.
_EARLIER = (COLUMNS[:-1],)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOM = "\ufeff"
_END = b"\r\n"
# More than one row can have.
_TAIL_BYTES = 65536
# Other names in the folder are not the journal's.
_MONTHS = "presses-[0-9][0-9][0-9][0-9]-[0-9][0-9].csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_log = logging.getLogger(__name__)

Row = Mapping[str, str]


class _Foreign(Exception):
    """The file is not as the journal writes it."""


class Journal:
    """`folder/presses-YYYY-MM.csv`, months and times in `zone` (None: the machine's). One thread only.

    Raises `OSError` where the disk fails or is full; the press is in the outbox then, and `restore` adds it later.
    `link(press, snapshot)` is what the column `snapshot` holds.
    """

    def __init__(
        self,
        folder: Path,
        place: str,
        *,
        zone: tzinfo | None = None,
        fault: FaultPoint = no_fault,
        link: Callable[[str, str], str] = lambda _press, snapshot: snapshot,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._place = place
        self._zone = zone
        self._fault = fault
        self._link = link

    def append(self, press_id: str, data: PressData) -> None:
        """Add one press; durable when this returns. A torn last line of an earlier crash is cut off."""
        row = self._row(press_id, data)
        path = self._path(row)
        if not path.exists():
            self._write(path, [row])
            return
        with path.open("r+b") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(start)
            last_end = file.read().rfind(_END)
            file.seek(0)
            if last_end < 0 or file.read(len(_HEAD)) != _HEAD:
                self._write(path, [*(self._rows_of(path) or ()), row])
                return
            file.truncate(file.seek(start + last_end + len(_END)))
            file.write(_line(row.values()).encode())
            file.flush()
            self._fault("journal.before_append_fsync")
            os.fsync(file.fileno())
        self._fault("journal.after_append_fsync")

    def restore(self, presses: Iterable[tuple[str, PressData]]) -> int:
        """Append, in the order given, those of `presses` that are not here; returns how many were not."""
        known = {row["id"] for rows in self._read_all().values() for row in rows}
        missing = [(press_id, data) for press_id, data in presses if press_id not in known]
        for press_id, data in missing:
            self.append(press_id, data)
        return len(missing)

    def repair(self, time: TimeData) -> int:
        """Date the unsynchronised rows of that boot anew, moved to their month; returns how many.

        Repeatable: a crash in between leaves at most a row in two months, which the next repair makes one again.
        """
        months = self._read_all()
        by_id: dict[str, Row] = {}
        for row in (row for rows in months.values() for row in rows):
            if row["id"] not in by_id or row["synced"] == "yes":
                by_id[row["id"]] = row
        repaired = 0
        wanted: dict[Path, list[Row]] = {path: [] for path in months}
        for row in by_id.values():
            dated = row
            if row["boot_id"] == time.stamp.boot_id and row["synced"] == "no":
                repaired += 1
                wall_ns = time.stamp.wall_ns + int(row["mono_ns"]) - time.stamp.mono_ns
                dated = {**row, **self._date(wall_ns), "synced": "yes" if time.stamp.synced else "no"}
            wanted.setdefault(self._path(dated), []).append(dated)
        changed = [path for path in wanted if _ordered(wanted[path]) != _ordered(months.get(path, []))]
        # A month that gains rows is written before the one that loses them.
        for path in sorted(changed, key=lambda path: len(months.get(path, [])) - len(wanted[path])):
            if wanted[path]:
                self._write(path, _ordered(wanted[path]))
            else:
                path.unlink()
        return repaired

    def _row(self, press_id: str, data: PressData) -> dict[str, str]:
        values = {
            **self._date(data.stamp.wall_ns),
            "place": _safe(self._place),
            "button": data.button,
            "trigger": data.trigger.value,
            "rating": "" if data.rating is None else str(data.rating),
            "employee": _safe(data.employee or ""),
            "track": data.track or "",
            "misuse": "yes" if data.misuse else "no",
            "synced": "yes" if data.stamp.synced else "no",
            "id": press_id,
            "boot_id": data.stamp.boot_id,
            "mono_ns": str(data.stamp.mono_ns),
            "snapshot": "" if data.snapshot is None else self._link(press_id, data.snapshot),
        }
        return {column: values[column] for column in COLUMNS}

    def _date(self, wall_ns: int) -> dict[str, str]:
        local = (_EPOCH + timedelta(microseconds=wall_ns // 1000)).astimezone(self._zone)
        return {"time": local.strftime("%Y-%m-%d %H:%M:%S"), "zone": f"UTC{local.isoformat()[-6:]}"}

    def _path(self, row: Row) -> Path:
        return self._folder / f"presses-{row['time'][:7]}.csv"

    def _read_all(self) -> dict[Path, list[Row]]:
        found = {path: self._rows_of(path) for path in sorted(self._folder.glob(_MONTHS))}
        return {path: rows for path, rows in found.items() if rows is not None}

    def _rows_of(self, path: Path) -> list[Row] | None:
        """The rows of a file of ours; None for one of another form, which is set aside."""
        try:
            return _read(path)
        except _Foreign:
            _set_aside(path)
            return None

    def _write(self, path: Path, rows: Iterable[Row]) -> None:
        text = _BOM + _line(COLUMNS) + "".join(_line(row.values()) for row in rows)
        write_durable(path, text.encode(), "journal", self._fault)


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["time"], row["boot_id"], int(row["mono_ns"])))


def _read(path: Path) -> list[Row]:
    """The whole rows; raises `_Foreign`."""
    content = path.read_bytes()
    columns = next((known for known in (COLUMNS, *_EARLIER) if content.startswith(_head(known))), None)
    if columns is None:
        raise _Foreign
    whole = content[len(_head(columns)) : content.rfind(_END) + len(_END)]
    try:
        cells = list(csv.reader(io.StringIO(whole.decode("utf-8"), newline=""), delimiter=";", strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _Foreign from error
    empty = dict.fromkeys(COLUMNS, "")
    rows: list[Row] = [empty | dict(zip(columns, row, strict=False)) for row in cells]
    if any(len(row) != len(columns) for row in cells) or not all(_is_ours(row) for row in rows):
        raise _Foreign
    return rows


def _is_ours(row: Row) -> bool:
    with suppress(ValueError):
        datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the zone stands in the next column
        return row["mono_ns"].isascii() and row["mono_ns"].isdigit()
    return False


def _set_aside(path: Path) -> None:
    number = 1
    while (aside := path.with_name(f"{path.stem}.edited-{number}.csv")).exists():
        number += 1
    _log.warning("%s was saved in another form by another program; it is now %s", path, aside.name)
    path.rename(aside)


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=";", lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _safe(text: str) -> str:
    one_line = " ".join(text.split())
    return f"'{one_line}" if one_line.startswith(_FORMULA) else one_line


def _head(columns: Iterable[str]) -> bytes:
    return (_BOM + _line(columns)).encode()


_HEAD = _head(COLUMNS)
