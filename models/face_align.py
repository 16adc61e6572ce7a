"""A face cut out of a picture as the smile model wants it: upright by the eyes, from the forehead to under the chin."""

import math

import numpy as np
from numpy.typing import NDArray

from models.face_crop import INPUT_SIDE
from models.face_detector import Detection

# The crop of the training data in terms of BlazeFace's box: so much larger, its centre so much of the box higher.
CROP_OF_BOX = 1.10
CROP_UP = 0.055
# Beyond this the eyes are found wrongly, or the face is not one that the model was trained for.
_ROLL_MAX = math.radians(60)


def roll(face: Detection) -> float:
    """By how much the face leans, in radians; positive: its right eye in the picture is the lower one."""
    (left_x, left_y), (right_x, right_y) = face.points[:2].tolist()
    return math.atan2(right_y - left_y, right_x - left_x)


def aligned(gray: NDArray[np.uint8], face: Detection) -> NDArray[np.uint8]:
    """The crop of `face`, in pixels of `gray` (h, w): uint8, of the size that the model takes.

    What lies outside of the picture repeats its edge.
    """
    angle = roll(face)
    if abs(angle) > _ROLL_MAX:
        angle = 0.0
    size = (face.width + face.height) / 2
    side = max(CROP_OF_BOX * size, 1.0)
    along, across = math.cos(angle), math.sin(angle)
    centre_x = face.x + face.width / 2 + CROP_UP * size * across
    centre_y = face.y + face.height / 2 - CROP_UP * size * along
    patch, shrink, left, top = _patch(gray, centre_x, centre_y, side)
    # Twice as many samples where there is more to see: each pixel of the crop is then the mean of four.
    finer = 1 if side / shrink <= INPUT_SIDE else 2
    pixels = finer * INPUT_SIDE
    steps = ((np.arange(pixels) + 0.5) / pixels - 0.5) * side
    x = centre_x + steps[None, :] * along - steps[:, None] * across
    y = centre_y + steps[None, :] * across + steps[:, None] * along
    levels = _sampled(patch, (x - left) / shrink - 0.5, (y - top) / shrink - 0.5)
    blocks = levels.reshape(INPUT_SIDE, finer, INPUT_SIDE, finer)
    whole: NDArray[np.uint8] = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return whole


def _patch(gray: NDArray[np.uint8], x: float, y: float, side: float) -> tuple[NDArray[np.float32], int, int, int]:
    """The surroundings of a crop, made so much smaller that its side is 64 to 128 pixels: patch, factor, corner."""
    height, width = gray.shape
    reach = side * math.sqrt(0.5) + 2
    left, top = (min(max(math.floor(at - reach), 0), size - 1) for at, size in ((x, width), (y, height)))
    right, bottom = (max(math.ceil(at + reach), low + 1) for at, low in ((x, left), (y, top)))
    patch = gray[top:bottom, left:right]
    shrink = max(int(side / INPUT_SIDE), 1)
    if shrink == 1:
        return patch.astype(np.float32), 1, left, top
    rows, columns = -(-patch.shape[0] // shrink), -(-patch.shape[1] // shrink)
    padding = ((0, rows * shrink - patch.shape[0]), (0, columns * shrink - patch.shape[1]))
    blocks = np.pad(patch, padding, mode="edge").reshape(rows, shrink, columns, shrink)
    return blocks.mean(axis=(1, 3), dtype=np.float32), shrink, left, top


def _sampled(patch: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
    """`patch` at the places (x, y), bilinear."""
    height, width = patch.shape
    x = np.clip(x, 0, width - 1).astype(np.float32)
    y = np.clip(y, 0, height - 1).astype(np.float32)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x -= left
    y -= top
    flat = patch.ravel()
    top *= width
    bottom *= width
    upper = flat[top + left] * (1 - x) + flat[top + right] * x
    lower = flat[bottom + left] * (1 - x) + flat[bottom + right] * x
    levels: NDArray[np.float32] = upper * (1 - y) + lower * y
    return levels
