"""Run lengths by trying out, to hold the computed ones against."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from cloud_bridge.rules.errors import RuleError


@dataclass(frozen=True, slots=True)
class Simulated:
    """The mean of `runs` run lengths and its standard error, in steps."""

    run_length: float
    standard_error: float
    runs: int


def simulate_walk(up: float, down: float, p: float, h: float, runs: int, seed: int) -> Simulated:
    """Run the walk of `run_length` until it calls, `runs` times; raises `RuleError` for fewer than 2 runs."""
    if runs < 2:
        raise RuleError(f"{runs} runs have no standard error; take 2 or more")
    random = np.random.default_rng(seed)
    level, steps, running = np.zeros(runs), np.zeros(runs), np.arange(runs)
    while running.size:
        gap = random.geometric(p, running.size)
        steps[running] += gap
        level[running] = np.maximum(0.0, level[running] - (gap - 1) * down) + up
        running = running[level[running] < h]
    return Simulated(float(steps.mean()), float(steps.std(ddof=1)) / sqrt(runs), runs)
