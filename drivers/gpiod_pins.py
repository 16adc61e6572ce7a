"""gpiozero's pins on the kernel's GPIO character devices, by libgpiod. The one module that imports gpiod.

lgpio, gpiozero's own choice, has no build for Python 3.13; libgpiod has, and passes the kernel's stamps on unchanged.
"""

from __future__ import annotations

import select
import socket
import threading
from pathlib import Path
from typing import Any

_NS = 1_000_000_000
# The chip of the 40-pin header on Pi 1 to 3, 4 and 5; any other board has one chip or is a test's.
_HEADER_CHIPS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
_CONSUMER = "earshot"


def is_available() -> bool:
    """Whether libgpiod's second version is installed."""
    try:
        import gpiod  # noqa: PLC0415 - only a box with GPIO needs the library
    except ModuleNotFoundError:
        return False
    return hasattr(gpiod, "request_lines")


def make_factory(local: Any, errors: Any, chip: str | None = None) -> Any:
    """A pin factory out of `gpiozero.pins.local` and `gpiozero.exc`, for the chip at the path `chip` or the header's.

    Its ticks are seconds of CLOCK_MONOTONIC, and those of an edge are the kernel's stamp. Pins do what a switch and a
    lamp need: input with a pull resistor and edges, output without. Raises OSError where there is no chip to open.
    """
    import gpiod  # noqa: PLC0415 - only a box with GPIO needs the library
    from gpiod.line import Bias, Clock, Direction, Value  # noqa: PLC0415 - the same
    from gpiod.line import Edge as LineEdge  # noqa: PLC0415 - the same

    biases = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "floating": Bias.DISABLED}
    edge_kinds = {"both": LineEdge.BOTH, "rising": LineEdge.RISING, "falling": LineEdge.FALLING}
    path = chip or _header_chip(gpiod)

    class GpiodPin(local.LocalPiPin):  # type: ignore[misc]
        """One line, requested from the kernel while it is in use."""

        def __init__(self, factory: Any, info: Any) -> None:
            super().__init__(factory, info)
            self._function = "input"
            self._pull = "floating"
            self._level = False
            self._edges = "both"
            self._watch: _Watch | None = None
            self._request: Any = None
            self._apply()

        def close(self) -> None:
            """Give the line back; harmless twice. gpiozero keeps the pin, and its next use takes the line again."""
            self.when_changed = None
            self._function, self._pull = "input", "floating"
            request, self._request = self._request, None
            if request is not None:
                request.release()

        def _settings(self, *, watched: bool) -> Any:
            if self._function == "output":
                level = Value.ACTIVE if self._level else Value.INACTIVE
                return gpiod.LineSettings(direction=Direction.OUTPUT, output_value=level)
            return gpiod.LineSettings(
                direction=Direction.INPUT,
                bias=biases[self._pull],
                edge_detection=edge_kinds[self._edges] if watched else LineEdge.NONE,
                event_clock=Clock.MONOTONIC,
            )

        def _apply(self) -> None:
            config = {self._number: self._settings(watched=self._watch is not None)}
            if self._request is None:
                self._request = gpiod.request_lines(path, consumer=_CONSUMER, config=config)
            else:
                self._request.reconfigure_lines(config)

        def _get_function(self) -> str:
            return self._function

        def _set_function(self, value: str) -> None:
            if value not in {"input", "output"}:
                raise errors.PinInvalidFunction(f"{value!r} is no function of {self!r}; it can be input or output")
            self.when_changed = None
            self._function = value
            self._apply()

        def _get_state(self) -> bool:
            return bool(self._request.get_value(self._number) is Value.ACTIVE)

        def _set_state(self, value: Any) -> None:
            if self._function != "output":
                raise errors.PinSetInput(f"{self!r} is an input, its state can't be set")
            self._level = bool(value)
            self._request.set_value(self._number, Value.ACTIVE if self._level else Value.INACTIVE)

        def _get_pull(self) -> str:
            return self._pull

        def _set_pull(self, value: str) -> None:
            if self._function != "input":
                raise errors.PinFixedPull(f"{self!r} is an output and has no pull resistor")
            if value not in biases:
                raise errors.PinInvalidPull(f"{value!r} is no pull of {self!r}; it can be {', '.join(biases)}")
            if self.info.pull not in {value, ""}:
                raise errors.PinFixedPull(f"{self!r} has a pull-{self.info.pull} resistor on the board")
            self._pull = value
            self._apply()

        def _get_frequency(self) -> None:
            return None

        def _set_frequency(self, value: float | None) -> None:
            if value is not None:
                raise errors.PinPWMUnsupported(f"{self!r} has no pulse width modulation")

        def _get_bounce(self) -> None:
            return None

        def _set_bounce(self, value: float | None) -> None:
            if value is not None:
                raise errors.PinInvalidBounce(f"{self!r} passes every edge on; debounce them above")

        def _get_edges(self) -> str:
            return self._edges

        def _set_edges(self, value: str) -> None:
            if value not in edge_kinds:
                raise errors.PinInvalidEdges(f"{value!r} is no kind of edge; there are {', '.join(edge_kinds)}")
            self._edges = value
            self._apply()

        def _enable_event_detect(self) -> None:
            watch = self._watch = _Watch(self._number, self._changed)
            self._apply()
            watch.start(self._request)

        def _disable_event_detect(self) -> None:
            watch, self._watch = self._watch, None
            if watch is not None:
                watch.stop()
                self._apply()

        def _changed(self, stamp_ns: int, *, high: bool) -> None:
            if self._when_changed is not None:
                self._call_when_changed(stamp_ns / _NS, high)

    class GpiodFactory(local.LocalPiFactory):  # type: ignore[misc]
        """The pins of one chip."""

        def __init__(self) -> None:
            super().__init__()
            self.pin_class = GpiodPin

    return GpiodFactory()


class _Watch:
    """A thread that hands the edges of one requested line on, with the kernel's stamps."""

    def __init__(self, line: int, tell: Any) -> None:
        self._name = f"gpio-{line}"
        self._tell = tell
        self._wake, self._woken = socket.socketpair()

    def start(self, request: Any) -> None:
        self._request = request
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No edge is handed on after this, unless it is called by the edge's own handler."""
        self._wake.send(b"x")
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._wake.close()

    def _run(self) -> None:
        with self._woken:
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            poll.register(self._request.fd, select.POLLIN)
            while self._woken.fileno() not in {descriptor for descriptor, _ in poll.poll()}:
                for event in self._request.read_edge_events():
                    self._tell(event.timestamp_ns, high=event.event_type is event.Type.RISING_EDGE)


def _header_chip(gpiod: Any) -> str:
    """The path of the header's chip; the first chip where none is called so. Raises OSError without any."""
    paths = sorted(str(path) for path in Path("/dev").glob("gpiochip*"))
    if not paths:
        raise FileNotFoundError("this machine has no /dev/gpiochip*")
    for path in paths:
        with gpiod.Chip(path) as chip:
            if chip.get_info().label in _HEADER_CHIPS:
                return path
    return paths[0]
