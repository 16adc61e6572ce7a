"""Figures of merit, each a few lines of numpy."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """A step of the calibration curve: `count` faces, their mean prediction, the share of them that smile."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share; (0, 1) for no trials."""
    if not trials:
        return 0.0, 1.0
    z, share = 1.96, successes / trials
    middle = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return (middle - reach) / whole, (middle + reach) / whole


def auc(probability: Floats, smiles: Bools) -> float:
    """The area under the ROC curve; ties count one half. NaN where one of the classes is empty."""
    positives = int(smiles.sum())
    negatives = len(smiles) - positives
    if not positives or not negatives:
        return math.nan
    _, place, count = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[smiles].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_curve(probability: Floats, smiles: Bools, bins: int = 10) -> list[Bin]:
    """Equal steps of probability that hold any face."""
    step = np.minimum((probability * bins).astype(int), bins - 1)
    return [
        Bin(i / bins, (i + 1) / bins, int(here.sum()), float(probability[here].mean()), float(smiles[here].mean()))
        for i in range(bins)
        if (here := step == i).any()
    ]


def expected_calibration_error(probability: Floats, smiles: Bools) -> float:
    """The mean distance between prediction and observation, weighted by the faces of each of ten steps."""
    curve = calibration_curve(probability, smiles)
    return sum(one.count * abs(one.predicted - one.observed) for one in curve) / len(smiles)


def platt(logits: Floats, wanted: Floats) -> tuple[float, float]:
    """`slope` and `offset` for which sigmoid(slope·logit + offset) has the least cross entropy to `wanted` (Newton)."""
    slope_offset = np.array([1.0, 0.0])
    design = np.stack([logits.astype(np.float64), np.ones(len(logits))], axis=1)
    for _ in range(30):
        probability = 1 / (1 + np.exp(-design @ slope_offset))
        slant = design.T @ (probability - wanted)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design
        slope_offset -= np.linalg.solve(curvature, slant)
    return float(slope_offset[0]), float(slope_offset[1])
