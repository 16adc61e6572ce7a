"""How probably a face smiles: the one thing the box asks the network. Its limits stand in MODEL_CARD.md."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from models import face_crop
from models.runtime import QuantisedNetwork

_FOLDER = Path(__file__).parent
_OUTPUT_STEPS = 256
_interpreter = Lock()


@dataclass(frozen=True)
class SmileModel:
    """What models/smile.json says of the weights in use.

    `version` goes into each record made with them; `threshold` is the θ of the Smile-Index: a face smiles where its
    probability is at least that. `slope` and `offset` are the calibration inside the weights, kept for the record.
    """

    version: str
    weights: str
    sha256: str
    size_bytes: int
    threshold: float
    slope: float
    offset: float


@cache
def smile_model() -> SmileModel:
    """The model that `smile_probability` uses."""
    return SmileModel(**json.loads((_FOLDER / "smile.json").read_text()))


def smile_probability(gray_faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The calibrated probability of a smile, float32 (n,) in 0..1 in steps of 1/256, for `gray_faces` uint8 (n, h, w).

    Each face is upright and fills its crop as `face_crop` describes; h and w are free, at least 1. The same faces give
    the same numbers, whatever was asked before, from any thread; n = 0 gives an empty result.

    Raises TypeError where the array is not uint8, ValueError where it is not three-dimensional or has empty faces or
    where the weights are not those of models/smile.json, ImportError where LiteRT is not installed.
    """
    if gray_faces.dtype != np.uint8:
        raise TypeError(f"gray_faces is {gray_faces.dtype}, not uint8: give grey levels 0..255")
    if gray_faces.ndim != 3 or 0 in gray_faces.shape[1:]:
        raise ValueError(f"gray_faces has shape {gray_faces.shape}, not (n, h, w) with h and w of at least 1")
    prepared = face_crop.prepare(gray_faces)[:, None, :, :, None]
    probability = np.empty(len(prepared), dtype=np.float32)
    with _interpreter:
        for index, one in enumerate(prepared):
            probability[index] = _network()(one)[0, 0] / _OUTPUT_STEPS
    return probability


@cache
def _network() -> QuantisedNetwork:
    model = smile_model()
    path = _FOLDER / model.weights
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise ValueError(f"{path} has SHA-256 {found}, not {model.sha256}: install the package anew")
    return QuantisedNetwork(content)
