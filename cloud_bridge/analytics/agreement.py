"""How far two people who judged the same items agree beyond chance: Cohen's κ."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.normal import CONFIDENCE, z_of
from cloud_bridge.analytics.share import Share, share

_NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Agreement:
    """κ in −1 … 1 with its interval, and the plain share of equal answers beside it.

    `kappa` and the bounds are None where κ has no meaning: no items, or both gave one and the same answer
    throughout, so that chance alone would have them agree.
    """

    items: int
    same: Share
    kappa: float | None
    low: float | None
    high: float | None


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], confidence: float = CONFIDENCE) -> Agreement:
    """κ = (pₒ − pₑ) / (1 − pₑ) of two judgements of the same items, in one order.

    Raises `FigureError` where one has more judgements than the other.
    J. Cohen, Educational and Psychological Measurement 20 (1960) 37–46; the standard error is the large-sample one of
    J. L. Fleiss, J. Cohen, B. S. Everitt, Psychological Bulletin 72 (1969) 323–327.
    """
    if len(first) != len(second):
        raise FigureError(f"{len(first)} judgements against {len(second)}; give both people's of the same items")
    n = len(first)
    same = share(sum(a == b for a, b in zip(first, second, strict=True)), n, confidence)
    if n == 0:
        return Agreement(0, same, None, None, None)
    number = {answer: place for place, answer in enumerate(dict.fromkeys((*first, *second)))}
    table = np.zeros((len(number), len(number)))
    np.add.at(table, ([number[a] for a in first], [number[b] for b in second]), 1.0 / n)
    rows, columns, diagonal = table.sum(axis=1), table.sum(axis=0), np.diag(table)
    observed, expected = float(diagonal.sum()), float(rows @ columns)
    if len(number) == 1:
        return Agreement(n, same, None, None, None)
    kappa = (observed - expected) / (1.0 - expected)
    agreeing = float((diagonal * (1.0 - (rows + columns) * (1.0 - kappa)) ** 2).sum())
    crossed = (columns[:, None] + rows[None, :]) ** 2
    off = table - np.diag(diagonal)
    differing = (1.0 - kappa) ** 2 * float((off * crossed).sum())
    variance = agreeing + differing - (kappa - expected * (1.0 - kappa)) ** 2
    if variance < _NO_VARIANCE:
        # Full agreement (or none at all) has a standard error of 0, however few items there are.
        low, high = ((bound - expected) / (1.0 - expected) for bound in (same.low, same.high))
        return Agreement(n, same, kappa, max(-1.0, low), min(1.0, high))
    half = z_of(confidence) * sqrt(variance / n) / (1.0 - expected)
    return Agreement(n, same, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
