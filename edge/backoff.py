"""Full-jitter back-off: the wait before attempt n is uniform between 0 and a bound that doubles up to a cap.

Thousands of boxes that lost one broker at one moment come back spread over the whole bound and not in waves.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_DOUBLINGS_MAX = 40


@dataclass(frozen=True, slots=True)
class Backoff:
    """Bounds of the random wait: `min_ns` for the first attempt, never more than `max_ns`."""

    min_ns: int
    max_ns: int

    def wait_ns(self, attempt: int, rng: random.Random) -> int:
        """The wait before the repetition number `attempt` (from 1), uniform in [0, bound]."""
        doublings = min(max(attempt - 1, 0), _DOUBLINGS_MAX)
        return rng.randint(0, min(self.max_ns, self.min_ns << doublings))
