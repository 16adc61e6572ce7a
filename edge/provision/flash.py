"""Writing the sheet onto a card from an engineer's laptop: into the mounted boot folder, or into an image or a card.

In an image or a card only the bytes of the file itself are written, neither FAT nor folder: the file has a fixed size
for that. What is cut off half-way is a file that every box refuses, never a mixture of two sheets.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from edge.durable import write_durable
from edge.faultpoint import FaultPoint, no_fault
from edge.provision.fat_volume import SECTOR_BYTES, Extent, FatVolume, VolumeError
from edge.provision.sheet import parse
from edge.provision.sheet_text import NAME, padded

LABEL: Final = "EARSHOT"
FAULTS: Final = ("flash.after_marker", "flash.after_rest", "flash.after_head")
# No TOML, whatever follows it.
_MARKER: Final = b"=== earshot.toml was not written to its end: write it again ===\n"


class FlashError(RuntimeError):
    """The sheet was not written, or not as it should be; the message says why and the remedy."""


def flash(target: Path, text: str, fault: FaultPoint = no_fault) -> str:
    """Write a sheet into a folder, an image or a card, and read it back; returns where it stands, for people.

    Raises `SheetError` for a sheet that a box would refuse, `FlashError` for a target that is not meant or fails; the
    target is unchanged then, but for one that fails while it is written.
    """
    parse(text)
    try:
        mode = target.stat().st_mode
        if stat.S_ISDIR(mode):
            return _into_folder(target, text)
        if stat.S_ISREG(mode) or stat.S_ISBLK(mode):
            return _into_disk(target, text, fault, is_device=stat.S_ISBLK(mode))
    except VolumeError as error:
        raise FlashError(f"{target} was not touched: {error}") from error
    except OSError as error:
        reason = "it is in use; unmount it first" if error.errno == errno.EBUSY else error.strerror or str(error)
        raise FlashError(f"{target} can't be written: {reason}") from error
    raise FlashError(f"{target} is neither a folder nor an image nor a card")


def _into_folder(folder: Path, text: str) -> str:
    path = folder / NAME
    if not path.is_file():
        raise FlashError(f"{folder} has no {NAME}: it is not the boot partition of a box; it is called {LABEL}")
    data = padded(text)
    write_durable(path, data, "flash", no_fault)
    if path.read_bytes() != data:
        raise FlashError(f"{path} reads back otherwise than it was written; try another card")
    return str(path)


def _into_disk(disk: Path, text: str, fault: FaultPoint, *, is_device: bool) -> str:
    # For a device the kernel refuses what is mounted.
    descriptor = os.open(disk, os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if is_device else 0))
    try:
        found = FatVolume(descriptor, LABEL).find(NAME)
        data = padded(text, found.size_bytes)
        if len(data) > found.size_bytes:
            raise FlashError(
                f"{disk}: {NAME} has room for {found.size_bytes} bytes there, the sheet has {len(data)};"
                " mount the boot partition and give its folder"
            )
        if not _is_text(_read(descriptor, found.extents, found.size_bytes)):
            raise VolumeError(f"its {NAME} holds something else; write the image onto the card anew")
        head = _MARKER.ljust(SECTOR_BYTES - 1) + b"\n"
        _write(descriptor, found.extents, head, 0)
        fault("flash.after_marker")
        _write(descriptor, found.extents, data[SECTOR_BYTES:], SECTOR_BYTES)
        fault("flash.after_rest")
        _write(descriptor, found.extents, data[:SECTOR_BYTES], 0)
        fault("flash.after_head")
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if _read(descriptor, found.extents, found.size_bytes) != data:
            raise FlashError(f"{disk} reads back otherwise than it was written; try another card")
    finally:
        os.close(descriptor)
    return f"{NAME} on the boot partition of {disk}"


def _is_text(data: bytes) -> bool:
    """Where the folder's word leads: a damaged FAT would send us into another file."""
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _write(descriptor: int, extents: tuple[Extent, ...], data: bytes, at: int) -> None:
    """Write `data` at byte `at` of the file, durably."""
    for extent in extents:
        if at < extent.size_bytes and data:
            piece = data[: extent.size_bytes - at]
            if os.pwrite(descriptor, piece, extent.offset_bytes + at) != len(piece):
                raise OSError(errno.EIO, "the disk took only a part")
            data = data[len(piece) :]
            at = extent.size_bytes
        at -= extent.size_bytes
    os.fsync(descriptor)


def _read(descriptor: int, extents: tuple[Extent, ...], size_bytes: int) -> bytes:
    data = b"".join(os.pread(descriptor, extent.size_bytes, extent.offset_bytes) for extent in extents)
    return data[:size_bytes]
