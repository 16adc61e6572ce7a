"""A ring of fixed-size slots in a memory-mapped file: one writer, many readers in other processes.

The writer zeroes a slot's sequence number, writes its header and payload, and publishes the number last. A reader
checks the number before and after it copies, and the CRC of what it has copied: a slot that is torn, damaged or
overwritten is never returned. The layout and the argument why this holds on x86 and on ARM stand in FORMAT.md.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from ringbuffer.errors import RingAbsent, RingDamaged, RingError, RingInUse, RingTooLarge
from ringbuffer.layout import (
    HEADER_BYTES,
    NEWEST_SEQ_OFFSET,
    SEQ_CRC_MASK,
    SLOT_BODY,
    SLOT_BODY_OFFSET,
    SLOT_CRC,
    SLOT_CRC_OFFSET,
    SLOT_HEADER_BYTES,
    Geometry,
    pack_header,
    parse_header,
    plan,
)
from ringbuffer.memory import RoomAt, megabytes, room_at
from ringbuffer.slot_table import Slot, SlotTable

__all__ = ["Slot", "SlotRingReader", "SlotRingWriter", "SlotTable"]

Buffer = bytes | bytearray | memoryview


class SlotRingWriter:
    """The one writer of the ring at `path`; made anew, atomically, unless the file there is the same ring.

    The same ring: the same version, slot size, number of slots, `boot_id` and metadata. Then all that is whole is kept
    and numbering goes on after the newest whole slot. Raises `RingInUse`, `RingTooLarge`, `RingDamaged`; ValueError for
    sizes that make no ring. For one thread.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        payload_bytes: int,
        slots: int,
        boot_id: str,
        metadata: Mapping[str, object],
        mode: int = 0o640,
        room: RoomAt = room_at,
    ) -> None:
        self.path = Path(path)
        wanted = plan(payload_bytes, slots, boot_id, metadata)
        self._fd, self.geometry = _claim(self.path, wanted, mode, room)
        self._mapping = mmap.mmap(self._fd, self.geometry.file_bytes, access=mmap.ACCESS_WRITE)
        self._bytes = memoryview(self._mapping)
        # Stores through this view are single aligned 64-bit stores, which a byte-wise struct.pack_into is not.
        self._words = self._bytes.cast("Q")
        self.table = SlotTable(self._mapping, self.geometry)
        self._slots = self.geometry.slots
        self._slot_bytes = self.geometry.slot_bytes
        self._payload_bytes = self.geometry.payload_bytes
        self._newest_word = NEWEST_SEQ_OFFSET // 8
        self._next_seq = self._recover() + 1

    @property
    def newest_seq(self) -> int:
        """The newest slot's number, 0 for an empty ring."""
        return self._next_seq - 1

    def append(self, mono_ns: int, kind: int, tag: int, head: Buffer, body: Buffer = b"") -> int:
        """Publish a slot whose payload is `head` + `body` (contiguous buffers of bytes); its number.

        Raises ValueError for a payload that does not fit, before anything is touched.
        """
        seq = self._next_seq
        head_bytes = len(head)
        length = head_bytes + len(body)
        if length > self._payload_bytes:
            raise ValueError(f"payload of {length} bytes exceeds the slot's {self._payload_bytes} in {self.path}")
        start = HEADER_BYTES + (seq - 1) % self._slots * self._slot_bytes
        mapping = self._mapping
        word = start >> 3
        self._words[word] = 0
        SLOT_BODY.pack_into(mapping, start + SLOT_BODY_OFFSET, length, mono_ns, kind, tag)
        at = start + SLOT_HEADER_BYTES
        mapping[at : at + head_bytes] = head
        mapping[at + head_bytes : at + length] = body
        crc = zlib.crc32(self._bytes[start + SLOT_BODY_OFFSET : at + length], seq & SEQ_CRC_MASK)
        SLOT_CRC.pack_into(mapping, start + SLOT_CRC_OFFSET, crc)
        self._words[word] = seq
        self._words[self._newest_word] = seq
        self._next_seq = seq + 1
        return seq

    def close(self) -> None:
        """Give the ring up; its file stays. Idempotent."""
        if self._fd < 0:
            return
        # The mapping goes with its last view (an explicit close would fail while a caller holds one), and with it the
        # descriptor that it holds; the lock must not wait for that.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        del self.table, self._words, self._bytes, self._mapping
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self) -> int:
        newest = self.table.highest_whole_seq()
        # A number above the newest whole one is half-written or damaged: to be published once more, with other content.
        seqs = self.table.seqs
        for index in (seqs > newest).nonzero()[0].tolist():
            self._words[(HEADER_BYTES + index * self._slot_bytes) >> 3] = 0
        self._words[self._newest_word] = newest
        return newest


