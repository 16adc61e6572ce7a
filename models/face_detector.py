"""BlazeFace (full range, sparse): where faces are in a square picture, and where their eyes are. Pure: pixels → boxes.

The network looks at 192x192 pixels and answers for 48x48 places, one face at most each: whether a face is centred
nearby, its box and six points of it, relative to that place. Its weights are others' work (Apache-2.0, the MediaPipe
authors) and not in the repository: `models/weights.py` names the file and its hash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.runtime import FloatNetwork

INPUT_SIDE = 192
_CELLS = 48
_KEY_POINTS = 6
# Beyond this a logit says no more, and exp() of it would overflow.
_LOGIT_MAX = 80.0
_MERGED_OVERLAP = 0.3

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detection:
    """One face, in units of the picture's side (0..1, may reach outside).

    `x`, `y` is the upper left corner of the box. `points` float32 (6, 2), each (x, y): the eye on the picture's left,
    the eye on its right, nose, mouth, the ear on the left, the ear on the right.
    """

    score: float
    x: float
    y: float
    width: float
    height: float
    points: Floats


class FaceDetector:
    """The network with its decoding. Not safe for two threads at a time.

    Raises ImportError where LiteRT is not installed, ValueError where `content` is another network.
    """

    def __init__(self, content: bytes) -> None:
        self._network = FloatNetwork(content)
        if self._network.input_shape != (1, INPUT_SIDE, INPUT_SIDE, 3):
            raise ValueError(
                f"the detector's weights take {self._network.input_shape}, not 192x192 RGB; run 'earshot models fetch'"
            )
        row, column = np.divmod(np.arange(_CELLS * _CELLS), _CELLS)
        self._centres: Floats = ((np.stack([column, row], axis=1) + 0.5) / _CELLS).astype(np.float32)

    def __call__(self, rgb: NDArray[np.uint8], least_score: float) -> list[Detection]:
        """The faces in `rgb` uint8 (192, 192, 3) whose score is at least `least_score`, the surest first."""
        pixels = rgb.astype(np.float32)
        pixels *= 2 / 255
        pixels -= 1
        raw, logits = self._network(pixels[None])
        clipped = np.clip(logits[0, :, 0], -_LOGIT_MAX, _LOGIT_MAX)
        scores: Floats = (1 / (1 + np.exp(-clipped))).astype(np.float32)
        chosen = np.flatnonzero(scores >= least_score)
        return merged(scores[chosen], self._decoded(raw[0, chosen], chosen)) if len(chosen) else []

    def _decoded(self, raw: Floats, cells: NDArray[np.intp]) -> Floats:
        """(n, 8, 2): centre, size and the six points, in units of the picture."""
        values: Floats = (raw / np.float32(INPUT_SIDE)).reshape(-1, 2 + _KEY_POINTS, 2)
        centres = self._centres[cells][:, None]
        values[:, :1] += centres
        values[:, 2:] += centres
        return values


def merged(scores: Floats, values: Floats) -> list[Detection]:
    """Answers of neighbouring places for one face made one: their mean, weighted by score (`values` as decoded)."""
    found = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        overlap = _overlaps(values[left[0]], values[left])
        # The best itself has no overlap with itself where its box is empty.
        same = overlap > _MERGED_OVERLAP
        same[0] = True
        weights = scores[left[same]]
        mean = np.tensordot(weights / weights.sum(), values[left[same]], axes=1)
        (x, y), (width, height) = mean[0], mean[1]
        corner = (float(x - width / 2), float(y - height / 2))
        found.append(Detection(float(weights[0]), *corner, float(width), float(height), mean[2:].astype(np.float32)))
        left = left[~same]
    return found


def _overlaps(one: Floats, others: Floats) -> Floats:
    """Intersection over union of the box of `one` (8, 2) with those of `others` (n, 8, 2)."""
    low = np.maximum(one[0] - one[1] / 2, others[:, 0] - others[:, 1] / 2)
    high = np.minimum(one[0] + one[1] / 2, others[:, 0] + others[:, 1] / 2)
    common = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(one[1]) + np.prod(others[:, 1], axis=1) - common
    ratio: Floats = common / np.maximum(union, np.finfo(np.float32).tiny)
    return ratio
