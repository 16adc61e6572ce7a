"""Reading slots out of a mapped ring: only what is whole is returned.

Writer and readers share this code; it never writes.
"""

from __future__ import annotations

import mmap
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringbuffer.layout import (
    HEADER_BYTES,
    NEWEST_SEQ_OFFSET,
    SEQ_CRC_MASK,
    SLOT_BODY_OFFSET,
    SLOT_HEADER_BYTES,
    SLOT_HEADER_DTYPE,
    SLOT_KIND_OFFSET,
    Geometry,
)

Bytes2D = npt.NDArray[np.uint8]
Seqs = npt.NDArray[np.uint64]
Kinds = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

# A reader that meets a slot in the middle of its publication sees it whole a moment later; a damaged one stays damaged.
READ_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Slot:
    """One whole slot: `payload` is a copy."""

    seq: int
    mono_ns: int
    kind: int
    tag: int
    payload: bytes


class SlotTable:
    """The slots of a mapped ring file, by sequence number. Sequence numbers start at 1 and never repeat."""

    def __init__(self, mapping: mmap.mmap, geometry: Geometry) -> None:
        self.geometry = geometry
        self._bytes = memoryview(mapping)
        self._newest = np.frombuffer(mapping, "<u8", count=1, offset=NEWEST_SEQ_OFFSET)
        # The sequence number of each slot; shape (slots,), a view of the mapping.
        self.seqs: Seqs = np.ndarray(
            (geometry.slots,), np.uint64, buffer=mapping, offset=HEADER_BYTES, strides=(geometry.slot_bytes,)
        )
        self._kinds: Kinds = np.ndarray(
            (geometry.slots,),
            np.uint32,
            buffer=mapping,
            offset=HEADER_BYTES + SLOT_KIND_OFFSET,
            strides=(geometry.slot_bytes,),
        )

    def newest_seq(self) -> int:
        """The newest whole slot's number, 0 for an empty ring."""
        hint = int(self._newest[0])
        if hint == 0 and self.seqs[0] == 0:
            # Nothing was ever written here; who waits for the first sound asks again and again.
            return 0
        # The hint is one behind when the writer was killed between the two words, and may be one ahead of a slot whose
        # bytes another core cannot see yet.
        for seq in range(hint, max(0, hint - 3), -1):
            if self.is_whole(seq):
                while self.is_whole(seq + 1):
                    seq += 1  # noqa: PLW2901 - walking on from the hint is the point
                return seq
        return self.highest_whole_seq()

    def highest_whole_seq(self) -> int:
        """The same without the hint, from all the slots (slow: reads the header of each)."""
        seqs = self.seqs.copy()
        index = np.arange(self.geometry.slots, dtype=np.uint64)
        candidates = seqs[(seqs > 0) & ((seqs - np.uint64(1)) % np.uint64(self.geometry.slots) == index)]
        for seq in np.sort(candidates)[::-1].tolist():
            if self.is_whole(seq):
                return int(seq)
        return 0

    def oldest_seq(self, newest_seq: int) -> int:
        """The oldest number that the writer is not about to overwrite; 1 while nothing has been overwritten."""
        return max(1, newest_seq - self.geometry.slots + 2)

    def is_whole(self, seq: int) -> bool:
        """Whether slot `seq` is there, whole."""
        return self.read(seq) is not None

    def read(self, seq: int) -> Slot | None:
        """Slot `seq`, or None when it is not written yet, overwritten, torn or damaged."""
        if seq < 1:
            return None
        index = (seq - 1) % self.geometry.slots
        start = HEADER_BYTES + index * self.geometry.slot_bytes
        seqs = self.seqs
        for _ in range(READ_ATTEMPTS):
            if seqs[index] != seq:
                return None
            copy = bytes(self._bytes[start : start + self.geometry.slot_bytes])
            if seqs[index] != seq:
                return None
            header = np.frombuffer(copy, SLOT_HEADER_DTYPE, count=1)[0]
            _, crc, length, mono_ns, kind, tag = header.item()
            if length > self.geometry.payload_bytes:
                continue
            end = SLOT_HEADER_BYTES + length
            if zlib.crc32(memoryview(copy)[SLOT_BODY_OFFSET:end], seq & SEQ_CRC_MASK) == crc:
                return Slot(seq, mono_ns, kind, tag, copy[SLOT_HEADER_BYTES:end])
        return None

    def of_kind(self, kind: int, first_seq: int, last_seq: int) -> list[int]:
        """The numbers in `first_seq`..`last_seq` whose slots seem to be of `kind`; `read` tells which are whole."""
        index = (np.arange(first_seq - 1, last_seq) % self.geometry.slots).astype(np.intp)
        chosen = np.flatnonzero(self._kinds[index] == kind) + first_seq
        return [int(seq) for seq in chosen]

    def copy(self, first_seq: int, last_seq: int) -> tuple[Bytes2D, Mask]:
        """Slots `first_seq`..`last_seq` (both included) as bytes, shape (n, slot_bytes), and which are whole.

        Raises ValueError for a range that no ring of this size can hold.
        """
        count = last_seq - first_seq + 1
        geometry = self.geometry
        if first_seq < 1 or not 0 <= count <= geometry.slots:
            raise ValueError(f"slots {first_seq}..{last_seq} are no range of a ring of {geometry.slots} slots")
        raw = np.empty((count, geometry.slot_bytes), np.uint8)
        if count == 0:
            return raw, np.empty(0, np.bool_)
        flat = raw.data.cast("B")
        first = (first_seq - 1) % geometry.slots
        before_wrap = min(count, geometry.slots - first)
        split = before_wrap * geometry.slot_bytes
        begin = HEADER_BYTES + first * geometry.slot_bytes
        flat[:split] = self._bytes[begin : begin + split]
        flat[split:] = self._bytes[HEADER_BYTES : HEADER_BYTES + len(flat) - split]
        return raw, self._whole(raw, flat, first_seq)

    def _whole(self, raw: Bytes2D, flat: memoryview, first_seq: int) -> Mask:
        count, slot_bytes = raw.shape
        expected = np.arange(first_seq, first_seq + count, dtype=np.uint64)
        head = raw[:, :SLOT_HEADER_BYTES].copy().view(SLOT_HEADER_DTYPE)[:, 0]
        # Once more from the mapping: what the writer has overwritten since it was copied is not trusted.
        after = self.seqs[((expected - np.uint64(1)) % np.uint64(self.geometry.slots)).astype(np.intp)]
        whole: Mask = (head["seq"] == expected) & (after == expected) & (head["length"] <= self.geometry.payload_bytes)
        crc32 = zlib.crc32
        ends = (head["length"].astype(np.int64) + SLOT_HEADER_BYTES).tolist()
        crcs = head["crc"].tolist()
        for i in np.flatnonzero(whole).tolist():
            at = i * slot_bytes
            body = flat[at + SLOT_BODY_OFFSET : at + ends[i]]
            if crc32(body, (first_seq + i) & SEQ_CRC_MASK) != crcs[i]:
                whole[i] = False
        return whole
