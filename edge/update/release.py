"""Which release runs, and in which slot."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

_OS_RELEASE = Path("/etc/os-release")
_COMMAND_LINE = Path("/proc/cmdline")
_SLOT = "rauc.slot="
OTHER_SLOT = {"A": "B", "B": "A"}


@dataclass(frozen=True, slots=True)
class Running:
    """`slot` is A or B; None on a machine that was not flashed from an image."""

    release: str
    slot: str | None


def running(os_release: Path = _OS_RELEASE, command_line: Path = _COMMAND_LINE) -> Running:
    """What this machine runs now: the image's version where there is one, else that of the program."""
    release = ""
    if os_release.exists():
        for line in os_release.read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key == "IMAGE_VERSION":
                release = value.strip().strip("\"'")
    words = command_line.read_text("ascii", "replace").split() if command_line.exists() else []
    slot = next((word[len(_SLOT) :] for word in words if word.startswith(_SLOT)), None)
    return Running(release or installed_version("earshot"), slot if slot in OTHER_SLOT else None)


def order(release: str) -> tuple[int, ...]:
    """A key that orders releases; what has no version's form (a development build) is older than every release."""
    parts = release.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return ()
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
