"""How large a file in memory may be: what its file system and the machine's memory have left."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ringbuffer.errors import RingTooLarge

# The rest belongs to the other processes: a box that swaps or kills is worse than one that remembers less.
USABLE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes free on the file system of the ring, and available in memory (None: the kernel does not say)."""

    filesystem_bytes: int
    memory_bytes: int | None

    @property
    def usable_bytes(self) -> int:
        """The share of the scarcer of the two that a ring may take."""
        scarcer = self.filesystem_bytes if self.memory_bytes is None else min(self.filesystem_bytes, self.memory_bytes)
        return int(scarcer * USABLE_SHARE)

    def plus(self, freed_bytes: int) -> Room:
        """The room after `freed_bytes` are given back."""
        memory = None if self.memory_bytes is None else self.memory_bytes + freed_bytes
        return Room(self.filesystem_bytes + freed_bytes, memory)

    def require(self, needed_bytes: int, path: Path) -> None:
        """Raise `RingTooLarge` where `needed_bytes` do not fit, with the arithmetic."""
        if needed_bytes <= self.usable_bytes:
            return
        raise RingTooLarge(
            f"{path} needs {megabytes(needed_bytes)}, but only {self} may be used; make the ring smaller",
            needed_bytes=needed_bytes,
            usable_bytes=self.usable_bytes,
        )

    def __str__(self) -> str:
        memory = "unknown" if self.memory_bytes is None else megabytes(self.memory_bytes)
        return (
            f"{megabytes(self.usable_bytes)} ({USABLE_SHARE:.0%} of the scarcer of: free on the file system "
            f"{megabytes(self.filesystem_bytes)}, available memory {memory})"
        )


RoomAt = Callable[[Path], Room]


def room_at(directory: Path) -> Room:
    """The room in `directory` now."""
    place = os.statvfs(directory)
    return Room(place.f_bavail * place.f_frsize, _available_memory_bytes(Path("/proc/meminfo")))


def _available_memory_bytes(meminfo: Path) -> int | None:
    if not meminfo.exists():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def megabytes(size_bytes: int) -> str:
    """`size_bytes` for a person to read, in units of 10^6 bytes."""
    return f"{size_bytes / 1e6:.1f} MB"
