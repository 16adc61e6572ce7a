"""One measured figure and the floor that it is compared with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` and `floor` are in `unit`; `ratio` is how many times dearer (or slower) than the floor we are.

    `floor_name` says what the floor is; a figure without a floor (`floor is None`) stands for itself.
    """

    area: str
    name: str
    value: float
    unit: str
    floor_name: str = ""
    floor: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """1.0 = as cheap as the floor; 2.0 = twice as dear."""
        if self.floor is None or not self.value or not self.floor:
            return None
        return self.floor / self.value if self.more_is_better else self.value / self.floor

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def alternating(ours: Callable[[], float], floor: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Medians of two measurements taken in turn, so that a busy moment of the machine meets both."""
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def seconds(work: Callable[[], object], repeat: int = 1) -> float:
    """Wall seconds of one call, averaged over `repeat` calls."""
    begin = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - begin) / repeat


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]
