"""A camera that is a film or a folder of pictures: the simulated sibling of the others. The one driver with OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from drivers.contract import DriverError, EndOfStream, Frame, Loss, PixelFormat

_NS = 1_000_000_000
_PICTURES = {".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".bmp", ".webp"}
# What a container that does not know its rate claims lies outside of this.
_FPS_RANGE = (0.1, 240.0)
_FPS_UNKNOWN = 25.0


class Strip(Protocol):
    """A film, frame after frame."""

    fps: float

    def skip(self) -> bool:
        """Pass one frame over; False at the end."""

    def next(self) -> Frame | None:
        """The next frame, its stamp still 0; None at the end."""

    def rewind(self) -> None:
        """Begin anew."""


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is a single picture."""
    return Path(path).suffix.lower() in _PICTURES


class Folder:
    """The pictures of a folder in the order of their names, or a single one; fulfils `Strip`. Raises `DriverError`."""

    def __init__(self, path: str | os.PathLike[str], fps: float) -> None:
        self.fps = fps
        folder = Path(path)
        files = folder.iterdir() if folder.is_dir() else [folder]
        self._files = sorted(file for file in files if is_picture(file))
        self._at = 0
        if not self._files:
            raise DriverError(f"{path} holds no picture; give a folder of {', '.join(sorted(_PICTURES))} files")

    def skip(self) -> bool:
        """Pass a picture over."""
        self._at += 1
        return self._at <= len(self._files)

    def next(self) -> Frame | None:
        """The next picture, as its file is."""
        if not self.skip():
            return None
        file = self._files[self._at - 1]
        try:
            return Frame(0, 0, 0, 0, PixelFormat.ENCODED, file.read_bytes())
        except OSError as error:
            raise DriverError(f"picture {file} can't be read: {error.strerror}; check its permissions") from error

    def rewind(self) -> None:
        """Begin anew."""
        self._at = 0


class Film:
    """A film file that OpenCV can read; fulfils `Strip`. Raises `DriverError`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self.rewind()
        import cv2  # noqa: PLC0415 - thirty megabytes that only films need

        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if _FPS_RANGE[0] <= fps <= _FPS_RANGE[1] else _FPS_UNKNOWN

    def skip(self) -> bool:
        """Pass a frame over without making a picture of it."""
        return bool(self._capture.grab())

    def next(self) -> Frame | None:
        """The next frame in colour."""
        import cv2  # noqa: PLC0415 - as above

        if not self.skip():
            return None
        is_whole, bgr = self._capture.retrieve()
        if not is_whole:
            return None
        height, width = bgr.shape[:2]
        return Frame(0, 0, width, height, PixelFormat.RGB, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).tobytes())

    def rewind(self) -> None:
        """Open the file anew: not every format can be rewound."""
        import cv2  # noqa: PLC0415 - as above

        self._capture = cv2.VideoCapture(self._path)
        if not self._capture.isOpened():
            raise DriverError(f"{self._path} can't be read as a film; give a video file or a folder of pictures")


def open_strip(path: str | os.PathLike[str], fps: float) -> Strip:
    """What is at `path`; pictures come `fps` a second. Raises `DriverError`."""
    if not Path(path).exists():
        raise DriverError(f"{path} does not exist; give a film or a folder of pictures")
    return Folder(path, fps) if Path(path).is_dir() or is_picture(path) else Film(path)


class VideoCamera:
    """Plays `path` as a camera would see it; fulfils `Camera`, `simulated` is always true.

    Stamps are exact: frame n was exposed at t0 + n / rate, t0 being `clock_ns()` at construction; the rate is the
    film's own, or `fps` for pictures. A frame that is not asked for in time is passed over, as with a real camera.
    `loop` begins anew without a seam; otherwise `read` raises `EndOfStream` after the last frame.
    """

    simulated = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float,
        loop: bool = True,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._strip = open_strip(path, fps)
        self.source = f"video:{os.fspath(path)}"
        self._loop = loop
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._t0_ns = clock_ns()
        self._next = 0

    def read(self, after_ns: int) -> Frame | Loss:
        """See `Camera.read`."""
        rate = self._strip.fps
        number = max(-int(-(after_ns - self._t0_ns) * rate // _NS), self._next)
        while (stamp_ns := self._t0_ns + round(number * _NS / rate)) < after_ns:
            number += 1
        if (wait_ns := stamp_ns - self._clock_ns()) > 0:
            self._sleep(wait_ns / _NS)
        else:
            number = max(number, int((self._clock_ns() - self._t0_ns) * rate // _NS))
            stamp_ns = self._t0_ns + round(number * _NS / rate)
        while self._next < number:
            if not self._strip.skip():
                self._begin_anew()
                continue
            self._next += 1
        while (frame := self._strip.next()) is None:
            self._begin_anew()
        self._next += 1
        return Frame(stamp_ns, 0, frame.width, frame.height, frame.pixels, frame.data)

    def close(self) -> None:
        """Nothing is held open but a file, which goes with this object."""

    def _begin_anew(self) -> None:
        if not self._loop:
            raise EndOfStream(f"{self.source} is over after {self._next} frames; set eye.loop = true to repeat it")
        if self._next == 0:
            raise DriverError(f"{self.source} holds no frame; give another file")
        self._strip.rewind()
