"""The journal of our units, through systemd's own journalctl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edge.logs import PRESS_FIELD, TRACK_FIELD

UNITS = ("ear", "eye", "box", "bridge")


class NoJournal(Exception):
    """There is no journal to read; the message names the remedy."""


def arguments(
    *,
    units: Sequence[str] = UNITS,
    press: str | None = None,
    track: str | None = None,
    since: str | None = None,
    lines: int | None = None,
    follow: bool = False,
    output: str | None = None,
) -> list[str]:
    """The command: fields narrow, units add up."""
    command = ["journalctl", "--no-pager", *(f"--unit=earshot-{unit}.service" for unit in units)]
    if since is not None:
        command.append(f"--since={since}")
    if lines is not None:
        command.append(f"--lines={lines}")
    if follow:
        command.append("--follow")
    if output is not None:
        command.append(f"--output={output}")
    if press is not None:
        command.append(f"{PRESS_FIELD}={press}")
    if track is not None:
        command.append(f"{TRACK_FIELD}={track}")
    return command


def show(command: Sequence[str]) -> int:
    """Let journalctl write to our terminal; its exit status. Raises `NoJournal`."""
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError as error:
        raise _absent() from error


def read(command: Sequence[str]) -> str:
    """What journalctl writes; raises `NoJournal`."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    except FileNotFoundError as error:
        raise _absent() from error
    except subprocess.TimeoutExpired as error:
        raise NoJournal("journalctl did not end within 60 s") from error
    if done.returncode:
        raise NoJournal(f"journalctl: {done.stderr.decode(errors='replace').strip()}; ask as root")
    return done.stdout.decode(errors="replace")


def _absent() -> NoJournal:
    return NoJournal("there is no journalctl: this machine does not run systemd, see where earshot's output goes")
