"""The difference of two shares of one whole, in points of 100: what NPS and the Emotional Loyalty Index both are."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from cloud_bridge.analytics.errors import require_counts
from cloud_bridge.analytics.normal import CONFIDENCE, z_of


@dataclass(frozen=True, slots=True)
class NetShare:
    """100 · (positive − negative) / n with its interval, both in −100 … 100; `points` is None where `n` is 0."""

    positive: int
    negative: int
    n: int
    points: float | None
    low: float
    high: float


def net_share(positive: int, negative: int, n: int, confidence: float = CONFIDENCE) -> NetShare:
    """The net share with its adjusted Wald interval; raises `FigureError` unless positive + negative ≤ n.

    Three quarters of an observation are added to either side and twice that to the middle, so the interval's middle is
    not `points`. With few observations `points` at an end of the scale may lie outside; the interval is then widened to
    hold it. B. Rocks, Interval estimation for the Net Promoter Score, The American Statistician 70 (2016) 365–372,
    arXiv:1601.07235.
    """
    require_counts(n, "n", positive=positive, negative=negative)
    if n == 0:
        return NetShare(positive, negative, n, None, -100.0, 100.0)
    points = 100.0 * (positive - negative) / n
    adjusted = n + 3.0
    p, d = (positive + 0.75) / adjusted, (negative + 0.75) / adjusted
    half = z_of(confidence) * sqrt((p + d - (p - d) ** 2) / adjusted)
    low, high = 100.0 * (p - d - half), 100.0 * (p - d + half)
    return NetShare(positive, negative, n, points, max(-100.0, min(low, points)), min(100.0, max(high, points)))
