"""NPS, CSAT and CES: each figure carries its variant, because the same name is computed in several ways elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.net_share import NetShare, net_share
from cloud_bridge.analytics.normal import CONFIDENCE, t_of
from cloud_bridge.analytics.share import Share, share

NPS_VARIANT = "nps:0-10:promoters-9-10:detractors-0-6"
CSAT_VARIANT = "csat:1-5:satisfied-4-5"
CES_VARIANT = "ces:1-7:made-it-easy:agree-5-7"

Histogram = Mapping[int, int]
"""Answers a point of the scale."""


@dataclass(frozen=True, slots=True)
class Nps:
    """Net Promoter Score, −100 … 100, over `net.n` answers."""

    variant: str
    net: NetShare


@dataclass(frozen=True, slots=True)
class Csat:
    """Customer satisfaction: the share of 4 and 5 of 5, over `satisfied.n` answers."""

    variant: str
    satisfied: Share


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with Student's interval, cut to the scale; None without values, the bounds also with a single one."""

    n: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Ces:
    """Customer effort, "the company made it easy": the mean of 1 … 7 and the share of 5 to 7, over `easy.n` answers."""

    variant: str
    mean: Mean
    easy: Share


def nps(answers: Histogram, confidence: float = CONFIDENCE) -> Nps:
    """NPS = 100 (p₉₋₁₀ − p₀₋₆); raises `FigureError` for an answer outside 0 … 10."""
    n = _total(answers, 0, 10, "NPS")
    return Nps(NPS_VARIANT, net_share(_within(answers, 9, 10), _within(answers, 0, 6), n, confidence))


def csat(answers: Histogram, confidence: float = CONFIDENCE) -> Csat:
    """CSAT = the share of 4 and 5; raises `FigureError` for an answer outside 1 … 5."""
    n = _total(answers, 1, 5, "CSAT")
    return Csat(CSAT_VARIANT, share(_within(answers, 4, 5), n, confidence))


def ces(answers: Histogram, confidence: float = CONFIDENCE) -> Ces:
    """CES = mean and share of 5 … 7; raises `FigureError` for an answer outside 1 … 7."""
    n = _total(answers, 1, 7, "CES")
    return Ces(CES_VARIANT, _mean(answers, n, (1.0, 7.0), confidence), share(_within(answers, 5, 7), n, confidence))


def _total(answers: Histogram, lowest: int, highest: int, name: str) -> int:
    for point, count in answers.items():
        if not lowest <= point <= highest:
            raise FigureError(f"{name} answer {point} is outside {lowest} … {highest}; it belongs to another scale")
        if count < 0:
            raise FigureError(f"{name} answer {point} has {count} answers; a count is 0 or more")
    return sum(answers.values())


def _within(answers: Histogram, lowest: int, highest: int) -> int:
    return sum(count for point, count in answers.items() if lowest <= point <= highest)


def _mean(answers: Histogram, n: int, scale: tuple[float, float], confidence: float) -> Mean:
    if n == 0:
        return Mean(0, None, None, None)
    mean = sum(point * count for point, count in answers.items()) / n
    if n == 1:
        return Mean(1, mean, None, None)
    variance = sum(count * (point - mean) ** 2 for point, count in answers.items()) / (n - 1)
    half = t_of(confidence, n - 1) * sqrt(variance / n)
    return Mean(n, mean, max(scale[0], mean - half), min(scale[1], mean + half))
