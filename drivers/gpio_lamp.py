"""A lamp or a buzzer on a GPIO line."""

from __future__ import annotations

from typing import Any

from drivers.contract import Pattern
from drivers.gpio_line import open_output
from drivers.lamp_pattern import BUZZER, LAMP, PatternPlayer


class GpioLamp:
    """An LED or an active buzzer (`buzzer=True`), on = high; fulfils `Indicator`.

    Construction claims the line and raises `DriverError` where it can't. Acknowledged lasts 1 s (buzzer: 0.1 s),
    refused 2 s, identify 10 s; all then fall back to what was shown before.
    """

    def __init__(self, name: str, line: str, *, buzzer: bool = False, pin_factory: Any = None) -> None:
        self._device = open_output(line, pin_factory=pin_factory)
        self._player = PatternPlayer(name, BUZZER if buzzer else LAMP, self._set)

    def show(self, pattern: Pattern) -> None:
        """Begin `pattern`."""
        self._player.show(pattern)

    def close(self) -> None:
        """Switch off and give the line back; harmless twice."""
        self._player.close()
        self._device.close()

    def _set(self, on: bool) -> None:  # noqa: FBT001 - the level is the argument
        self._device.value = on
