"""A counter with a client, drawn by arithmetic: what the demo's eye sees where no camera is asked for.

Nobody is in it: the face is ellipses and a parabola, drawn as the tests draw theirs. The detector finds it, and the
model tells its smile, as they would a person's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.support.drawn_faces import drawn_face

WIDTH, HEIGHT = 640, 480
FPS = 5
FACE_SIDE = 170
# From when on, in seconds: how the client looks (-1 displeased, 0 calm, 1 smiling), None nobody is there.
SCRIPT = ((0.0, -0.6), (12.0, 1.0), (24.0, -0.6), (32.0, None), (40.0, None))
LENGTH_S = SCRIPT[-1][0]


def write_scene(folder: Path) -> Path:
    """Make the scene in `folder`, a JPEG file a frame, unless it is there; `folder`."""
    done = folder / "done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(frames()):
            image.save(folder / f"{number:04d}.jpg", quality=85)
        done.touch()
    return folder


def frames() -> Iterator[Image.Image]:
    """All frames, in order."""
    empty = _counter()
    for number in range(round(LENGTH_S * FPS)):
        at_s = number / FPS
        mood = next(mood for start_s, mood in reversed(SCRIPT) if start_s <= at_s)
        image = empty.copy()
        if mood is not None:
            _stand(image, mood, at_s)
        yield image.filter(ImageFilter.GaussianBlur(0.8))


def _counter() -> Image.Image:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    wall = np.stack([150 - y / 8 + x / 40, 160 - y / 8, 170 - y / 10 - x / 40], axis=2)
    image = Image.fromarray(wall.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 400, WIDTH, HEIGHT), fill=(92, 70, 52))
    draw.rectangle((40, 40, 180, 250), outline=(90, 96, 104), width=6)
    draw.rectangle((470, 70, 600, 160), fill=(60, 84, 110))
    return image


def _stand(image: Image.Image, mood: float, at_s: float) -> None:
    side = FACE_SIDE + round(6 * math.sin(at_s))
    left = WIDTH // 2 - side // 2 + round(18 * math.sin(at_s / 2.3))
    top = 120 + round(5 * math.sin(at_s / 1.7))
    draw = ImageDraw.Draw(image)
    middle = left + side // 2
    draw.ellipse((middle - side, top + side * 0.95, middle + side, top + side * 3), fill=(54, 62, 88))
    draw.ellipse((left + side * 0.02, top - side * 0.12, left + side * 0.98, top + side * 0.7), fill=(58, 44, 36))
    gray = drawn_face(mood, side, teeth=mood > 0.5)
    tinted = (gray[..., None] * np.array([1.0, 0.86, 0.76])).astype(np.uint8)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side * 2 - 1
    inside = Image.fromarray((((x / 0.78) ** 2 + (y / 0.98) ** 2 < 1) * 255).astype(np.uint8))
    image.paste(Image.fromarray(tinted), (left, top), inside)
