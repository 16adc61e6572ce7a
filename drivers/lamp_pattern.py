"""What each pattern looks and sounds like, and the thread that plays it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.contract import Pattern


@dataclass(frozen=True, slots=True)
class Steps:
    """(on, seconds) pairs that repeat; `total_s` None: for ever, else the pattern ends after so many seconds."""

    pairs: tuple[tuple[bool, float], ...]
    total_s: float | None = None


_DARK = Steps(((False, 3600.0),))

LAMP: Mapping[Pattern, Steps] = {
    Pattern.OFF: _DARK,
    Pattern.READY: _DARK,
    Pattern.ACKNOWLEDGED: Steps(((True, 1.0),), 1.0),
    Pattern.REFUSED: Steps(((True, 0.05), (False, 0.15)), 2.0),
    Pattern.FAULT: Steps(((True, 0.1), (False, 1.9))),
    Pattern.IDENTIFY: Steps(((True, 0.125), (False, 0.125)), 10.0),
}

# A counter's buzzer never sounds for a fault: the clients would hear it.
BUZZER: Mapping[Pattern, Steps] = {
    Pattern.OFF: _DARK,
    Pattern.READY: _DARK,
    Pattern.ACKNOWLEDGED: Steps(((True, 0.1),), 0.1),
    # Silence: whoever has pressed before misses the sound that says that the press is safe.
    Pattern.REFUSED: Steps(((False, 0.1),), 0.1),
    Pattern.FAULT: _DARK,
    Pattern.IDENTIFY: Steps(((True, 0.1), (False, 0.9)), 10.0),
}


class PatternState:
    """Which level a pattern asks for at a given time. Pure: seconds are passed in.

    A pattern that ends falls back to the last one shown that does not end. Showing a pattern again begins it anew.
    """

    def __init__(self, patterns: Mapping[Pattern, Steps]) -> None:
        self._patterns = patterns
        self._lasting = Pattern.OFF
        self._shown = Pattern.OFF
        self._since_s = 0.0

    def show(self, pattern: Pattern, now_s: float) -> None:
        """Begin `pattern` at `now_s`; a lasting one does not cut short one that is just ending by itself."""
        if self._patterns[pattern].total_s is None:
            self._lasting = pattern
            if pattern is not Pattern.OFF and self._running(now_s):
                return
        self._shown, self._since_s = pattern, now_s

    def level(self, now_s: float) -> tuple[bool, float]:
        """Return (on, seconds until that may change)."""
        steps = self._patterns[self._shown]
        if steps.total_s is not None and not self._running(now_s):
            self._since_s += steps.total_s
            self._shown = self._lasting
            steps = self._patterns[self._shown]
        elapsed_s = now_s - self._since_s
        phase_s = elapsed_s % sum(seconds for _, seconds in steps.pairs)
        ends = itertools.accumulate(seconds for _, seconds in steps.pairs)
        on, left_s = next(
            ((on, end - phase_s) for (on, _), end in zip(steps.pairs, ends, strict=True) if phase_s < end),
            (steps.pairs[-1][0], 0.0),
        )
        if steps.total_s is not None:
            left_s = min(left_s, steps.total_s - elapsed_s)
        return on, left_s

    def _running(self, now_s: float) -> bool:
        total_s = self._patterns[self._shown].total_s
        return total_s is not None and now_s - self._since_s < total_s


class PatternPlayer:
    """Plays patterns on `set_on` from its own thread, which sleeps until a level has to change."""

    def __init__(self, name: str, patterns: Mapping[Pattern, Steps], set_on: Callable[[bool], None]) -> None:
        self._state = PatternState(patterns)
        self._set_on = set_on
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._play, name=f"lamp-{name}", daemon=True)
        self._thread.start()

    def show(self, pattern: Pattern) -> None:
        """Begin `pattern` and return at once."""
        with self._changed:
            self._state.show(pattern, time.monotonic())
            self._changed.notify()

    def close(self) -> None:
        """Stop, with the output off; harmless twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _play(self) -> None:
        with self._changed:
            while not self._closed:
                on, left_s = self._state.level(time.monotonic())
                self._set_on(on)
                # A wait of nothing would return before the clock has moved on.
                self._changed.wait(max(left_s, 0.001))
            self._set_on(False)
