"""How long the rule "c events within a window" waits until chance alone fulfils it: Naus' approximation."""

from __future__ import annotations

from itertools import accumulate
from math import exp, lgamma, log

from cloud_bridge.rules.errors import RuleError


def window_run_length(count: int, mean: float) -> float:
    """Expected windows of time until `count` events lie within one (sliding) window that has `mean` on average.

    Raises `RuleError` unless count ≥ 1 and mean > 0. Within a few per cent where the wait is of several windows.
    J. I. Naus, Approximations for distributions of scan statistics, JASA 77 (1982) 177–183.
    """
    if count < 1 or not mean > 0.0:
        raise RuleError(f"no window rule: {count} events must be 1 or more, {mean} on average more than 0")
    if count == 1:
        return 1.0 / mean
    chances = _Poisson(2 * count, mean)
    one = chances.at_most(count - 1)
    two, three = _two_windows(count, mean, chances), _three_windows(count, mean, chances)
    if not 0.0 < three < two <= one <= 1.0:
        # Chance fulfils the rule practically at once, or (beyond what numbers tell) never.
        return 1.0 if two < 0.5 else float("inf")
    # The chance to wait longer than L windows, summed over L: trapezes up to two windows, then Naus' power.
    return (1.0 + one) / 2.0 + (one + two) / 2.0 + two / -log(three / two)


class _Poisson:
    """Chances of exactly and of at most n events, n up to `highest`; below 0 there is none."""

    def __init__(self, highest: int, mean: float) -> None:
        self._exactly = [exp(n * log(mean) - mean - lgamma(n + 1)) for n in range(highest + 1)]
        self._at_most = list(accumulate(self._exactly))

    def exactly(self, n: int) -> float:
        return self._exactly[n] if n >= 0 else 0.0

    def at_most(self, n: int) -> float:
        return min(1.0, self._at_most[n]) if n >= 0 else 0.0


def _two_windows(k: int, mean: float, chances: _Poisson) -> float:
    p, at_most = chances.exactly, chances.at_most
    return at_most(k - 1) ** 2 - (k - 1) * p(k) * p(k - 2) - (k - 1 - mean) * p(k) * at_most(k - 3)


def _three_windows(k: int, mean: float, chances: _Poisson) -> float:
    p, at_most = chances.exactly, chances.at_most
    a1 = 2.0 * p(k) * at_most(k - 1) * ((k - 1) * at_most(k - 2) - mean * at_most(k - 3))
    triple = (k - 1) * (k - 2) * at_most(k - 3) - 2.0 * (k - 2) * mean * at_most(k - 4)
    a2 = 0.5 * p(k) ** 2 * (triple + mean**2 * at_most(k - 5))
    a3 = sum(p(2 * k - r) * at_most(r - 1) ** 2 for r in range(1, k))
    a4 = sum(p(2 * k - r) * p(r) * ((r - 1) * at_most(r - 2) - mean * at_most(r - 3)) for r in range(2, k))
    return at_most(k - 1) ** 3 - a1 + a2 + a3 - a4
