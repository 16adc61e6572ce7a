"""The score of a filled check-list: Σ wᵢ sᵢ / Σ wᵢ over the items that apply; a failed auto-fail item makes it 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from cloud_bridge.analytics.errors import FigureError


class Mark(StrEnum):
    """What was found, where a mark is not a number. UNKNOWN is no failure: nobody could tell, or nobody has looked."""

    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Item:
    """One answered item: `mark` is 0 (not met) … 1 (met), or why there is none.

    `auto_fail`: not fully met makes the whole 0.
    """

    name: str
    weight: float
    mark: float | Mark
    auto_fail: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """The score over the items that have a mark, 0 … 1; None where there is none.

    Unknown items leave it open: the whole truth is in `low` … `high` (all unknown failed … all met).
    `applicable_weight` holds the unknown ones, too. `failed_by` names the auto-fail items that made the score 0.
    """

    score: float | None
    low: float | None
    high: float | None
    applicable_weight: float
    unknown_weight: float
    failed_by: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left open that could change the score."""
        return self.low == self.high


def score(items: Iterable[Item]) -> Score:
    """The score of a filled check-list; raises `FigureError` for weights ≤ 0, marks outside 0 … 1 and doubled names."""
    every = list(items)
    _require(every)
    known, unknown, failed_by, points = 0.0, 0.0, [], 0.0
    may_fail = False
    for item in every:
        if item.mark is Mark.NOT_APPLICABLE:
            continue
        if isinstance(item.mark, Mark):
            unknown += item.weight
            may_fail = may_fail or item.auto_fail
            continue
        known += item.weight
        points += item.weight * item.mark
        if item.auto_fail and item.mark < 1.0:
            failed_by.append(item.name)
    whole = known + unknown
    if whole == 0.0:
        return Score(None, None, None, 0.0, 0.0, ())
    if failed_by:
        return Score(0.0, 0.0, 0.0, whole, unknown, tuple(failed_by))
    low = 0.0 if may_fail else points / whole
    return Score(points / known if known else None, low, (points + unknown) / whole, whole, unknown, ())


def _require(items: list[Item]) -> None:
    names = set()
    for item in items:
        if item.name in names:
            raise FigureError(f"item {item.name!r} is answered twice; keep one answer")
        names.add(item.name)
        if not (isfinite(item.weight) and item.weight > 0.0):
            raise FigureError(f"item {item.name!r} has weight {item.weight}; a weight is more than 0")
        if not isinstance(item.mark, Mark) and not 0.0 <= item.mark <= 1.0:
            raise FigureError(f"item {item.name!r} has mark {item.mark}; a mark is 0 … 1")
