"""Looks for pictures in bytes: anything that decodes as one, and the very pixels of known frames."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{200,}={0,2}")
_SIDE_MIN_PX = 12
_PICTURE_BYTES_MAX = 1_000_000
# Eight neighbouring bytes of noise are 64 bits that occur in no other place.
_KEY_BYTES = 8
_DIFFERENT_MIN = 6


class PictureSearch:
    """`frames` are the pictures that the camera saw, uint8 (height, width, 3); their rows are known by heart."""

    def __init__(self, frames: Iterable[np.ndarray]) -> None:
        self._keys = np.unique(np.concatenate([_keys(frame) for frame in frames]))
        assert len(self._keys) > 1000, "the frames are too plain to be known again"

    def in_bytes(self, content: bytes, where: str) -> list[str]:
        """What of a picture is in `content`, plain or as base64."""
        found = [f"{where}: {what}" for what in self._judge(content)]
        for match in _BASE64.finditer(content):
            text = match[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            # One character more than whole groups is no base64.
            text = text[: len(text) - (len(text) % 4 == 1)]
            plain = base64.b64decode(text + b"=" * (-len(text) % 4))
            found += [f"{where}, base64: {what}" for what in self._judge(plain)]
        return found

    def in_folder(self, folder: Path) -> list[str]:
        """The same of every file below `folder`."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return [leak for path in files for leak in self.in_bytes(path.read_bytes(), str(path))]

    def _judge(self, content: bytes) -> list[str]:
        found = [f"a picture at byte {at}" for at in _pictures(content)]
        for shift in range(_KEY_BYTES):
            part = content[shift : shift + (len(content) - shift) // _KEY_BYTES * _KEY_BYTES]
            words = np.frombuffer(part, np.uint64)
            nearest = self._keys[np.minimum(np.searchsorted(self._keys, words), len(self._keys) - 1)]
            places = np.flatnonzero(nearest == words)
            if len(places):
                return [*found, f"pixels of a frame at byte {int(places[0]) * _KEY_BYTES + shift}"]
        return found


def _pictures(content: bytes) -> list[int]:
    found = []
    for start in _STARTS:
        at = -1
        while (at := content.find(start, at + 1)) >= 0:
            if _decodes(content[at : at + _PICTURE_BYTES_MAX]):
                found.append(at)
    return found


def _decodes(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return min(image.size) >= _SIDE_MIN_PX
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # What begins as a picture by chance is none.
        return False


def _keys(frame: np.ndarray) -> np.ndarray:
    """Eight bytes of noise from each of many rows, in the orders in which pixels are kept."""
    gray = np.asarray(Image.fromarray(frame).convert("L"))
    found = []
    for pixels in (frame, frame[:, :, ::-1], gray):
        rows = np.ascontiguousarray(pixels[::48].reshape(len(pixels[::48]), -1))
        rows = rows[:, : rows.shape[1] // _KEY_BYTES * _KEY_BYTES].reshape(-1, _KEY_BYTES)
        different = (np.diff(np.sort(rows, axis=1), axis=1) != 0).sum(axis=1) + 1
        found.append(np.ascontiguousarray(rows[different >= _DIFFERENT_MIN]).view(np.uint64).ravel())
    return np.concatenate(found)
