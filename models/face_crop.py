"""A face crop as the network sees it, in training as in use: resized to its input, its exposure evened out."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

INPUT_SIDE = 64
# A crop's mean and standard deviation after `standardise`; 2.2 deviations fit on both sides before clipping.
_MEAN_LEVEL = 128.0
_DEVIATION_LEVEL = 56.0
# A covered lens has deviations of one or two grey levels: amplifying those would show the network a face of noise.
_LEAST_DEVIATION = 6.0


def resize(gray: NDArray[np.uint8], side: int = INPUT_SIDE) -> NDArray[np.float32]:
    """`gray` (n, h, w) as (n, side, side) float32 grey levels 0..255.

    A triangle filter as wide as one output pixel when it shrinks, bilinear interpolation when it enlarges. A crop that
    is not square is stretched.
    """
    _, height, width = gray.shape
    pixels = gray.astype(np.float32)
    if height != side:
        pixels = _filter(height, side) @ pixels
    if width != side:
        pixels = pixels @ _filter(width, side).T
    return pixels


def standardise(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`pixels` (n, h, w) grey levels of any range with each crop's mean and contrast made equal, as uint8."""
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    deviation = pixels.std(axis=(1, 2), keepdims=True)
    gain = _DEVIATION_LEVEL / np.maximum(deviation, _LEAST_DEVIATION)
    levels = (pixels - mean) * gain + _MEAN_LEVEL
    whole: NDArray[np.uint8] = np.rint(levels).clip(0, 255).astype(np.uint8)
    return whole


def prepare(gray_faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`gray_faces` (n, h, w) as the network's input (n, INPUT_SIDE, INPUT_SIDE) uint8."""
    return standardise(resize(gray_faces))


@lru_cache(maxsize=64)
def _filter(length: int, side: int) -> NDArray[np.float32]:
    """The weights (side, length) with which each of `side` output pixels takes from `length` input pixels."""
    scale = length / side
    reach = max(scale, 1.0)
    centres = (np.arange(side) + 0.5) * scale
    distance = np.abs(np.arange(length) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(1.0 - distance, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
