"""`python -m bench [AREA …] [--write]`: measure, print JSON, and with --write renew docs/BENCHMARKS.md."""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.figure import Figure

AREAS = ("ring", "ear", "eye", "cut", "latency", "uplink", "ingest", "fleet", "idle")
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@click.command()
@click.argument("areas", nargs=-1, type=click.Choice(AREAS))
@click.option("--write", is_flag=True, help="Renew the table in docs/BENCHMARKS.md (all areas only).")
def main(areas: tuple[str, ...], *, write: bool) -> None:
    """Measure AREAS (all by default); one JSON document on standard output."""
    if write and areas:
        raise click.UsageError("--write renews the whole table; name no area")
    figures: list[Figure] = []
    for area in areas or AREAS:
        click.echo(f"bench: {area}", err=True)
        figures += importlib.import_module(f"bench.{area}").run()
    machine = _machine()
    json.dump({"machine": machine, "figures": [figure.as_dict() for figure in figures]}, sys.stdout, indent=1)
    sys.stdout.write("\n")
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{_table(machine, figures)}{END}{after}", "utf-8")


def _machine() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "cpu": model,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(machine: dict[str, Any], figures: list[Figure]) -> str:
    lines = [
        (
            "Measured {date} at commit {commit} on {cores} cores of {cpu}, Linux {kernel}, Python {python}, "
            "load {load_before:.1f} before the start."
        ).format_map(machine),
        "",
        "| area | figure | value | unit | floor | value of the floor | times the floor |",
        "|---|---|---:|---|---|---:|---:|",
    ]
    for f in figures:
        numbers = (_number(f.value), f.unit, f.floor_name, _number(f.floor), _number(f.ratio))
        lines.append(f"| {f.area} | {f.name} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
