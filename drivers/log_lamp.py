"""A lamp that writes what it would show: the simulated sibling of `gpio_lamp`."""

from __future__ import annotations

from collections.abc import Callable

from drivers.contract import Pattern


class LogLamp:
    """Passes one line a pattern to `write`; fulfils `Indicator`."""

    simulated = True

    def __init__(self, name: str, write: Callable[[str], None]) -> None:
        self._name = name
        self._write = write

    def show(self, pattern: Pattern) -> None:
        """Write the pattern's name."""
        self._write(f"simulated lamp {self._name}: {pattern}")

    def close(self) -> None:
        """Nothing is held."""
