"""Which detector finds faces, and what the model then says: `python -m bench.faces ../shared/data/smiles [N]`.

Scenes are composed from held-out faces of the training data, which is not in the repository: a cluttered picture of
640x480 pixels with faces in it, N of each kind. They have heads without hair, ears and shoulders, so a detector finds
fewer than in a room; what is compared are detectors and kinds. Prints the table of docs/EYE.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import cv2.data
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from edge.eye.detectors import make_detector
from edge.eye.find import BELIEVED, faces_in, look, whole_view
from edge.eye.picture import Picture
from models.face_align import aligned
from models.face_detector import Detection
from models.smile import smile_probability
from models.training.data import Faces, load

WIDTH, HEIGHT = 640, 480
Box = tuple[float, float, float]
"""Centre x, centre y, side."""


@dataclass(frozen=True)
class Kind:
    """How the faces of a scene are shown."""

    name: str
    side: int = 100
    faces: int = 1
    roll: float = 0.0
    narrow: float = 1.0
    light: float = 1.0
    glasses: bool = False


KINDS = (
    Kind("frontal, 100 px"),
    Kind("40 px", side=40),
    Kind("20 px", side=20),
    Kind("400 px", side=400),
    Kind("rolled by 30°", roll=30),
    Kind("turned away by 30° (narrowed)", narrow=0.8),
    Kind("glasses drawn on", glasses=True),
    Kind("light × 0.35", light=0.35),
    Kind("five people, 40–120 px", faces=5, side=0),
    Kind("nobody", faces=0),
)


def background(rng: np.random.Generator) -> Image.Image:
    """Clutter: gradients, rectangles, ellipses, lines, noise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    slopes = rng.uniform(-80, 80, (3, 2))
    planes = [rng.uniform(40, 200) + across * x + down * y for across, down in slopes]
    image = Image.fromarray(np.stack(planes, axis=2).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        fill = tuple(int(value) for value in rng.integers(0, 255, 3))
        left, right = sorted(rng.uniform(0, WIDTH, 2))
        top, bottom = sorted(rng.uniform(0, HEIGHT, 2))
        shape = int(rng.integers(3))
        if shape == 2:
            draw.line((left, top, right, bottom), fill=fill, width=int(rng.integers(1, 8)))
        else:
            (draw.rectangle if shape else draw.ellipse)((left, top, (left + right) / 2, bottom), fill=fill)
    smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))).astype(np.float32)
    return Image.fromarray((smooth + rng.normal(0, 4, (HEIGHT, WIDTH, 1))).clip(0, 255).astype(np.uint8))


def stand(image: Image.Image, gray: np.ndarray, box: Box, kind: Kind, rng: np.random.Generator) -> None:
    """Put one face into the picture, its edges soft."""
    x, y, side = box
    face = Image.fromarray(gray)
    if kind.glasses:
        face = face.resize((256, 256), Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(face)
        for centre in (82, 174):
            draw.ellipse((centre - 38, 74, centre + 38, 128), outline=25, width=9)
        draw.line((118, 97, 138, 97), fill=25, width=9)
    size = (max(round(side * kind.narrow), 1), round(side))
    face = face.resize(size, Image.Resampling.LANCZOS)
    tinted = Image.fromarray((np.asarray(face)[..., None] * np.array([1.0, 0.92, 0.84])).astype(np.uint8))
    mask = Image.new("L", (size[0] * 4, size[1] * 4))
    ImageDraw.Draw(mask).ellipse((size[0] * 0.1, 0, size[0] * 3.9, size[1] * 4.1), fill=255)
    tinted.putalpha(mask.resize(size).filter(ImageFilter.GaussianBlur(side / 40)))
    angle = kind.roll * (1 if rng.random() < 0.5 else -1)
    turned = tinted.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    image.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)), turned)


