"""What may be shown of a small group: nothing below 10, no rank and no interval below 50."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_bridge.analytics.errors import FigureError
from edge.wire.smile_index import SHOWN_FROM, Publishing, publishing


@dataclass(frozen=True, slots=True)
class Published:
    """A figure as it may be shown; what may not be shown is None, `n` of a hidden group included."""

    publishing: Publishing
    n: int | None
    value: float | None
    low: float | None
    high: float | None


def publishing_of(sizes: Sequence[int]) -> tuple[Publishing, ...]:
    """What may be shown of groups whose total is shown beside them, in their order.

    Where what is hidden has fewer than 10 together (and is not nothing), the total less the shown groups would give it
    away, so the smallest shown group is hidden with it, until it is enough or nothing is shown. Raises `FigureError`.
    """
    if any(n < 0 for n in sizes):
        raise FigureError(f"a group has {min(sizes)} members; it has 0 or more")
    found = [publishing(n) for n in sizes]
    still_shown = [place for place, how in enumerate(found) if how is not Publishing.HIDDEN]
    still_shown.sort(key=lambda place: sizes[place])
    hidden = sum(sizes) - sum(sizes[place] for place in still_shown)
    while 0 < hidden < SHOWN_FROM and still_shown:
        place = still_shown.pop(0)
        found[place] = Publishing.HIDDEN
        hidden += sizes[place]
    return tuple(found)


def published(
    n: int, value: float | None, low: float | None, high: float | None, how: Publishing | None = None
) -> Published:
    """Cut a figure to what may be shown. `how`: a stricter judgement, such as one of `publishing_of`."""
    (own,) = publishing_of([n])
    if Publishing.HIDDEN in {own, how}:
        return Published(Publishing.HIDDEN, None, None, None, None)
    if Publishing.UNRANKED in {own, how}:
        return Published(Publishing.UNRANKED, n, value, None, None)
    return Published(Publishing.RANKED, n, value, low, high)