class SlotRingReader:
    """A read-only view of the ring at `path`.

    Raises `RingAbsent` before a writer has made it, `RingDamaged`, and `RingError` where the file may not be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._identity: tuple[int, int] | None = None
        self._open()

    @property
    def geometry(self) -> Geometry:
        """Sizes, boot and generation of the file that is mapped now."""
        return self.table.geometry

    def refresh(self) -> bool:
        """Map the file that is at the path now, if a writer has replaced it; whether that was so.

        While there is no file the old one, still mapped, stays readable.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _forbidden(self.path, error) from error
        if (found.st_dev, found.st_ino) == self._identity:
            return False
        self._open()
        return True

    def newest_seq(self) -> int:
        """See `SlotTable.newest_seq`."""
        return self.table.newest_seq()

    def read(self, seq: int) -> Slot | None:
        """See `SlotTable.read`."""
        return self.table.read(seq)

    def close(self) -> None:
        """Let the mapping go. Idempotent."""
        self.__dict__.pop("table", None)

    def _open(self) -> None:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise RingAbsent(f"there is no ring at {self.path}; its writer has not started yet") from None
        except OSError as error:
            raise _forbidden(self.path, error) from error
        try:
            status = os.fstat(fd)
            geometry = parse_header(os.pread(fd, HEADER_BYTES, 0), status.st_size, self.path)
            if geometry is None:
                raise RingDamaged(f"the header of {self.path} is of another version or damaged; restart its writer")
            mapping = mmap.mmap(fd, geometry.file_bytes, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self.table = SlotTable(mapping, geometry)
        self.metadata: dict[str, object] = json.loads(geometry.metadata)
        self._identity = (status.st_dev, status.st_ino)


def _forbidden(path: Path, error: OSError) -> RingError:
    return RingError(f"the ring {path} can't be read: {error.strerror}; run its writer and its readers as one user")


def _claim(path: Path, wanted: Geometry, mode: int, room: RoomAt) -> tuple[int, Geometry]:
    """Lock the ring at `path` as its writer, making or replacing it where needed."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            made = _create(path, wanted, mode, room, replaces=None)
            if made is not None:
                return made
            continue
        try:
            _lock(fd, path)
            if not _is_at(path, fd):
                os.close(fd)
                continue
            status = os.fstat(fd)
            found = parse_header(os.pread(fd, HEADER_BYTES, 0), status.st_size, path) if status.st_size else None
            if found is not None and wanted.continues(found):
                return fd, found
            made = _create(path, wanted, mode, room, replaces=status)
        except (RingError, OSError):
            os.close(fd)
            raise
        os.close(fd)
        if made is not None:
            return made


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RingInUse(f"another process writes {path}; stop it first, a ring has one writer") from None


def _is_at(path: Path, fd: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def _create(
    path: Path, wanted: Geometry, mode: int, room: RoomAt, *, replaces: os.stat_result | None
) -> tuple[int, Geometry] | None:
    """A new ring at `path`, locked before it has its name; None when another process was faster."""
    _sweep(path)
    space = room(path.parent)
    if replaces is not None and wanted.file_bytes > space.usable_bytes:
        # There is no room for both. What would be replaced is of no use to anybody and goes first.
        freed = space.plus(replaces.st_blocks * 512)
        freed.require(wanted.file_bytes, path)
        path.unlink()
        replaces = None
    else:
        space.require(wanted.file_bytes, path)
    geometry = replace(wanted, generation=secrets.randbits(48))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _lock(fd, temporary)
        # Reserved now: a store to a page that the file system cannot give later would kill the writer (SIGBUS).
        os.posix_fallocate(fd, 0, geometry.file_bytes)
        os.pwrite(fd, pack_header(geometry), 0)
        if replaces is not None:
            temporary.replace(path)
        else:
            os.link(temporary, path)
            temporary.unlink()
    except FileExistsError:
        os.close(fd)
        temporary.unlink()
        return None
    except OSError as error:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise RingTooLarge(
                f"{path} needs {megabytes(geometry.file_bytes)}, which its file system refused; make the ring smaller",
                needed_bytes=geometry.file_bytes,
                usable_bytes=room(path.parent).usable_bytes,
            ) from error
        raise
    return fd, geometry


def _sweep(path: Path) -> None:
    """Remove what killed writers left half-made."""
    for leftover in path.parent.glob(f".{path.name}.*.new"):
        try:
            fd = os.open(leftover, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(fd)
