"""`./run` explains itself before it installs anything."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("demo", "test", "check", "bench", "torture", "lab", "image", "setup", "lock")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "run", *arguments], capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_lists_every_command(arguments: list[str]) -> None:
    answer = run(*arguments)
    assert answer.returncode == 0
    assert all(f"\n  {command} " in answer.stdout for command in COMMANDS)


def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    answer = run("brew")
    assert answer.returncode == 1
    assert "unknown command: brew" in answer.stderr
    assert all(f"\n  {command} " in answer.stderr for command in COMMANDS)


@pytest.mark.parametrize(
    "script", ["run", ".ci/run", "tools/lock", "tools/npm", "tools/apt-install", "tools/browser-parts"]
)
def test_scripts_are_valid_and_executable(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111 == 0o111
    subprocess.run(["bash", "-n", path], check=True)
    assert "set -euo pipefail" in path.read_text()
