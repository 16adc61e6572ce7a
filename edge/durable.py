"""Files that are there whole or not at all, also after a power cut: temp → fsync → rename → fsync folder."""

from __future__ import annotations

import os
from pathlib import Path

from edge.faultpoint import FaultPoint

TEMPORARY = ".tmp"


def write_durable(path: Path, data: bytes | memoryview, what: str, fault: FaultPoint) -> None:
    """Put `data` at `path` atomically and durably; `what` names the fault points. Raises `OSError` (disk full, …).

    A failed write leaves no temporary file; a killed one leaves `path` + '.tmp', which means nothing.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            fault(f"{what}.before_fsync")
            os.fsync(file.fileno())
        fault(f"{what}.after_fsync")
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fault(f"{what}.after_rename")
    sync_folder(path.parent)
    fault(f"{what}.after_folder_fsync")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
