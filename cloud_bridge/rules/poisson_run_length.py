"""How long a Poisson CUSUM runs until it calls: in closed form, with as many digits as its alternating sums eat up.

The level falls by `fall` in each unit of time, never below 0, and rises by `up` with each event; events come at `rate`;
it calls at `h`. Such a process has the expected first passage W(h)² / W′(h) − ∫₀ʰ W, where W is its scale function:
F. Avram, A. Kyprianou, M. Pistorius, Annals of Applied Probability 14 (2004) 215–238.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import ceil

from cloud_bridge.rules.errors import RuleError

_DIGITS = 40


def poisson_run_length(up: float, fall: float, rate: float, h: float) -> float:
    """Expected time from level 0 to the first level of `h` or more; raises `RuleError` unless all are more than 0."""
    if not (up > 0.0 and fall > 0.0 and rate > 0.0 and h > 0.0):
        raise RuleError(f"no process: up {up}, fall {fall}, rate {rate} and h {h} must be more than 0")
    with localcontext() as context:
        # The largest terms are of e^(2βh), the result may be of 1: twice the exponent's decimal digits are lost.
        context.prec = _DIGITS + 2 * ceil(rate / fall * h)
        step, height, beta = Decimal(up), Decimal(h), Decimal(rate) / Decimal(fall)
        value = slope = integral = Decimal(0)
        k, left = 0, height
        while left > 0:
            grown = (beta * left).exp()
            term = _power_term(-beta * left, k)
            value += term * grown
            slope += beta * term * grown
            if k:
                slope -= beta * _power_term(-beta * left, k - 1) * grown
            # ∫ (−βy)ᵏ / k! · e^(βy) over 0 … left, by parts.
            integral += (grown * _power_sum(-beta * left, k) - 1) / beta
            k, left = k + 1, left - step
        # W = value / fall, and the same divisor stands once in each term of the passage time.
        return float((value * value / slope - integral) / Decimal(fall))


def _power_term(x: Decimal, k: int) -> Decimal:
    term = Decimal(1)
    for i in range(1, k + 1):
        term *= x / i
    return term


def _power_sum(x: Decimal, k: int) -> Decimal:
    term = total = Decimal(1)
    for i in range(1, k + 1):
        term *= x / i
        total += term
    return total
