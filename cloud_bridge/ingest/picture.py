"""Looking into a snapshot's picture: is it a JPEG of the size that was promised. Its pixels are left to the browser."""

from __future__ import annotations

import struct
from pathlib import Path

from edge.wire import Picture

_START = b"\xff\xd8"
_END = b"\xff\xd9"
# Start of frame, for every way of coding that has a size; the markers between them mean other things.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEGMENT = struct.Struct(">BBH")
_SIZE = struct.Struct(">BHH")


def examine(path: Path, promised: Picture) -> str | None:
    """What is wrong with the picture, None: nothing. Never raises for what the file holds."""
    data = path.read_bytes()
    if not (data.startswith(_START) and data.endswith(_END)):
        return "is no whole JPEG"
    size = _size(data)
    if size is None:
        return "is a JPEG without a size"
    if size != (promised.width_px, promised.height_px):
        return f"has {size[0]}x{size[1]} pixels, the event promised {promised.width_px}x{promised.height_px}"
    return None


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height; None where no segment tells them."""
    at = len(_START)
    while at + _SEGMENT.size <= len(data):
        mark, marker, length = _SEGMENT.unpack_from(data, at)
        if mark != 0xFF or length < 2:
            return None
        if marker in _FRAMES:
            if at + _SEGMENT.size + _SIZE.size > len(data):
                return None
            _, height, width = _SIZE.unpack_from(data, at + _SEGMENT.size)
            return width, height
        at += 2 + length
    return None
