"""A history to run rules over: what happened, one record a line, as CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.open_time import unix_ns
from edge.wire import Trigger

SERVED = "served"
SHIFT = "shift"
KINDS = (SERVED, SHIFT, *(str(trigger) for trigger in Trigger))


class Scope(StrEnum):
    """What a rule keeps apart."""

    SITE = "site"
    COUNTER = "counter"
    EMPLOYEE = "employee"


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `kind` is a press's trigger, `served` (a receipt or visit) or `shift` (the truth is worse from here).

    `visit` ties presses to the customer who pressed. `misuse`: the press is one of a hammering.
    """

    id: str
    at_ns: int
    kind: str
    site: str
    counter: str = ""
    employee: str = ""
    visit: str = ""
    rating: int | None = None
    misuse: bool = False

    def stream(self, scope: Scope) -> str:
        """The stream of a scope it belongs to; empty where it names none."""
        if scope is Scope.SITE:
            return self.site
        name = self.counter if scope is Scope.COUNTER else self.employee
        return f"{self.site}/{name}" if name else ""


class _Line(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    at: str
    kind: str
    site: str
    counter: str | None = None
    employee: str | None = None
    visit: str | None = None
    rating: int | None = None
    misuse: bool = False


def read_history(path: Path) -> tuple[Record, ...]:
    """The records of a .csv (with a header) or .jsonl file, each id once, in order of time.

    A repeated line counts once. Raises `RuleError`, which names the file and line, for unknown columns and kinds, times
    without a zone, and two different lines with one id.
    """
    records: dict[str, Record] = {}
    for number, raw in _lines(path):
        try:
            record = _record(msgspec.convert(raw, _Line, strict=False))
        except (msgspec.ValidationError, RuleError) as error:
            raise RuleError(f"{path}:{number}: {error}") from error
        if records.setdefault(record.id, record) != record:
            raise RuleError(f"{path}:{number}: id {record.id!r} stands for two different records; give each its own")
    return tuple(sorted(records.values(), key=lambda record: (record.at_ns, record.id)))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                yield from _csv_lines(file)
            elif path.suffix == ".jsonl":
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield number, _object(line, f"{path}:{number}")
            else:
                raise RuleError(f"{path}: a history is a .csv or a .jsonl file")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RuleError(f"{path} cannot be read: {error}") from error


def _csv_lines(file: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, restkey="too many columns")
    for row in reader:
        yield reader.line_num, {name: value for name, value in row.items() if value}


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise RuleError(f"{where}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RuleError(f"{where}: {line[:40]!r} is no JSON object")
    return found


def _record(line: _Line) -> Record:
    if line.kind not in KINDS:
        raise RuleError(f"kind {line.kind!r} is unknown; the kinds are {', '.join(KINDS)}")
    if not line.id or not line.site:
        raise RuleError("id and site must not be empty")
    return Record(
        line.id,
        _at_ns(line.at),
        line.kind,
        line.site,
        line.counter or "",
        line.employee or "",
        line.visit or "",
        line.rating,
        line.misuse,
    )


def _at_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RuleError(f"at {text!r} is no time; write 2026-03-01T09:30:00+01:00") from error
    if moment.tzinfo is None:
        raise RuleError(f"at {text!r} has no time zone; write 2026-03-01T09:30:00+01:00")
    return unix_ns(moment)
