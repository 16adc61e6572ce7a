"""Failures of service that are planted into an invented history, for an expert system to find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

_DAY_NS = 86_400_000_000_000


class Kind(StrEnum):
    """What goes wrong."""

    QUEUE = "queue"
    RUDENESS = "rudeness"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Failure:
    """From `from_ns` to `until_ns` (Unix) the odds of a red press are `odds` times as high, appeals `appeals` times.

    It strikes all of `site`, or its counter number `counter` alone, or there one `employee` alone.
    """

    kind: Kind
    site: str
    counter: int | None
    employee: int | None
    from_ns: int
    until_ns: int
    odds: float
    appeals: float

    def strikes(self, site: str, counter: int, employee: int, at_ns: int) -> bool:
        """Whether a customer of `counter` of `site`, served by `employee`, meets it."""
        return (
            self.from_ns <= at_ns < self.until_ns
            and site == self.site
            and self.counter in {None, counter}
            and self.employee in {None, employee}
        )

    def red_share(self, usual: float) -> float:
        """The share of red presses during the failure."""
        odds = self.odds * usual / (1 - usual)
        return odds / (1 + odds)


def plant(
    random: np.random.Generator, sites: tuple[str, ...], employees: int, start_ns: int, end_ns: int
) -> tuple[Failure, ...]:
    """Three failures in the last two thirds of the time, so that each follows a time without any.

    `sites` names the site of each counter. With fewer than three counters they share places.
    """
    places = random.permutation(len(sites))
    queue, rude, outage = (int(places[n % len(sites)]) for n in range(3))
    span_ns = end_ns - start_ns

    def day(share: float) -> int:
        return start_ns + int(span_ns * share) // _DAY_NS * _DAY_NS

    queue_ns, rude_ns, outage_ns = day(0.4), day(0.6), day(0.8)
    return (
        Failure(Kind.QUEUE, sites[queue], queue, None, queue_ns, queue_ns + 3 * _DAY_NS, 8.0, 2.0),
        Failure(Kind.RUDENESS, sites[rude], rude, int(random.integers(employees)), rude_ns, end_ns, 10.0, 3.0),
        Failure(Kind.OUTAGE, sites[outage], None, None, outage_ns, outage_ns + _DAY_NS, 12.0, 10.0),
    )
