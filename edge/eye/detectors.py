"""The face detectors that can be configured, all behind `find.Detect`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.eye.find import Detect
from models.face_detector import INPUT_SIDE, Detection, FaceDetector
from models.weights import detector_weights

# Haar's box reaches from the forehead to the lips; so much smaller is BlazeFace's, and so much lower.
_HAAR_SIZE = 0.86
_HAAR_DOWN = 0.08
# Where a Haar box's eyes are on the average: no cascade says where they are in this face, so it is never turned.
_EYES = ((0.32, 0.40), (0.68, 0.40))


def make_detector(name: str) -> Detect:
    """The detector `blazeface` or `haar`. Raises `WeightsAbsent`, ImportError."""
    return FaceDetector(detector_weights()) if name == "blazeface" else HaarDetector()


class HaarDetector:
    """OpenCV's cascade for frontal faces; fulfils `Detect`. It has no scores: what it finds counts as sure."""

    def __init__(self) -> None:
        import cv2  # noqa: PLC0415 - thirty megabytes that only this detector needs
        import cv2.data  # noqa: PLC0415 - the same

        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, "haarcascade_frontalface_default.xml")))

    def __call__(self, rgb: NDArray[np.uint8], least_score: float) -> list[Detection]:
        """The faces of a square; `least_score` changes nothing."""
        del least_score
        gray = np.ascontiguousarray(rgb[:, :, 1])
        found = self._cascade.detectMultiScale(gray, 1.1, 3, minSize=(20, 20))
        return [_detection(*(int(value) / INPUT_SIDE for value in box)) for box in found]


def _detection(x: float, y: float, width: float, height: float) -> Detection:
    points = [(x + across * width, y + down * height) for across, down in _EYES]
    points += [(x + width / 2, y + down * height) for down in (0.6, 0.8)] + [(x, y + height / 2)]
    points += [(x + width, y + height / 2)]
    side = _HAAR_SIZE * width
    return Detection(
        1.0,
        x + (width - side) / 2,
        y + (height - side) / 2 + _HAAR_DOWN * height,
        side,
        side,
        np.array(points, np.float32),
    )
