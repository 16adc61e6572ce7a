"""What the checks look at: the configuration, the machine's own folders, and what the running box says of itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.clock import Clock, SystemClock
from edge.config import Config
from edge.field.accounts import Account, account_of


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the kernel shows itself; a test has its own."""

    dev: Path = Path("/dev")
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


@dataclass(frozen=True)
class Surroundings:
    """One box and its machine. `state` is the local page's /state, None where it does not answer (`state_error`)."""

    config: Config
    state: Mapping[str, Any] | None = None
    state_error: str = ""
    clock: Clock = field(default_factory=SystemClock)
    folders: Folders = field(default_factory=Folders)
    ear: Account = field(default_factory=lambda: account_of("earshot-ear"))
    box: Account = field(default_factory=lambda: account_of("earshot-box"))


def filesystem_of(path: Path, folders: Folders) -> str:
    """The type of the file system that `path` is on, such as ext4; '?' where the kernel does not say."""
    best, kind = -1, "?"
    real = os.path.realpath(path)
    for line in (folders.proc / "self/mountinfo").read_text("utf-8").splitlines():
        before, _, after = line.partition(" - ")
        # The kernel writes a space in a name as \\040.
        mounted = before.split()[4].replace("\\040", " ")
        inside = real == mounted or real.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= best:
            best, kind = len(mounted), after.split()[0]
    return kind


def readable_bytes(size_bytes: float) -> str:
    """A size for a person, in units of 10^3 bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
