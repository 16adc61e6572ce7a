"""What a disk without power keeps: QEMU's log of all writes and flushes of a disk, replayed onto the disk before.

A write that the guest made is in the disk's own memory until the next flush; a power cut takes any part of that.
QEMU alone would lose nothing of it, because the host's page cache outlives the process. The format of the log is
that of Linux's dm-log-writes, little endian: a superblock, then for each request one header and its data.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.errors import LabError

SECTOR_BYTES = 512
_MAGIC = 0x6A736677736872
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
# What a disk writes whole or not at all.
_BLOCK_BYTES = 4096
_LARGEST_SECTORS = (64 << 20) // SECTOR_BYTES


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: `size_bytes` of data at `offset_bytes` of the disk, found at `data_at` of the log."""

    flags: int
    offset_bytes: int
    size_bytes: int
    data_at: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: flushes seen, writes kept because a flush followed, writes after it kept and lost."""

    flushes: int
    safe_writes: int
    kept_writes: int
    lost_writes: int


def entries(log: BinaryIO) -> Iterator[Entry]:
    """The requests in `log`, in order; raises `LabError` for a file that is no such log. Empty: nothing yet.

    At the end there may be holes, where the death of QEMU overtook a request that it had not finished; they are
    skipped, since what comes behind them may have been finished.
    """
    log.seek(0)
    head = log.read(SECTOR_BYTES)
    if not head:
        return
    if len(head) < _SUPER.size:
        raise LabError(f"no log of writes: it has {len(head)} bytes")
    magic, version, _, sector_bytes = _SUPER.unpack_from(head)
    if (magic, version, sector_bytes) != (_MAGIC, 1, SECTOR_BYTES):
        raise LabError(f"no log of writes: magic {magic:#x}, version {version}, sectors of {sector_bytes} bytes")
    at = SECTOR_BYTES
    while True:
        log.seek(at)
        header = log.read(SECTOR_BYTES)
        if len(header) < SECTOR_BYTES:
            return
        at += SECTOR_BYTES
        if not any(header):
            continue
        sector, sectors, flags, _ = _ENTRY.unpack_from(header)
        if any(header[_ENTRY.size :]) or flags > MARK * 2 - 1 or sectors > _LARGEST_SECTORS:
            return
        size_bytes = 0 if flags & (DISCARD | MARK) else sectors * SECTOR_BYTES
        yield Entry(flags, sector * SECTOR_BYTES, size_bytes, at)
        at += size_bytes


def replay(log_path: Path, disk_path: Path, dice: random.Random) -> Replayed:
    """Bring the raw disk to a state in which a power cut may have left it.

    Everything before the last flush is there. Of what came after it, each block of 4096 bytes is there or not: none,
    all or some of them, as `dice` fall.
    """
    with log_path.open("rb") as log, disk_path.open("r+b") as disk:
        found = list(entries(log))
        last_flush = max((n for n, entry in enumerate(found) if entry.flags & FLUSH), default=-1)
        share = dice.choice((0.0, 0.5, 1.0))
        kept = lost = safe = 0
        for n, entry in enumerate(found):
            if not entry.size_bytes:
                continue
            log.seek(entry.data_at)
            data = log.read(entry.size_bytes)
            if n <= last_flush or entry.flags & FUA:
                safe += 1
                disk.seek(entry.offset_bytes)
                disk.write(data)
                continue
            blocks = range(0, len(data), _BLOCK_BYTES)
            there = [at for at in blocks if dice.random() < share]
            for at in there:
                disk.seek(entry.offset_bytes + at)
                disk.write(data[at : at + _BLOCK_BYTES])
            kept += len(there) == len(blocks)
            lost += len(there) < len(blocks)
        flushes = sum(bool(entry.flags & FLUSH) for entry in found)
    return Replayed(flushes, safe, kept, lost)


def logged_disk(overlay: Path, log: Path) -> list[str]:
    """QEMU's arguments for a root disk that writes down every request in `log`.

    `overlay` is a qcow2 file, thrown away afterwards. Flushes are noted and not done: what counts is the log.
    """
    log.write_bytes(b"")
    nodes = (
        f"driver=file,node-name=overlay-file,filename={overlay},cache.no-flush=on",
        "driver=qcow2,node-name=overlay,file=overlay-file",
        f"driver=file,node-name=log-file,filename={log},cache.no-flush=on",
        f"driver=blklogwrites,node-name=root,file=overlay,log=log-file,log-sector-size={SECTOR_BYTES}",
    )
    command = [part for node in nodes for part in ("-blockdev", node)]
    return [*command, "-device", "virtio-blk-pci,drive=root,write-cache=on"]
