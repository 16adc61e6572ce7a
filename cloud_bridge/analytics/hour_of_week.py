"""The hour-of-week heat map: what happens when, in the local time of the place, whatever its clock changes do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.normal import CONFIDENCE, z_of
from cloud_bridge.analytics.share import Share, share
from edge.wire.smile_index import Publishing, publishing

HOURS = 168
_QUARTER_NS = 900_000_000_000
_QUARTERS_AN_HOUR = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ShareCell:
    """One hour of the week: the customers with an event among all customers of it."""

    weekday: int
    hour: int
    share: Share
    publishing: Publishing


@dataclass(frozen=True, slots=True)
class RateCell:
    """One hour of the week where customers are not counted: events an hour, with the score interval of a Poisson rate.

    `hours` says how often this hour of the week was in the period; where it is 0, the rate and the bounds are None.
    """

    weekday: int
    hour: int
    count: int
    hours: float
    rate_per_hour: float | None
    low: float | None
    high: float | None


def hour_of_week(wall_ns: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int16]:
    """Instants (Unix ns, shape [n]) → hours of the local week (shape [n]): 0 is Monday 00–01, 167 Sunday 23–24.

    Today's zones differ from UTC by whole quarters of an hour, so each quarter is converted once, however many instants
    it holds.
    """
    quarters, where = np.unique(np.asarray(wall_ns, dtype=np.int64) // _QUARTER_NS, return_inverse=True)
    hours = np.fromiter((_hour(int(quarter), zone) for quarter in quarters), dtype=np.int16, count=quarters.size)
    return hours[where.reshape(-1)]


def hours_of_period(begin_ns: int, end_ns: int, zone: ZoneInfo) -> npt.NDArray[np.float64]:
    """How many hours of each hour of the week (shape [168]) lie in begin … end, counted in whole quarters.

    An hour that a clock change skips or repeats counts as often as it was. Raises `FigureError` for end < begin.
    """
    if end_ns < begin_ns:
        raise FigureError(f"the period ends at {end_ns} ns, before its beginning at {begin_ns} ns")
    quarters = np.arange(begin_ns // _QUARTER_NS, -(-end_ns // _QUARTER_NS), dtype=np.int64)
    return _count(quarters * _QUARTER_NS, zone) / _QUARTERS_AN_HOUR


def heat_map(
    customers_ns: npt.NDArray[np.int64], has_event: npt.NDArray[np.bool_], zone: ZoneInfo
) -> tuple[ShareCell, ...]:
    """168 cells from Monday 00 on: of the customers (instants, shape [n]) those with an event (shape [n]).

    Raises `FigureError` where the shapes differ.
    """
    instants, flags = np.asarray(customers_ns, dtype=np.int64), np.asarray(has_event, dtype=bool)
    if instants.shape != flags.shape or instants.ndim != 1:
        raise FigureError(f"customers have shape {instants.shape} and flags {flags.shape}; give one flag a customer")
    totals, counts = _count(instants, zone), _count(instants[flags], zone)
    return tuple(
        ShareCell(hour // 24, hour % 24, share(int(counts[hour]), int(totals[hour])), publishing(int(totals[hour])))
        for hour in range(HOURS)
    )


def rate_map(
    events_ns: npt.NDArray[np.int64], period_ns: tuple[int, int], zone: ZoneInfo, confidence: float = CONFIDENCE
) -> tuple[RateCell, ...]:
    """168 cells from Monday 00 on: events (instants, shape [n]) an hour within `period_ns` = (begin, end left out)."""
    begin_ns, end_ns = period_ns
    instants = np.asarray(events_ns, dtype=np.int64)
    hours = hours_of_period(begin_ns, end_ns, zone)
    counts = _count(instants[(instants >= begin_ns) & (instants < end_ns)], zone)
    return tuple(_rate_cell(hour, int(counts[hour]), float(hours[hour]), z_of(confidence)) for hour in range(HOURS))


def _rate_cell(hour: int, count: int, hours: float, z: float) -> RateCell:
    if hours == 0.0:
        return RateCell(hour // 24, hour % 24, count, hours, None, None, None)
    middle, half = count + z * z / 2.0, z * sqrt(count + z * z / 4.0)
    low = 0.0 if count == 0 else (middle - half) / hours
    return RateCell(hour // 24, hour % 24, count, hours, count / hours, low, (middle + half) / hours)


def _count(instants_ns: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    return np.bincount(hour_of_week(instants_ns, zone), minlength=HOURS)


def _hour(quarter: int, zone: ZoneInfo) -> int:
    local = (_EPOCH + timedelta(seconds=quarter * 900)).astimezone(zone)
    return local.weekday() * 24 + local.hour
