"""A switch on a GPIO line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from drivers.contract import Edge, Emit, Source
from drivers.gpio_line import open_input

_NS = 1_000_000_000
# These pin factories pass on the instant at which the kernel (or pigpio's daemon) saw the edge.
_STAMPING_FACTORIES = {"GpiodFactory", "LGPIOFactory", "PiGPIOFactory"}
_STAMPED_UNCERTAINTY_NS = 200_000
# The others stamp when their thread gets to run.
_LATE_UNCERTAINTY_NS = 10_000_000
# A stamp of another clock shows as an impossible age.
_AGE_MAX_S = 60.0


class GpioButton:
    """Emits each raw edge of one line; fulfils `Button`. Nothing is debounced here: the session needs every edge.

    gpiozero's `Button` and its `when_activated` drop the edge's time and swallow edges that come in pairs, so this uses
    the next layer of its public interface, `Pin.when_changed(ticks, state)`. `ticks` are opaque seconds of the pin
    factory; `ticks_diff(ticks(), ticks)` is how long ago the edge was, which is taken off the monotonic clock.
    """

    def __init__(
        self,
        name: str,
        line: str,
        *,
        pull_up: bool = True,
        pin_factory: Any = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._name = name
        self._line = line
        self._pull_up = pull_up
        self._pin_factory = pin_factory
        self._clock_ns = clock_ns
        self._device: Any = None
        self._emit: Emit | None = None
        self._stamped = False

    def start(self, emit: Emit) -> None:
        """Claim the line and emit from now on; raises `DriverError` where it can't be claimed."""
        self._emit = emit
        self._device = open_input(self._line, pull_up=self._pull_up, pin_factory=self._pin_factory)
        self._stamped = any(kind.__name__ in _STAMPING_FACTORIES for kind in type(self._device.pin_factory).__mro__)
        pin = self._device.pin
        pin.bounce = None
        pin.edges = "both"
        # gpiozero keeps only a weak reference to a bound method; `self` lives as long as the button does.
        pin.when_changed = self._changed

    def close(self) -> None:
        """Give the line back; harmless twice and before `start`."""
        device, self._device = self._device, None
        if device is not None:
            device.pin.when_changed = None
            device.close()

    def _changed(self, ticks: Any, state: Any) -> None:
        first_ns = self._clock_ns()
        device, emit = self._device, self._emit
        if device is None or emit is None:
            return
        factory = device.pin_factory
        age_s = factory.ticks_diff(factory.ticks(), ticks)
        # The factory's clock was read somewhere between ours: this thread may have had to wait in between, and then the
        # stamp is late by as much, never early.
        last_ns = self._clock_ns() if self._stamped else first_ns
        stamped = self._stamped and 0 <= age_s <= _AGE_MAX_S
        emit(
            Edge(
                button=self._name,
                pressed=bool(state) != self._pull_up,
                mono_ns=last_ns - round(age_s * _NS) if stamped else first_ns,
                uncertainty_ns=_STAMPED_UNCERTAINTY_NS + last_ns - first_ns if stamped else _LATE_UNCERTAINTY_NS,
                source=Source.GPIO,
                simulated=False,
            )
        )
