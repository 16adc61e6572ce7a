"""All lamps and buzzers of the box as one: who acknowledges which button, and what is shown when nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.contract import Indicator, Pattern

# Drivers end an identify pattern by themselves after so long; a longer one is shown again and again.
_IDENTIFY_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Lamp:
    """An indicator and the button that it acknowledges; None: every button."""

    indicator: Indicator
    button: str | None


class Lamps:
    """Shows ready or fault, acknowledgements and identify. Times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self, lamps: Mapping[str, Lamp]) -> None:
        self._lamps = lamps
        self._base: Pattern | None = None
        self._identify_until_ns = 0
        self._identify_next_ns: int | None = None

    def base(self, *, fault: bool) -> None:
        """Show what the box is like when nothing happens."""
        pattern = Pattern.FAULT if fault else Pattern.READY
        if pattern is not self._base:
            self._base = pattern
            self._show(pattern)

    def acknowledge(self, button: str) -> None:
        """Tell the person at `button` that the press is safe."""
        for lamp in self._lamps.values():
            if lamp.button in (None, button):
                lamp.indicator.show(Pattern.ACKNOWLEDGED)

    def refuse(self, button: str) -> None:
        """Tell the person at `button` that the press could not be kept."""
        for lamp in self._lamps.values():
            if lamp.button in (None, button):
                lamp.indicator.show(Pattern.REFUSED)

    def identify(self, seconds: int, now_ns: int) -> None:
        """Blink for so many seconds, to the next ten."""
        self._identify_until_ns = now_ns + seconds * 1_000_000_000
        self._identify_next_ns = now_ns
        self.tick(now_ns)

    def tick(self, now_ns: int) -> None:
        """Go on with identify."""
        if self._identify_next_ns is None or now_ns < self._identify_next_ns:
            return
        if now_ns >= self._identify_until_ns:
            self._identify_next_ns = None
            return
        self._show(Pattern.IDENTIFY)
        self._identify_next_ns += _IDENTIFY_NS

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do."""
        return self._identify_next_ns

    def close(self) -> None:
        """Dark, and the lines given back."""
        for lamp in self._lamps.values():
            lamp.indicator.show(Pattern.OFF)
            lamp.indicator.close()

    def _show(self, pattern: Pattern) -> None:
        for lamp in self._lamps.values():
            lamp.indicator.show(pattern)
