"""docs/FIELD.md says what the code does: lamp codes, units, commands."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.contract import Pattern
from drivers.lamp_pattern import BUZZER, LAMP
from edge.cli import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/FIELD.md").read_text()


def described(steps):
    """A pattern in words, as the table has it."""
    if not any(on for on, _ in steps.pairs):
        return "off"
    parts = [f"{'on' if on else 'off'} {seconds:g} s" for on, seconds in steps.pairs]
    if steps.total_s is None:
        return ", ".join(parts) + ", again and again"
    whole = sum(seconds for _, seconds in steps.pairs)
    return ", ".join(parts) + ("" if whole == steps.total_s else f", for {steps.total_s:g} s")


@pytest.mark.parametrize("pattern", list(Pattern))
def test_every_lamp_code_stands_in_the_table_as_it_is_played(pattern):
    rows = [line.split(" | ") for line in TEXT.splitlines() if line.startswith(f"| `{pattern}` | ")]
    assert [row[1:3] for row in rows] == [[described(LAMP[pattern]), described(BUZZER[pattern])]]


def test_the_table_has_no_other_code():
    table = TEXT.partition("## Lamps and buzzers")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {str(pattern) for pattern in Pattern}


def test_every_file_that_is_installed_by_hand_is_in_the_repository_and_every_one_is_installed():
    named = set(re.findall(r"(?<![/\w])systemd/[\w./*-]+", TEXT))
    matched = {path for pattern in named for path in ROOT.glob(pattern) if path.is_file()}
    assert all(list(ROOT.glob(pattern)) for pattern in named)
    assert matched == {path for path in (ROOT / "systemd").rglob("*") if path.is_file()}


def test_every_earshot_command_exists():
    commands = set(re.findall(r"(?:^|[ `'/])earshot ([a-z-]+)(?: ([a-z]+))?", TEXT, re.MULTILINE))
    assert {name for name, _ in commands} >= {"doctor", "status", "logs", "bundle", "learn", "config"}
    for name, _ in commands - {("ear", ""), ("box", ""), ("bridge", "")}:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0, name


def test_what_was_not_tried_is_told_with_the_command_that_tries_it():
    section = TEXT.partition("## Not yet tried on hardware")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| what", "|---"))]
    assert len(rows) >= 8
    assert all(re.search(r"\| `[^`]+`[^|]* \|$", row) for row in rows)
