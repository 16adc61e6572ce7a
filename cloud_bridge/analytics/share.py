"""A share of a whole with Wilson's interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from cloud_bridge.analytics.errors import require_counts
from cloud_bridge.analytics.normal import CONFIDENCE, z_of


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n` as a share in 0 … 1 with its interval; where `n` is 0, `share` is None and the interval 0 … 1."""

    count: int
    n: int
    share: float | None
    low: float
    high: float


def share(count: int, n: int, confidence: float = CONFIDENCE) -> Share:
    """A share with its Wilson score interval; raises `FigureError` unless 0 ≤ count ≤ n.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927) 209–212.
    """
    low, high = wilson(count, n, confidence)
    return Share(count, n, count / n if n else None, low, high)


def wilson(count: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of count / n, within 0 … 1; raises `FigureError` unless 0 ≤ count ≤ n."""
    require_counts(n, "n", count=count)
    if n == 0:
        return 0.0, 1.0
    z = z_of(confidence)
    p, weight = count / n, z * z / n
    middle = (p + weight / 2.0) / (1.0 + weight)
    half = z * sqrt(p * (1.0 - p) / n + weight / (4.0 * n)) / (1.0 + weight)
    # At the ends the bound is the end itself; rounding must not make it a hair more or less.
    return (0.0 if count == 0 else max(0.0, middle - half), 1.0 if count == n else min(1.0, middle + half))
