"""`earshot rules …`: try the expert system's rules on a history before people are disturbed by them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from cloud_bridge.cases.calendar import CalendarError
from cloud_bridge.rules import golden
from cloud_bridge.rules.config import load_rules
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import read_history
from cloud_bridge.rules.replay import replay


@click.group()
def rules() -> None:
    """The rules of the expert system."""


@rules.command("replay")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option(
    "--rules",
    "rules_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The rules (TOML); see docs/RULES.md.",
)
@click.option("--simulate", is_flag=True, help="Compare computed run lengths with simulated and with golden ones.")
@click.option("--runs", type=click.IntRange(min=2), default=20_000, show_default=True, help="Simulated runs a figure.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulation.")
def replay_command(file: Path | None, rules_path: Path | None, simulate: bool, runs: int, seed: int) -> None:  # noqa: FBT001 - click passes flags so
    """Run rules over FILE (.csv or .jsonl): thresholds, alarms, run lengths and delays as JSON lines."""
    if file is None and not simulate:
        raise click.UsageError("give a history FILE, or --simulate")
    if file is not None and rules_path is None:
        raise click.UsageError("give the rules to run: --rules FILE")
    try:
        if simulate:
            _print(golden.require(golden.check(runs, seed)))
        if file is not None and rules_path is not None:
            _print(replay(load_rules(rules_path), read_history(file)))
    except (RuleError, CalendarError) as error:
        raise click.ClickException(str(error)) from error


def _print(lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        click.echo(json.dumps(line, ensure_ascii=False))
