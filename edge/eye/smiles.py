"""`earshot smile`: what the model says of pictures and films that an engineer has, one record a face or a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from drivers.camera_video import open_strip
from drivers.contract import DriverError
from edge.eye.cropped import cropped_probability
from edge.eye.find import Detect, faces_in
from edge.eye.picture import BadPicture, Picture, picture_of, read_picture
from edge.eye.watch import Seen, Watch
from models.face_align import aligned
from models.smile import smile_probability

# Frames of a film that are looked at, as the eye looks at a camera's.
_FPS = 5.0
# A file that begins so is a film; everything else is tried as a picture first.
_FILMS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mjpeg", ".mjpg", ".wmv", ".3gp", ".ogv"}
_NS = 1_000_000_000

Record = dict[str, Any]


class Unreadable(Exception):
    """A file is neither a picture nor a film; the message names it."""


def smiles_of(file: Path, detect: Detect) -> Iterator[Record]:
    """Records of `file`: `file`, `box` [x, y, width, height] in pixels and `probability`.

    A picture has one for each face, the largest first, or a single one with nulls where it has none. A film has one for
    each `second`: the mean over its frames of the client's probability, the box in the last of them, nulls where no
    face was seen in it. Raises `Unreadable`.
    """
    if file.suffix.lower() not in _FILMS:
        try:
            picture = _read(file)
        except BadPicture:
            yield from _film(file, detect)
            return
        yield from _picture(file, picture, detect)
        return
    yield from _film(file, detect)


def smile_of_cropped(file: Path, detect: Detect | None) -> Record:
    """The record of a picture that is one face; its box is the whole picture. Raises `Unreadable`."""
    try:
        picture = _read(file)
    except BadPicture as error:
        raise Unreadable(f"{file}: {error}") from error
    width, height = picture.size
    return _record(file, [0, 0, width, height], cropped_probability(picture.gray, detect))


def _read(file: Path) -> Picture:
    try:
        return read_picture(file.read_bytes())
    except OSError as error:
        raise Unreadable(f"{file} can't be read: {error.strerror}") from error


def _picture(file: Path, picture: Picture, detect: Detect) -> Iterator[Record]:
    faces = faces_in(picture, detect)
    for face in faces:
        probability = float(smile_probability(aligned(picture.gray, face)[None])[0])
        yield _record(file, [face.x, face.y, face.width, face.height], probability)
    if not faces:
        yield _record(file, None, None)


def _film(file: Path, detect: Detect) -> Iterator[Record]:
    second = 0
    seen: list[Seen] = []
    for at_s, one in _watched(file, detect):
        if int(at_s) != second:
            yield _of_second(file, second, seen)
            second, seen = int(at_s), []
        seen.append(one)
    if not seen:
        raise Unreadable(f"{file} is neither a picture nor a film that holds one")
    yield _of_second(file, second, seen)


def _watched(file: Path, detect: Detect) -> Iterable[tuple[float, Seen]]:
    watch = Watch(detect, smile_probability)
    try:
        strip = open_strip(file, _FPS)
        step = max(round(strip.fps / _FPS), 1)
        number = 0
        while (frame := strip.next()) is not None:
            at_s = number / strip.fps
            yield at_s, watch.see(picture_of(frame), round(at_s * _NS))
            if not all(strip.skip() for _ in range(step - 1)):
                return
            number += step
    except (DriverError, BadPicture) as error:
        raise Unreadable(f"{file}: {error}") from error


def _of_second(file: Path, second: int, seen: list[Seen]) -> Record:
    faces = [(one.client, one.probability) for one in seen if one.client is not None]
    if not faces:
        return _record(file, None, None, second)
    mean = sum(probability or 0.0 for _, probability in faces) / len(faces)
    last = faces[-1][0]
    return _record(file, [last.x, last.y, last.width, last.height], mean, second)


def _record(file: Path, box: list[float] | None, probability: float | None, second: int | None = None) -> Record:
    return {
        "file": str(file),
        **({} if second is None else {"second": second}),
        "box": None if box is None else [round(value) for value in box],
        "probability": None if probability is None else round(probability, 4),
    }
