"""A face that somebody else has cut out already: what the model says of several cuts of it, together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.eye.find import BELIEVED, Detect
from models.face_align import aligned
from models.face_crop import INPUT_SIDE as CROP_SIDE
from models.face_detector import INPUT_SIDE
from models.smile import smile_probability

# As large as the detector likes a face; the rest of its square is as bright as the face on the average.
_SHOWN_SIDE = 48
# The least that the model's own steps can tell.
_LEAST = 1 / 512


def cropped_probability(gray: NDArray[np.uint8], detect: Detect | None) -> float:
    """The probability that the face which fills `gray` (h, w) smiles.

    The mean, in log-odds, over the picture as it is and, where `detect` finds the face in it, cut and turned anew; each
    also mirrored. Crops of other makers are wider, tighter or turned: this costs some of them half of their errors.
    """
    crops = [np.asarray(Image.fromarray(gray).resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BILINEAR))]
    if detect is not None and (again := _cut_anew(gray, detect)) is not None:
        crops.append(again)
    pairs = np.stack([*crops, *(crop[:, ::-1] for crop in crops)])
    probability = np.clip(smile_probability(pairs).astype(np.float64), _LEAST, 1 - _LEAST)
    odds = np.log(probability / (1 - probability)).mean()
    return float(1 / (1 + np.exp(-odds)))


def _cut_anew(gray: NDArray[np.uint8], detect: Detect) -> NDArray[np.uint8] | None:
    height, width = gray.shape
    scale = _SHOWN_SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    left, top = (INPUT_SIDE - size[0]) // 2, (INPUT_SIDE - size[1]) // 2
    square = Image.new("L", (INPUT_SIDE, INPUT_SIDE), round(float(gray.mean())))
    square.paste(Image.fromarray(gray).resize(size, Image.Resampling.BILINEAR), (left, top))
    found = detect(np.asarray(square.convert("RGB")), BELIEVED)
    if not found:
        return None
    face = found[0]
    corner = np.array([left, top], np.float32)
    face = replace(
        face,
        x=(face.x * INPUT_SIDE - left) / scale,
        y=(face.y * INPUT_SIDE - top) / scale,
        width=face.width * INPUT_SIDE / scale,
        height=face.height * INPUT_SIDE / scale,
        points=((face.points * INPUT_SIDE - corner) / scale).astype(np.float32),
    )
    return aligned(gray, face)
