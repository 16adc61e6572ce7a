"""A camera's frame as a picture: decoded, upright, cut to the region; squares for the detector, JPEG for the ring."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageOps

from drivers.contract import Frame, PixelFormat
from models.face_detector import INPUT_SIDE

Rect = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

_WHOLE: Rect = (0, 0, 1, 1)
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
_QUALITY = 80
# Of a face so few pixels are left when it is made unrecognisable; what is left holds nothing to sharpen.
_BLURRED_SIDE = 16


class BadPicture(ValueError):
    """The bytes are no whole picture; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class View:
    """A square part of a picture, in its pixels; it may reach beyond the picture, where it is black."""

    x: float
    y: float
    side: float


class Picture:
    """An upright picture: one image in the mode in which it came, or brightness and two planes of colour.

    Planes of colour may have fewer pixels. Nothing is converted unasked, and of what is asked only what is needed.
    """

    def __init__(self, image: Image.Image, *colour: Image.Image) -> None:
        self._bands = (image, *colour)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._bands[0].size

    @cached_property
    def gray(self) -> NDArray[np.uint8]:
        """The brightness, uint8 (h, w)."""
        image = self._bands[0]
        return np.asarray(image.getchannel(0) if image.mode == "YCbCr" else image.convert("L"))

    def square(self, view: View) -> NDArray[np.uint8]:
        """What is in `view` as the detector wants it: RGB uint8 (192, 192, 3)."""
        width, height = self.size
        left, top = max(view.x, 0.0), max(view.y, 0.0)
        right, bottom = min(view.x + view.side, width), min(view.y + view.side, height)
        scale = INPUT_SIDE / view.side
        inside = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
        square = Image.new("RGB", (INPUT_SIDE, INPUT_SIDE))
        part = self._part((left, top, right, bottom), inside)
        square.paste(part, (round((left - view.x) * scale), round((top - view.y) * scale)))
        return np.asarray(square)

    def contrast(self) -> float:
        """The standard deviation of its brightness in grey levels, noise of single pixels left out."""
        return float(np.asarray(self._bands[0].resize((32, 24), Image.Resampling.BOX).convert("L")).std())

    def small(self, side_max: int) -> Image.Image:
        """The picture in RGB, at most `side_max` pixels on its longer side."""
        scale = min(side_max / max(self.size), 1.0)
        size = (max(round(self.size[0] * scale), 1), max(round(self.size[1] * scale), 1))
        return self._part((0, 0, *self.size), size)

    def turned(self, degrees: int) -> Picture:
        """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
        return self if not degrees else Picture(*(band.transpose(_TURNS[degrees]) for band in self._bands))

    def cut(self, region: Rect) -> Picture:
        """The part of it that is `region`, in shares of its width and height."""
        x, y, across, down = region
        return (
            self if region == _WHOLE else Picture(*(_cut(band, (x, y, x + across, y + down)) for band in self._bands))
        )

    def _part(self, box: tuple[float, float, float, float], size: tuple[int, int]) -> Image.Image:
        """What is in `box` (left, top, right, bottom), of another size, in RGB."""
        parts = []
        for band in self._bands:
            across, down = (mine / whole for mine, whole in zip(band.size, self.size, strict=True))
            own = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
            parts.append(band.resize(size, Image.Resampling.BILINEAR, own, reducing_gap=1.1))
        return (parts[0] if len(parts) == 1 else Image.merge("YCbCr", parts)).convert("RGB")


def picture_of(frame: Frame, *, rotate: int = 0, region: Rect = _WHOLE) -> Picture:
    """The picture of `frame`, turned clockwise by `rotate` degrees, then cut to `region` (shares, as a `Rect`).

    Raises `BadPicture`.
    """
    return _decoded(frame).turned(rotate).cut(region)


def read_picture(content: bytes) -> Picture:
    """The picture in a JPEG or PNG file, turned as the file says. Raises `BadPicture`."""
    return Picture(_opened(content, turn=True))


def blurred(image: Image.Image, client: Rect | None, others: Sequence[Rect]) -> Image.Image:
    """`image` with everything but the face of `client` made unrecognisable.

    A face that no detector found is hidden so, too. Where the box of another face reaches into the client's, it is
    hidden all the same. Without a client nothing stays.
    """
    few = (min(_BLURRED_SIDE, image.width), min(_BLURRED_SIDE, image.height))
    hidden = image.resize(few, Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)
    if client is None:
        return hidden
    shown = Image.new("L", image.size)
    ImageDraw.Draw(shown).ellipse(_grown(client, 1.3), fill=255)
    for other in others:
        mask = Image.new("L", image.size, 255)
        ImageDraw.Draw(mask).ellipse(_grown(other, 1.3), fill=0)
        shown = ImageChops.darker(shown, mask)
    return Image.composite(image, hidden, shown)


def as_jpeg(image: Image.Image, bytes_max: int) -> bytes:
    """`image` as JPEG of at most `bytes_max`, in the best quality that fits. Raises ValueError where none does."""
    for quality in (_QUALITY, 60, 40, 20):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() <= bytes_max:
            return out.getvalue()
    raise ValueError(f"a picture of {image.size} pixels does not fit into {bytes_max} bytes of JPEG")


def _grown(box: Rect, times: float) -> tuple[float, float, float, float]:
    x, y, width, height = box
    more_x, more_y = width * (times - 1) / 2, height * (times - 1) / 2
    return (x - more_x, y - more_y, x + width + more_x, y + height + more_y)


def _decoded(frame: Frame) -> Picture:
    match frame.pixels:
        case PixelFormat.ENCODED:
            return Picture(_opened(frame.data, turn=False))
        case PixelFormat.RGB:
            return Picture(Image.frombytes("RGB", (frame.width, frame.height), frame.data))
        case PixelFormat.YUYV:
            pairs = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width // 2, 4)
            brightness = np.ascontiguousarray(pairs[:, :, 0::2]).reshape(frame.height, frame.width)
            colour = (np.ascontiguousarray(pairs[:, :, at]) for at in (1, 3))
            return Picture(Image.fromarray(brightness), *(Image.fromarray(plane) for plane in colour))


def _cut(image: Image.Image, shares: tuple[float, float, float, float]) -> Image.Image:
    left, top = round(shares[0] * image.width), round(shares[1] * image.height)
    right, bottom = round(shares[2] * image.width), round(shares[3] * image.height)
    return image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _opened(content: bytes, *, turn: bool) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(content))
        # A JPEG holds YCbCr: its brightness is all that most of the work needs, so it is not turned into RGB.
        image.draft("YCbCr", image.size)
        image.load()
        if turn:
            image = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPicture(f"no whole picture: {error}") from error
    return image if image.mode in {"RGB", "YCbCr", "L"} else image.convert("RGB")
