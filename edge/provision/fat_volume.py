"""Finding one file of a FAT file system inside a disk image or a card, without mounting it and without changing it.

Reads the partition table (MBR), the boot sector, the root folder and the chain of clusters; knows FAT16 and FAT32.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SECTOR_BYTES: Final = 512
_FAT_TYPES: Final = {0x06, 0x0B, 0x0C, 0x0E, 0xEF}
_SIGNATURE: Final = b"\x55\xaa"
_ENTRY_BYTES: Final = 32
_LONG_NAME: Final = 0x0F
_VOLUME: Final = 0x08
# More than any root folder of ours has; a damaged chain ends here instead of never.
_CLUSTERS_MAX: Final = 65536


class VolumeError(ValueError):
    """What was given is not the disk that was meant; the message says what it is and the remedy."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of a file: where it begins in the disk, and its length."""

    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the root folder; `extents` cover its clusters, `size_bytes` is what it has of them."""

    size_bytes: int
    extents: tuple[Extent, ...]


class FatVolume:
    """The first FAT partition with the label `label` of an opened disk; raises `VolumeError` where there is none."""

    def __init__(self, descriptor: int, label: str) -> None:
        self._descriptor = descriptor
        labels = []
        for start in _partitions(self._read(0, SECTOR_BYTES)):
            if self._open(start):
                labels.append(found := self._label())
                if found == label:
                    return
        seen = ", ".join(map(repr, labels)) if labels else "no FAT partition at all"
        raise VolumeError(f"there is no boot partition {label!r} on it, but {seen}; give the box's card or its image")

    def find(self, name: str) -> FoundFile:
        """A file of the root folder by its name; raises `VolumeError` where it is not there."""
        for entry_name, entry in self._root():
            if entry_name.lower() == name.lower():
                (high, low, size_bytes) = struct.unpack_from("<H4xHI", entry, 20)
                first = high << 16 | low if self._is_fat32 else low
                return FoundFile(size_bytes, tuple(self._extents(first)) if size_bytes else ())
        raise VolumeError(f"the boot partition has no {name}; write the image onto the card anew")

    def _open(self, start_bytes: int) -> bool:
        boot = self._read(start_bytes, SECTOR_BYTES)
        sector_bytes, per_cluster, reserved, fats, root_entries, small, _, fat16 = struct.unpack_from(
            "<HBHBHHBH", boot, 11
        )
        if boot[510:] != _SIGNATURE or sector_bytes not in {512, 1024, 2048, 4096}:
            return False
        if not per_cluster or per_cluster & (per_cluster - 1) or fats not in {1, 2} or not reserved:
            return False
        large, fat32 = struct.unpack_from("<I", boot, 32)[0], struct.unpack_from("<I", boot, 36)[0]
        fat_sectors = fat16 or fat32
        root_sectors = (root_entries * _ENTRY_BYTES + sector_bytes - 1) // sector_bytes
        data_sector = reserved + fats * fat_sectors + root_sectors
        clusters = ((small or large) - data_sector) // per_cluster
        if clusters < 4085:
            # FAT12, which no card has, or no FAT at all.
            return False
        self._is_fat32 = fat16 == 0
        self._boot = boot
        self._cluster_bytes = per_cluster * sector_bytes
        self._fat = start_bytes + reserved * sector_bytes
        self._root_start = self._fat + fats * fat_sectors * sector_bytes
        self._root_bytes = root_entries * _ENTRY_BYTES
        self._data = start_bytes + data_sector * sector_bytes
        self._clusters = clusters
        return True

    def _label(self) -> str:
        for name, entry in self._entries():
            if entry[11] & _VOLUME and entry[11] != _LONG_NAME:
                return name.replace(".", "") if len(name) <= 12 else name
        at = 71 if self._is_fat32 else 43
        return self._boot[at : at + 11].decode("ascii", "replace").strip()

    def _root(self) -> Iterator[tuple[str, bytes]]:
        for name, entry in self._entries():
            if not entry[11] & _VOLUME:
                yield name, entry

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        """Entries of the root folder with their names, long ones put together."""
        long: dict[int, str] = {}
        for entry in self._raw_entries():
            if entry[0] == 0:
                return
            if entry[0] == 0xE5:
                long = {}
            elif entry[11] == _LONG_NAME:
                characters = entry[1:11] + entry[14:26] + entry[28:32]
                long[entry[0] & 0x1F] = characters.decode("utf-16-le", "replace").split("\0")[0].rstrip("\uffff")
            else:
                stem, end = (entry[a:b].decode("ascii", "replace").rstrip() for a, b in ((0, 8), (8, 11)))
                short = f"{stem}.{end}" if end else stem
                yield "".join(long[n] for n in sorted(long)) if long else short, entry
                long = {}

    def _raw_entries(self) -> Iterator[bytes]:
        if self._is_fat32:
            (first,) = struct.unpack_from("<I", self._boot, 44)
            areas = self._extents(first)
        else:
            areas = iter([Extent(self._root_start, self._root_bytes)])
        for area in areas:
            data = self._read(area.offset_bytes, area.size_bytes)
            for at in range(0, len(data), _ENTRY_BYTES):
                yield data[at : at + _ENTRY_BYTES]

    def _extents(self, cluster: int) -> Iterator[Extent]:
        for _ in range(_CLUSTERS_MAX):
            if not 2 <= cluster < self._clusters + 2:
                raise VolumeError(f"its FAT is damaged (cluster {cluster}); write the image onto the card anew")
            yield Extent(self._data + (cluster - 2) * self._cluster_bytes, self._cluster_bytes)
            if self._is_fat32:
                cluster = struct.unpack("<I", self._read(self._fat + cluster * 4, 4))[0] & 0x0FFF_FFFF
                ended = cluster >= 0x0FFF_FFF8
            else:
                cluster = struct.unpack("<H", self._read(self._fat + cluster * 2, 2))[0]
                ended = cluster >= 0xFFF8
            if ended:
                return
        raise VolumeError("its FAT is damaged (a chain without an end); write the image onto the card anew")

    def _read(self, offset_bytes: int, size_bytes: int) -> bytes:
        data = os.pread(self._descriptor, size_bytes, offset_bytes)
        if len(data) != size_bytes:
            raise VolumeError(f"it ends at byte {offset_bytes + len(data)}; this is no whole image")
        return data


def _partitions(first_sector: bytes) -> Iterator[int]:
    """Where FAT partitions may begin: those of the table, or the disk itself where it has none."""
    if first_sector[510:] != _SIGNATURE:
        raise VolumeError("it has no partition table; unpack the image first if it is packed")
    for at in range(446, 510, 16):
        kind, start = first_sector[at + 4], struct.unpack_from("<I", first_sector, at + 8)[0]
        if kind in _FAT_TYPES and start:
            yield start * SECTOR_BYTES
    yield 0
