"""Laney's p′ chart: days of many customers, whose share varies by more (or less) than chance alone would make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from cloud_bridge.analytics.errors import FigureError, require_counts

SIGMAS = 3.0
_MOVING_RANGE_OF_TWO = 1.128
"""d₂: the mean range of two standard normal values, 2 / √π."""


@dataclass(frozen=True, slots=True)
class Day:
    """One subgroup; share, limits and `z` are None where nobody was there. `beyond`: outside its limits."""

    count: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    z: float | None
    beyond: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """What limits are drawn from: the mean share and σ_z, how much more the days vary than chance would make them."""

    mean: float
    sigma_z: float
    subgroups: int


@dataclass(frozen=True, slots=True)
class LaneyChart:
    """A chart and the baseline of its limits."""

    baseline: Baseline
    days: tuple[Day, ...]


def laney_chart(counts: Sequence[tuple[int, int]], baseline: Baseline | None = None) -> LaneyChart:
    """The chart of subgroups (count, n) in their order; limits from `baseline`, or else from these subgroups.

    Raises `FigureError` where there is no baseline and fewer than two subgroups have customers.
    D. B. Laney, Improved control charts for attributes, Quality Engineering 14 (2002) 531–537.
    """
    used = baseline if baseline is not None else laney_baseline(counts)
    return LaneyChart(used, tuple(_day(count, n, used) for count, n in counts))


def laney_baseline(counts: Sequence[tuple[int, int]]) -> Baseline:
    """Mean share and σ_z = mean moving range of the standardised shares / 1.128; raises `FigureError`, see above."""
    for count, n in counts:
        require_counts(n, "n", count=count)
    there = [(count, n) for count, n in counts if n]
    if len(there) < 2:
        raise FigureError(f"{len(there)} subgroups have customers; σ_z needs at least two, limits worth reading twenty")
    mean = sum(count for count, _ in there) / sum(n for _, n in there)
    if mean in {0.0, 1.0}:
        return Baseline(mean, 1.0, len(there))
    z = [_z(count, n, mean) for count, n in there]
    ranges = [abs(after - before) for before, after in pairwise(z)]
    return Baseline(mean, sum(ranges) / len(ranges) / _MOVING_RANGE_OF_TWO, len(there))


def _day(count: int, n: int, baseline: Baseline) -> Day:
    require_counts(n, "n", count=count)
    if n == 0:
        return Day(0, 0, None, None, None, None, beyond=False)
    value = count / n
    half = SIGMAS * baseline.sigma_z * _sigma(n, baseline.mean)
    low, high = max(0.0, baseline.mean - half), min(1.0, baseline.mean + half)
    z = None if baseline.mean in {0.0, 1.0} else _z(count, n, baseline.mean)
    return Day(count, n, value, low, high, z, beyond=not low <= value <= high)


def _sigma(n: int, mean: float) -> float:
    return sqrt(mean * (1.0 - mean) / n)


def _z(count: int, n: int, mean: float) -> float:
    return (count / n - mean) / _sigma(n, mean)
