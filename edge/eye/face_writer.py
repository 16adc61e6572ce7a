"""The eye's side of the face ring: one writer, points in the order of their stamps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Self

from edge.faces import CONTENT, KIND_POINT, PICTURE_BYTES_MAX, RECORD, FacePoint, FaceSource, pack, unpack
from ringbuffer.memory import RoomAt, room_at
from ringbuffer.slot_ring import SlotRingWriter

# Points without data come between frames, and a file that is played late comes in bursts.
_SPARE = 1.25


class FaceWriter:
    """Makes or continues the ring at `path`; raises what `SlotRingWriter` does.

    `last_face` is the greatest number of a face in it, 0 for none. A ring of privacy mode `index` has no room for a
    picture: that none is kept there holds by its very size.
    """

    def __init__(self, path: Path | str, source: FaceSource, boot_id: str, *, room: RoomAt = room_at) -> None:
        self._keeps_pictures = source.privacy != "index"
        slots = round(source.depth_s * 1000 / source.period_ms * _SPARE)
        self._ring = SlotRingWriter(
            path,
            payload_bytes=RECORD.size + (PICTURE_BYTES_MAX if self._keeps_pictures else 0),
            slots=slots,
            boot_id=boot_id,
            metadata={"content": CONTENT, **asdict(source)},
            room=room,
        )
        newest = self._ring.table.read(self._ring.newest_seq)
        self._last_ns = 0 if newest is None else newest.mono_ns
        self.last_face = self._greatest_face()

    @property
    def last_ns(self) -> int:
        """The stamp of the newest point, 0 for an empty ring."""
        return self._last_ns

    def append(self, point: FacePoint, jpeg: bytes = b"", width: int = 0, height: int = 0) -> bool:
        """Publish a point and its picture; False, and nothing is written, for one not later than the newest.

        Raises ValueError for a picture in mode `index` and for one that is too large.
        """
        if jpeg and not self._keeps_pictures:
            raise ValueError("a picture was given to a face ring of mode 'index'; nothing was written")
        if point.mono_ns <= self._last_ns:
            return False
        self._ring.append(point.mono_ns, KIND_POINT, 0, pack(point, width, height), jpeg)
        self._last_ns = point.mono_ns
        return True

    def close(self) -> None:
        """Give the ring up; its file stays. Idempotent."""
        self._ring.close()

    def _greatest_face(self) -> int:
        """The greatest number of a face in the ring: numbers of a restarted eye go on after it. 0 for none."""
        table = self._ring.table
        newest = self._ring.newest_seq
        slots = (table.read(seq) for seq in range(table.oldest_seq(newest), newest + 1))
        return max((unpack(slot).point.face or 0 for slot in slots if slot is not None), default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
