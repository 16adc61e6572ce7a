"""The lab's figures in docs/BENCHMARKS.md: a table of its own, of which each run renews the areas that it measured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.errors import LabError
from lab.recipe import ROOT

PAGE = ROOT / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- lab figures -->", "<!-- end of lab figures -->"
_HEAD = ("| area | figure | value | unit | measured |", "|---|---|---:|---|---|")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `area` is what renews it."""

    area: str
    name: str
    value: float
    unit: str


def write(figures: Sequence[Figure], page: Path = PAGE, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Renew in `page`, between `marks`, the areas that `figures` belong to."""
    page.write_text(merged(page.read_text("utf-8"), figures, _when(), marks), "utf-8")


def merged(text: str, figures: Sequence[Figure], when: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """`text` with the rows of the areas of `figures` replaced; raises `LabError` when it has no place for them."""
    before, begin, rest = text.partition(marks[0])
    old, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise LabError(f"docs/BENCHMARKS.md has no '{marks[0]}' … '{marks[1]}' to write the figures between")
    areas = {figure.area for figure in figures}
    kept = [line for line in old.splitlines() if line.startswith("| ") and line not in _HEAD]
    kept = [line for line in kept if line.split("|")[1].strip() not in areas]
    new = [f"| {f.area} | {f.name} | {_number(f.value)} | {f.unit} | {when} |" for f in figures]
    rows = "\n".join([*_HEAD, *sorted(kept + new, key=lambda line: line.split("|")[1])])
    return f"{before}{begin}\n{rows}\n{end}{after}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _when() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return f"{datetime.now(UTC).date().isoformat()}, {commit}, load {os.getloadavg()[2]:.1f}"
