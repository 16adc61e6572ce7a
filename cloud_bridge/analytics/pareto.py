"""Causes in the order of their frequency, with intervals and with how sure that order is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.normal import CONFIDENCE
from cloud_bridge.analytics.share import Share, share, wilson


@dataclass(frozen=True, slots=True)
class Bar:
    """One cause. `share` is of the judged items; `cumulative` is of all mentions, 0 … 1, this bar included.

    With the report's confidence the cause's true place is in `place_low` … `place_high`, for all bars at once: places
    that overlap are an order by chance.
    """

    cause: str
    share: Share
    cumulative: float
    place_low: int
    place_high: int


@dataclass(frozen=True, slots=True)
class Pareto:
    """Bars, most frequent first; `items` were judged, `mentions` causes were named in them."""

    items: int
    mentions: int
    bars: tuple[Bar, ...]


def pareto(causes: Mapping[str, int], items: int, confidence: float = CONFIDENCE) -> Pareto:
    """Order causes, `causes` = name → items that have it; an item may have several causes or none.

    Raises `FigureError` where a cause is on more items than were judged. Equal counts are ordered by name.
    """
    for cause, count in causes.items():
        if not 0 <= count <= items:
            raise FigureError(f"cause {cause!r} is on {count} of {items} items; count each item once a cause")
    mentions = sum(causes.values())
    order = sorted(causes, key=lambda cause: (-causes[cause], cause))
    # Bonferroni: all intervals hold at once, hence also what follows from comparing them.
    joint = 1.0 - (1.0 - confidence) / max(1, len(order))
    bounds = {cause: wilson(causes[cause], items, joint) for cause in order}
    bars, so_far = [], 0
    for cause in order:
        so_far += causes[cause]
        surely_above = sum(bounds[other][0] > bounds[cause][1] for other in order)
        surely_below = sum(bounds[other][1] < bounds[cause][0] for other in order)
        cumulative = so_far / mentions if mentions else 0.0
        one = share(causes[cause], items, confidence)
        bars.append(Bar(cause, one, cumulative, 1 + surely_above, len(order) - surely_below))
    return Pareto(items, mentions, tuple(bars))
