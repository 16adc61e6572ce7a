"""The detector's weights: others' work (the MediaPipe authors, Apache-2.0), fetched at set-up, never in the repository.

They are one file of one release of the package mediapipe, whichever machine that was built for.
"""

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

FOLDER_VARIABLE = "EARSHOT_MODELS"
# Below a virtual environment.
PLACE = "share/earshot/models"
DETECTOR = "face_detection_full_range_sparse.tflite"
DETECTOR_SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
# What to download and where in it the file is. The code of that package is neither installed nor run.
PACKAGE = "mediapipe==0.10.18"
PACKAGE_SHA256 = "12db0f7b1cc18e2e3f604f6e95020b82c214c470d7d94ff32eeb8f8729a45ec3"
PACKAGE_PYTHON = "3.11"
PACKAGE_PLATFORM = "manylinux_2_17_x86_64"
MEMBER = f"mediapipe/modules/face_detection/{DETECTOR}"


class WeightsAbsent(Exception):
    """The detector's weights are not on this machine, or not whole; the message says what to do."""


def folder() -> Path:
    """Where the weights are: of the virtual environment that runs, or what `EARSHOT_MODELS` names."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path(sys.prefix) / PLACE


def is_right(content: bytes) -> bool:
    """Whether these are the detector's weights."""
    return hashlib.sha256(content).hexdigest() == DETECTOR_SHA256


def is_there() -> bool:
    """Whether a file is in its place; whether it is whole, `detector_weights` tells."""
    return (folder() / DETECTOR).is_file()


@cache
def detector_weights() -> bytes:
    """The content of the file. Raises `WeightsAbsent`."""
    path = folder() / DETECTOR
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsAbsent(
            f"the face detector {path} can't be read ({error.strerror}); run 'earshot models fetch'"
        ) from error
    if not is_right(content):
        raise WeightsAbsent(f"the face detector {path} is not whole; run 'earshot models fetch'")
    return content
