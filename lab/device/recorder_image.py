"""The memory of an audio badge as a file: FAT, with recordings in it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from wav_files import write_wav

from lab.device.waiting import run

_SECTOR_BYTES = 512
_FIRST_SECTOR = 2048
_FAT32_LBA = 0x0C


def fat_image(path: Path, folder: Path, *, megabytes: int = 16) -> Path:
    """One file system without partitions, as most recorders have it; `folder` is where it may be mounted to fill it."""
    with path.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    run("mkfs.vfat", "-n", "BADGE", path)
    folder.mkdir(exist_ok=True)
    run("mount", "-o", "loop", path, folder)
    try:
        (folder / "RECORD").mkdir()
        samples = np.random.default_rng(5).integers(-3000, 3000, 16000).astype(np.int16)
        write_wav(folder / "RECORD" / "REC001.WAV", samples)
    finally:
        run("umount", folder)
    return path


def partitioned(image: Path, path: Path) -> Path:
    """The same as the first partition of a disk."""
    content = image.read_bytes()
    place = (_FIRST_SECTOR, len(content) // _SECTOR_BYTES)
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", _FAT32_LBA, b"\xff\xff\xff", *place)
    table = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    path.write_bytes(table.ljust(_FIRST_SECTOR * _SECTOR_BYTES, b"\0") + content)
    return path
