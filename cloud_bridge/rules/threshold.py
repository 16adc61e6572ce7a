"""From "at most k false alarms a manager a month" to the threshold of each rule and stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import floor

from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores
from cloud_bridge.rules.window_chance import window_run_length

_STEP = 100
"""Thresholds are whole hundredths: what is shown is what is used."""
_RUN_LENGTH_MAX = 1e12
"""Beyond it the chance of a call sinks into rounding."""
_COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and what it means: `run_length` while all is as usual, `delay` after the shift it looks for.

    Both in customers (Bernoulli CUSUM), usual gaps between events (Poisson CUSUM) or windows (window rule, whose delay
    is not told: None).
    """

    h: float
    run_length: float
    delay: float | None


def allowed_run_length(a_month: float, false_alarms_a_month: float) -> float:
    """The run length at which `a_month` steps (customers, gaps, windows) give that many false alarms a month.

    An alarm is cleared before the next can begin, and each cycle begins at 0, so that alarms are never more frequent
    than one a run length. Raises `RuleError` unless both are more than 0.
    """
    if not (a_month > 0.0 and false_alarms_a_month > 0.0):
        raise RuleError(
            f"{a_month} steps and {false_alarms_a_month} false alarms a month: both must be more than 0; "
            "a rule that may never be wrong can never call"
        )
    return a_month / false_alarms_a_month


@lru_cache(maxsize=4096)
def solve_bernoulli(scores: BernoulliScores, run_length: float) -> Threshold:
    """The smallest h (in hundredths) that one event alone does not reach and whose run length is at least `run_length`.

    In customers. Raises `RuleError`.
    """
    return bernoulli_threshold(scores, _smallest(scores.run_length, run_length, scores.red))


def bernoulli_threshold(scores: BernoulliScores, h: float) -> Threshold:
    """What a given h means; raises `RuleError`."""
    return Threshold(h, scores.run_length(h), scores.run_length(h, scores.p1))


@lru_cache(maxsize=4096)
def solve_poisson(scores: PoissonScores, run_length: float) -> Threshold:
    """The smallest h (in hundredths) that one event alone does not reach and whose run length is at least `run_length`.

    In usual gaps. Raises `RuleError`.
    """
    return poisson_threshold(scores, _smallest(scores.run_length, run_length, scores.event))


def poisson_threshold(scores: PoissonScores, h: float) -> Threshold:
    """What a given h means; raises `RuleError`."""
    return Threshold(h, scores.run_length(h), scores.run_length(h, scores.ratio))


def solve_window(mean: float, run_length: float) -> Threshold:
    """The smallest count, 2 or more, that chance reaches less than once in `run_length` windows; raises `RuleError`."""
    low, high = 2, 4
    while window_run_length(high, mean) < run_length:
        low, high = high, 2 * high
        if high > _COUNT_MAX:
            raise RuleError(f"{mean} events a window on average are too many for this rule; take a shorter window")
    while low < high:
        middle = (low + high) // 2
        if window_run_length(middle, mean) < run_length:
            low = middle + 1
        else:
            high = middle
    return Threshold(float(low), window_run_length(low, mean), None)


def _smallest(run_length_of: Callable[[float], float], wanted: float, one_event: float) -> float:
    """A run length never falls as h grows, so halving finds the first hundredth that is enough."""
    if not 0.0 < wanted <= _RUN_LENGTH_MAX:
        raise RuleError(f"a run length of {wanted:.3g} cannot be solved for; allow more false alarms")
    low = floor(one_event * _STEP) + 1
    high = 2 * low
    while run_length_of(high / _STEP) < wanted:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if run_length_of(middle / _STEP) < wanted:
            low = middle + 1
        else:
            high = middle
    return low / _STEP
