"""Figures as cells of a table: value, low and high, as far as their number of people lets them be shown."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_bridge.analytics.net_share import NetShare
from cloud_bridge.analytics.publishing import publishing_of
from cloud_bridge.analytics.share import Share
from cloud_bridge.reports.figures import Column, Kind, Value
from edge.wire.smile_index import Publishing

Cells = tuple[Value, Value, Value]
NOTHING: Cells = (None, None, None)


def figure_columns(key: str, kind: Kind) -> tuple[Column, Column, Column]:
    """The columns of one figure: itself and the ends of its interval."""
    return Column(key, kind), Column(f"{key}_low", kind), Column(f"{key}_high", kind)


def share_cells(share: Share | None, how: Publishing) -> Cells:
    """A share in percent."""
    if share is None or share.share is None:
        return NOTHING
    return _cut(100 * share.share, 100 * share.low, 100 * share.high, how)


def points_cells(net: NetShare | None, how: Publishing) -> Cells:
    """A difference of shares in points."""
    if net is None or net.points is None:
        return NOTHING
    return _cut(net.points, net.low, net.high, how)


def count_cell(count: int, how: Publishing) -> Value:
    """A number of people."""
    return None if how is Publishing.HIDDEN else count


def together(sizes: Sequence[int], *, total_shown: bool) -> tuple[Publishing, ...]:
    """What may be shown of groups; beside their total also not what the total would give away."""
    if total_shown:
        return publishing_of(sizes)
    return tuple(publishing_of([size])[0] for size in sizes)


def _cut(value: float, low: float, high: float, how: Publishing) -> Cells:
    if how is Publishing.HIDDEN:
        return NOTHING
    return (value, low, high) if how is Publishing.RANKED else (value, None, None)
