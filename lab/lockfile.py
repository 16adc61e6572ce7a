"""Hash-locked requirements, read for the interpreter of the guest instead of the one that runs this program."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.utils import canonicalize_name

GUEST_MARKERS = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "extra": "",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a lock: its canonical name, and its lines with the hashes."""

    name: str
    marker: str
    lines: tuple[str, ...]

    @property
    def is_for_guest(self) -> bool:
        """Whether the marker holds in the guest."""
        return not self.marker or Marker(self.marker).evaluate(GUEST_MARKERS)


def parse(text: str) -> list[Requirement]:
    """The requirements of a lock written by uv or pip-compile."""
    found: list[Requirement] = []
    block: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        block.append(line)
        if not line.rstrip().endswith("\\"):
            head = block[0].rstrip("\\ ")
            pin, _, marker = head.partition(";")
            found.append(Requirement(canonicalize_name(pin.partition("==")[0].strip()), marker.strip(), tuple(block)))
            block = []
    return found


def for_guest(text: str, without: Collection[str] = ()) -> str:
    """`text` with what the guest needs of it alone, less the names in `without`; markers are resolved."""
    lines: list[str] = []
    for requirement in parse(text):
        if requirement.is_for_guest and requirement.name not in without:
            first, *rest = requirement.lines
            pin = first.rstrip("\\ ").partition(";")[0].strip()
            lines += [f"{pin} \\" if rest else pin, *rest]
    return "\n".join(lines) + "\n"


def names(text: str) -> set[str]:
    """The canonical names of a lock."""
    return {requirement.name for requirement in parse(text)}
