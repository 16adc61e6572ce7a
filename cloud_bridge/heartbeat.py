"""Proof that a loop goes round: the loop beats, who feeds the watchdog listens."""

from __future__ import annotations

import time
from collections.abc import Callable

IDLE_S = 5.0
"""A loop that has nothing to do beats at least this often."""
STALL_S = 300.0
"""A loop that is silent for longer stands still. Longer than any single call to database or blob store takes."""


class Heartbeat:
    """One loop's pulse. `beat` and `is_stalled` may be called from different threads."""

    def __init__(self, name: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._monotonic_s = monotonic_s
        self._last_s = monotonic_s()

    def beat(self) -> None:
        """The loop has come round."""
        self._last_s = self._monotonic_s()

    @property
    def silent_s(self) -> float:
        """Seconds since the last beat."""
        return self._monotonic_s() - self._last_s

    @property
    def is_stalled(self) -> bool:
        """Whether the loop stands still."""
        return self.silent_s > STALL_S
