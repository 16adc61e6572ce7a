"""The figures that the CUSUM must reach, computed and tried out beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.scores import BernoulliScores, worse_share
from cloud_bridge.rules.simulation import simulate_walk

TOLERANCE = 0.1
P0 = 0.005
ODDS_RATIO = 3.0
SHIFT = 3.0


@dataclass(frozen=True, slots=True)
class Golden:
    """For a threshold: customers between false alarms, customers until a threefold share is called."""

    h: float
    run_length: float
    delay: float


GOLDEN = (Golden(3.41, 9015.0, 441.0), Golden(4.44, 27_042.0, 598.0))


def check(runs: int, seed: int) -> Iterator[dict[str, Any]]:
    """One line a figure; `ok`: computed and simulated are within 10 % of it. Raises `RuleError` below 2 runs."""
    scores = BernoulliScores(P0, worse_share(P0, ODDS_RATIO))
    for golden in GOLDEN:
        for figure, expected, share in (("run_length", golden.run_length, P0), ("delay", golden.delay, SHIFT * P0)):
            computed = scores.run_length(golden.h, share)
            found = simulate_walk(scores.red, -scores.other, share, golden.h, runs, seed)
            near = [abs(value / expected - 1.0) <= TOLERANCE for value in (computed, found.run_length)]
            yield {
                "type": "golden",
                "figure": figure,
                "h": golden.h,
                "share": share,
                "expected_customers": expected,
                "computed_customers": round(computed, 1),
                "simulated_customers": round(found.run_length, 1),
                "standard_error": round(found.standard_error, 1),
                "runs": found.runs,
                "ok": all(near),
            }


def require(lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass the lines of `check` on; raises `RuleError` at the end where one is not ok."""
    failed = []
    for line in lines:
        yield line
        if not line["ok"]:
            failed.append(f"{line['figure']} at h = {line['h']}")
    if failed:
        raise RuleError(f"more than {TOLERANCE:.0%} off: {', '.join(failed)}")
