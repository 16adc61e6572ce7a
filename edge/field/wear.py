"""How many bytes the disk under a folder was given to write since the boot: SD cards die of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge.field.surroundings import Folders

_SECTOR_BYTES = 512
# Documentation/block/stat.rst: the seventh number.
_SECTORS_WRITTEN = 6


@dataclass(frozen=True, slots=True)
class Wear:
    """What was written to `disk` since the boot, by everybody."""

    disk: str
    written_bytes: int
    bytes_per_hour: float


def wear_below(folder: Path, folders: Folders) -> Wear | None:
    """The wear of the disk that `folder` is on; None for a file system without one (in memory, over the network)."""
    device = folder.stat().st_dev
    link = folders.sys / "dev/block" / f"{os.major(device)}:{os.minor(device)}"
    if not link.exists():
        return None
    block = link.resolve()
    disk = block.parent if (block / "partition").exists() else block
    sectors = int((disk / "stat").read_text("ascii").split()[_SECTORS_WRITTEN])
    up_s = float((folders.proc / "uptime").read_text("ascii").split()[0])
    written = sectors * _SECTOR_BYTES
    return Wear(disk.name, written, written / max(up_s, 1.0) * 3600)
