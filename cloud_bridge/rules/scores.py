"""What a CUSUM adds and takes away: log likelihood ratios of the worse state against the usual one."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p

from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.poisson_run_length import poisson_run_length
from cloud_bridge.rules.run_length import walk_run_length


@dataclass(frozen=True, slots=True)
class BernoulliScores:
    """A share of customers: `p0` is usual, `p1` is to be found quickly. A step is a served customer.

    M. R. Reynolds, Z. G. Stoumbos, A CUSUM chart for monitoring a proportion when inspecting continuously, Journal of
    Quality Technology 31 (1999) 87–108.
    """

    p0: float
    p1: float

    def __post_init__(self) -> None:
        """Raise `RuleError` unless 0 < p0 < p1 < 1."""
        if not 0.0 < self.p0 < self.p1 < 1.0:
            raise RuleError(
                f"p0 {self.p0} and p1 {self.p1}: the usual share lies above 0, the worse one above it, below 1"
            )

    @property
    def red(self) -> float:
        """Added for a customer with an event."""
        return log(self.p1 / self.p0)

    @property
    def other(self) -> float:
        """Added for a customer without one; negative."""
        return log1p(-self.p1) - log1p(-self.p0)

    def run_length(self, h: float, p: float | None = None) -> float:
        """Expected customers until an alarm while the share is `p` (left out: p0). Raises `RuleError`."""
        return walk_run_length(self.red, -self.other, self.p0 if p is None else p, h)


@dataclass(frozen=True, slots=True)
class PoissonScores:
    """A rate of events where customers are not counted: `ratio` times the usual rate is to be found quickly.

    Time is measured in usual gaps: 1 is the mean time between two events while all is as usual.
    J. M. Lucas, Counted data CUSUM's, Technometrics 27 (1985) 129–144.
    """

    ratio: float

    def __post_init__(self) -> None:
        """Raise `RuleError` unless the ratio is more than 1."""
        if not self.ratio > 1.0:
            raise RuleError(f"ratio {self.ratio}: the worse rate is a multiple of the usual one, more than 1")

    @property
    def event(self) -> float:
        """Added for an event."""
        return log(self.ratio)

    @property
    def gap(self) -> float:
        """Added for each usual gap of time; negative."""
        return 1.0 - self.ratio

    def run_length(self, h: float, ratio: float = 1.0) -> float:
        """Expected usual gaps of time until an alarm while the rate is `ratio` times the usual. Raises `RuleError`."""
        return poisson_run_length(self.event, -self.gap, ratio, h)


def worse_share(p0: float, odds_ratio: float) -> float:
    """The share whose odds are `odds_ratio` times those of `p0`; raises `RuleError`."""
    if not (0.0 < p0 < 1.0 and odds_ratio > 1.0):
        raise RuleError(f"p0 {p0} must lie within 0 and 1 and the odds ratio {odds_ratio} above 1")
    odds = odds_ratio * p0 / (1.0 - p0)
    return odds / (1.0 + odds)
