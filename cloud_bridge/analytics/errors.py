"""The one error of this package."""

from __future__ import annotations


class FigureError(ValueError):
    """Counts that cannot be: the message names the value, its bound and what to look at."""


def require_counts(n: int, n_name: str, **counts: int) -> None:
    """Raise `FigureError` unless `n` ≥ 0 and each count lies in 0 … n and they do not exceed it together."""
    if n < 0:
        raise FigureError(f"{n_name} is {n}; a denominator is 0 or more")
    for name, count in counts.items():
        if count < 0:
            raise FigureError(f"{name} is {count}; a count is 0 or more")
    if sum(counts.values()) > n:
        named = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise FigureError(f"{named} of {n_name} {n}: the parts exceed the whole; look for doubled or unlinked records")
