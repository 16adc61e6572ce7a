"""The disk of an image: where its parts lie, its partition table, and putting it together without mounting anything."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from image import boot_counters

SECTOR_BYTES = 512
MIB = 1024 * 1024
# The same on every box: slots are found by it (/etc/fstab, /etc/rauc/system.conf, the udev rule).
DISK_ID = 0xEA250001
_HEAD_MIB = 4
_LINUX, _FAT32_LBA = 0x83, 0x0C
_ACTIVE = 0x80


@dataclass(frozen=True, slots=True)
class Part:
    """One partition; `number` counts from 1."""

    number: int
    name: str
    kind: int
    start_mib: int
    size_mib: int

    @property
    def start_bytes(self) -> int:
        """Offset from the beginning of the disk."""
        return self.start_mib * MIB

    @property
    def size_bytes(self) -> int:
        """Length."""
        return self.size_mib * MIB


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a disk's parts in MiB. The data partition of the image is small and grows on the card."""

    boot_mib: int = 64
    slot_mib: int = 1024
    data_mib: int = 256

    @property
    def parts(self) -> tuple[Part, ...]:
        """The four partitions in order, each beginning where the one before ends."""
        sizes = (
            ("boot", _FAT32_LBA, self.boot_mib),
            ("slot A", _LINUX, self.slot_mib),
            ("slot B", _LINUX, self.slot_mib),
            ("data", _LINUX, self.data_mib),
        )
        found, start_mib = [], _HEAD_MIB
        for number, (name, kind, size_mib) in enumerate(sizes, 1):
            found.append(Part(number, name, kind, start_mib, size_mib))
            start_mib += size_mib
        return tuple(found)

    @property
    def size_bytes(self) -> int:
        """Length of the whole image."""
        last = self.parts[-1]
        return last.start_bytes + last.size_bytes


def partition_table(layout: Layout) -> bytes:
    """The first sector of the disk. Raises ValueError for a part of no size, or beyond what the table can say."""
    entries = b""
    for part in layout.parts:
        start, sectors = part.start_bytes // SECTOR_BYTES, part.size_bytes // SECTOR_BYTES
        if sectors <= 0 or start + sectors > 0xFFFFFFFF:
            raise ValueError(f"{part.name}: {part.size_mib} MiB from {part.start_mib} MiB can't be in the table")
        # Cylinders, heads and sectors are of no use here; this is how "not to be had" is written.
        nowhere = b"\xfe\xff\xff"
        active = _ACTIVE if part.number == 1 else 0
        entries += struct.pack("<B3sB3sII", active, nowhere, part.kind, nowhere, start, sectors)
    return b"\0" * 440 + struct.pack("<IH", DISK_ID, 0) + entries + b"\x55\xaa"


def assemble(image: Path, layout: Layout, contents: dict[str, Path]) -> None:
    """Write the disk to `image`: table, boot counters, and each file of `contents` into the part of that name.

    What is zero is left as a hole. A part without contents stays empty. Raises ValueError for a file that is not as
    long as its part, or a name that no part has.
    """
    parts = {part.name: part for part in layout.parts}
    if unknown := contents.keys() - parts.keys():
        raise ValueError(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for name, path in contents.items():
        if path.stat().st_size != parts[name].size_bytes:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, the part {name} {parts[name].size_bytes}")
    with image.open("wb") as disk:
        disk.truncate(layout.size_bytes)
        disk.write(partition_table(layout))
        disk.seek(boot_counters.OFFSET_BYTES)
        disk.write(boot_counters.of_a_new_image())
        for name, path in contents.items():
            _copy_sparse(path, disk.fileno(), parts[name].start_bytes)


def _copy_sparse(source: Path, target: int, offset_bytes: int) -> None:
    with source.open("rb") as file:
        position = offset_bytes
        while block := file.read(MIB):
            if block.strip(b"\0"):
                os.pwrite(target, block, position)
            position += len(block)
