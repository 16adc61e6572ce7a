"""Where each byte of a ring file stands. FORMAT.md tells the same in prose; a test keeps both equal.

All integers are little-endian.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ringbuffer.errors import RingDamaged, RingError

MAGIC = b"EARSRING"
VERSION = 1
HEADER_BYTES = 4096
FILE_HEADER = struct.Struct("<8sIIIIQ36sII")
FILE_HEADER_FIELDS = (
    "magic",
    "version",
    "header_bytes",
    "slot_bytes",
    "slots",
    "generation",
    "boot_id",
    "metadata_bytes",
    "header_crc",
)
# The header's CRC covers what stands before it, and the metadata behind it.
HEADER_CRC_OFFSET = FILE_HEADER.size - 4
NEWEST_SEQ_OFFSET = HEADER_BYTES - 8
METADATA_LIMIT_BYTES = NEWEST_SEQ_OFFSET - FILE_HEADER.size

SLOT_HEADER_DTYPE = np.dtype(
    [("seq", "<u8"), ("crc", "<u4"), ("length", "<u4"), ("mono_ns", "<i8"), ("kind", "<u4"), ("tag", "<u4")]
)
SLOT_HEADER_BYTES = SLOT_HEADER_DTYPE.itemsize
# The part of the slot header that the CRC covers; it stands right before the payload, so that one call does both.
SLOT_BODY = struct.Struct("<IqII")
SLOT_CRC = struct.Struct("<I")
SLOT_CRC_OFFSET = 8
SLOT_BODY_OFFSET = 12
SLOT_KIND_OFFSET = 24
SLOT_ALIGNMENT_BYTES = 64
SEQ_CRC_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Geometry:
    """What makes two ring files the same ring: sizes, boot and canonical metadata. `generation` tells files apart."""

    slot_bytes: int
    slots: int
    boot_id: str
    metadata: bytes
    generation: int = 0

    @property
    def payload_bytes(self) -> int:
        """The largest payload of a slot."""
        return self.slot_bytes - SLOT_HEADER_BYTES

    @property
    def file_bytes(self) -> int:
        """The size of the file."""
        return HEADER_BYTES + self.slots * self.slot_bytes

    def continues(self, other: Geometry) -> bool:
        """Whether a writer that wants this ring may go on in a file made as `other`."""
        mine = (self.slot_bytes, self.slots, self.boot_id, self.metadata)
        return mine == (other.slot_bytes, other.slots, other.boot_id, other.metadata)


def plan(payload_bytes: int, slots: int, boot_id: str, metadata: Mapping[str, object]) -> Geometry:
    """The geometry for payloads up to `payload_bytes`. Raises ValueError where it cannot be written down."""
    if sys.byteorder != "little":
        raise RingError("a ring file is little-endian and this machine is not; run the box on x86-64 or ARM64 Linux")
    if payload_bytes < 1 or slots < 2:
        raise ValueError(f"a ring needs payload_bytes >= 1 and slots >= 2, not {payload_bytes} and {slots}")
    if not 1 <= len(boot_id.encode("ascii")) <= 36:
        raise ValueError(f"boot_id {boot_id!r} has to be 1 to 36 ASCII characters, as in /proc/sys/kernel/random")
    encoded = json.dumps(metadata, sort_keys=True, separators=(",", ":")).encode()
    if len(encoded) > METADATA_LIMIT_BYTES:
        raise ValueError(f"metadata of {len(encoded)} bytes exceeds {METADATA_LIMIT_BYTES}; shorten it")
    whole = SLOT_HEADER_BYTES + payload_bytes
    slot_bytes = -(-whole // SLOT_ALIGNMENT_BYTES) * SLOT_ALIGNMENT_BYTES
    return Geometry(slot_bytes, slots, boot_id, encoded)


def pack_header(geometry: Geometry) -> bytes:
    """The first bytes of a new ring file, without the newest sequence number (zero: nothing written)."""
    head = FILE_HEADER.pack(
        MAGIC,
        VERSION,
        HEADER_BYTES,
        geometry.slot_bytes,
        geometry.slots,
        geometry.generation,
        geometry.boot_id.encode("ascii"),
        len(geometry.metadata),
        0,
    )[:HEADER_CRC_OFFSET]
    crc = zlib.crc32(geometry.metadata, zlib.crc32(head))
    return head + crc.to_bytes(4, "little") + geometry.metadata


def parse_header(header: bytes, file_bytes: int, path: Path) -> Geometry | None:
    """The geometry of the file at `path` that begins with `header`; None: of another version, or not to be believed.

    Raises `RingDamaged` for a file that is no ring at all: such a file must never be replaced.
    """
    if header[: len(MAGIC)] != MAGIC:
        raise RingDamaged(f"{path} begins with {header[:8]!r}, not {MAGIC!r}: no ring; choose another path")
    if len(header) < HEADER_BYTES:
        return None
    fields = FILE_HEADER.unpack_from(header)
    _, version, header_bytes, slot_bytes, slots, generation, boot_id, metadata_bytes, crc = fields
    if version != VERSION or header_bytes != HEADER_BYTES or metadata_bytes > METADATA_LIMIT_BYTES:
        return None
    metadata = header[FILE_HEADER.size : FILE_HEADER.size + metadata_bytes]
    if zlib.crc32(metadata, zlib.crc32(header[:HEADER_CRC_OFFSET])) != crc:
        return None
    geometry = Geometry(slot_bytes, slots, boot_id.rstrip(b"\0").decode("ascii"), metadata, generation)
    return geometry if geometry.file_bytes == file_bytes else None
