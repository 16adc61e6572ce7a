"""What is usual on each of several streams, when each alone has too few events to tell.

A rate learnt from ten events is off by a third, and thresholds on such rates call falsely far more often than allowed.
So each stream's own rate is drawn towards that of all streams, the more the less it tells by itself and the less the
streams differ from each other beyond chance (empirical Bayes, gamma prior by moments: D. G. Clayton, J. Kaldor,
Biometrics 43 (1987) 671–681). What remains uncertain is taken as one standard error to the side of fewer false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from msgspec import Struct


class Exposure(Struct, frozen=True):
    """Events of a stream, and how much there was for them to happen in: customers, or open time."""

    events: int
    amount: float


class Usual(Struct, frozen=True):
    """A rate of events a unit of exposure, and its standard error.

    `own` is the weight of the stream's own events in it, 0 to 1.
    """

    rate: float
    error: float
    own: float

    @property
    def cautious(self) -> float:
        """What thresholds are computed with."""
        return self.rate + self.error


def usual_rates(streams: Mapping[str, Exposure]) -> dict[str, Usual]:
    """The rate of each stream; none where there was no event at all or nothing for one to happen in."""
    total = sum(one.amount for one in streams.values())
    events = sum(one.events for one in streams.values())
    if total <= 0 or not events:
        return {}
    mean = events / total
    squares = sum(one.amount**2 for one in streams.values())
    spread = sum((one.events - mean * one.amount) ** 2 for one in streams.values())
    variance = max(0.0, spread - mean * (total - squares / total)) / squares
    if len(streams) == 1:
        return {stream: Usual(mean, sqrt(mean / total), 1.0) for stream in streams}
    if not variance:
        return dict.fromkeys(streams, Usual(mean, sqrt(mean / total), 0.0))
    prior = mean / variance
    found = {}
    for stream, one in streams.items():
        amount = one.amount + prior
        rate = (one.events + prior * mean) / amount
        found[stream] = Usual(rate, sqrt(rate / amount), one.amount / amount)
    return found