def scene(grays: np.ndarray, kind: Kind, rng: np.random.Generator) -> tuple[Image.Image, list[Box]]:
    """A picture of `kind` and where its faces are."""
    image = background(rng)
    boxes: list[Box] = []
    for gray in grays:
        side = kind.side or rng.uniform(40, 120)
        margin_x, margin_y = min(side * 0.75, WIDTH / 2), min(side * 0.75, HEIGHT / 2)
        for _ in range(50):
            box = (rng.uniform(margin_x, WIDTH - margin_x), rng.uniform(margin_y, HEIGHT - margin_y), side)
            if all(np.hypot(box[0] - x, box[1] - y) > (side + other) * 0.75 for x, y, other in boxes):
                break
        stand(image, gray, box, kind, rng)
        boxes.append(box)
    if kind.light != 1:
        dim = np.asarray(image) * kind.light + rng.normal(0, 2, (HEIGHT, WIDTH, 1))
        image = Image.fromarray(dim.clip(0, 255).astype(np.uint8))
    return image, boxes


def is_at(box: Box, x: float, y: float, width: float) -> bool:
    """Whether a found box is that face."""
    return abs(x - box[0]) < box[2] * 0.35 and abs(y - box[1]) < box[2] * 0.35 and 0.4 < width / box[2] < 2


def main() -> None:
    """Print the table."""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    faces = load(Path(sys.argv[1])).lfw_test
    faces = faces.where(faces.agreed)
    detect = make_detector("blazeface")
    cv2.setNumThreads(1)
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, "haarcascade_frontalface_default.xml")))
    finders: dict[str, Callable[[Picture], list[Any]]] = {
        "as `earshot smile`": lambda picture: faces_in(picture, detect),
        "one look": lambda picture: look(picture, whole_view(*picture.size), detect, BELIEVED),
        "Haar": lambda picture: list(cascade.detectMultiScale(picture.gray, 1.1, 5, minSize=(18, 18))),
    }
    head = [f"{name}: found, false a picture, ms" for name in finders]
    print("| scenes | " + " | ".join(head) + " | accuracy of smiles |")
    print("|---|" + "---|" * len(head) + "---|")
    for kind in KINDS:
        print(_row(kind, faces, finders, count), flush=True)


def _row(kind: Kind, faces: Faces, finders: dict[str, Callable[[Picture], list[Any]]], count: int) -> str:
    cells = []
    right = judged = 0
    for name, find in finders.items():
        rng = np.random.default_rng(7)
        found = wanted = false = 0
        spent_s = 0.0
        for _ in range(count):
            chosen = rng.choice(len(faces), kind.faces, replace=False)
            image, boxes = scene(faces.gray[chosen], kind, rng)
            picture = Picture(image)
            begin_s = time.process_time()
            found_faces = find(picture)
            spent_s += time.process_time() - begin_s
            spots = [_spot(face) for face in found_faces]
            hit = [any(is_at(box, *spot) for spot in spots) for box in boxes]
            found, wanted = found + sum(hit), wanted + len(boxes)
            false += sum(not any(is_at(box, *spot) for box in boxes) for spot in spots)
            if name == "as `earshot smile`":
                for face in found_faces:
                    index = next((i for i, box in enumerate(boxes) if is_at(box, *_spot(face))), None)
                    if index is not None:
                        smiles = float(smile_probability(aligned(picture.gray, face)[None])[0]) >= 0.5
                        right, judged = right + (smiles == bool(faces.smiles[chosen[index]])), judged + 1
        share = f"{found / wanted:.3f}" if wanted else "–"
        cells.append(f"{share}, {false / count:.2f}, {1000 * spent_s / count:.0f}")
    accuracy = f"{right / judged:.3f} of {judged}" if judged else "–"
    return f"| {kind.name} | {' | '.join(cells)} | {accuracy} |"


def _spot(face: Any) -> tuple[float, float, float]:
    """Centre and width of a detection, or of Haar's x, y, width, height."""
    x, y, width, height = (face.x, face.y, face.width, face.height) if isinstance(face, Detection) else face
    return x + width / 2, y + height / 2, width


if __name__ == "__main__":
    main()
