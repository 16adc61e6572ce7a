"""How long a CUSUM runs until it calls: computed exactly, not looked up.

The walk goes down by `down` with each ordinary step, never below 0, and up by `up` with each counted one, which has the
chance `p`; it calls at `h`. Every level it can reach between two zeros is some number of ups less some number of downs,
so the expected visits of all levels follow one from the other, one up after the other. No grid is laid over the levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log

import numpy as np
import numpy.typing as npt

from cloud_bridge.rules.errors import RuleError

_NEGLIGIBLE = 1e-15
_EXPONENT_MAX = 500.0

Floats = npt.NDArray[np.float64]


def walk_run_length(up: float, down: float, p: float, h: float) -> float:
    """Expected steps from 0 until the walk first reaches `h`, the last one included.

    Raises `RuleError` unless up, down and h are more than 0 and 0 < p < 1. May be infinite for rounding where a call is
    less likely than 10⁻¹⁵ an excursion.
    """
    if not (up > 0.0 and down > 0.0 and h > 0.0 and 0.0 < p < 1.0):
        raise RuleError(f"no walk: up {up}, down {down}, h {h} must be more than 0 and p {p} within 0 and 1")
    called, steps = 0.0, 0.0
    for calls, visits in _levels(up, down, p, h):
        called += calls
        steps += visits
    # An excursion begins with the first counted step out of 0; excursions repeat until one calls.
    return (1.0 / p + steps) / called if called else float("inf")


def _levels(up: float, down: float, p: float, h: float) -> Iterator[tuple[float, float]]:
    """A number of ups at a time: the chance to call with the last of them, the expected steps before the next."""
    stays = 1.0 - p
    ups, first = 1, 0
    arriving: Floats = np.ones(1)
    while True:
        levels = ups * up - (first + np.arange(arriving.size)) * down
        calling = int((levels >= h).sum())
        called = float(arriving[:calling].sum())
        arriving, first = arriving[calling:], first + calling
        if arriving.sum() < _NEGLIGIBLE:
            yield called, 0.0
            return
        # The last index whose level is still above 0; one more down ends the excursion.
        last = ceil(ups * up / down) - 1
        padded = np.zeros(max(last - first + 1, arriving.size))
        padded[: arriving.size] = arriving
        visits = _decaying_sums(padded, stays)
        yield called, float(visits.sum())
        arriving, ups = visits * p, ups + 1


def _decaying_sums(values: Floats, factor: float) -> Floats:
    """Find y where y[i] = values[i] + factor · y[i - 1]."""
    block = max(1, int(_EXPONENT_MAX / -log(factor)))
    found, carried = np.empty_like(values), 0.0
    for begin in range(0, values.size, block):
        part = values[begin : begin + block]
        powers = factor ** np.arange(part.size)
        found[begin : begin + block] = powers * (np.cumsum(part / powers) + factor * carried)
        carried = float(found[min(begin + block, values.size) - 1])
    return found
