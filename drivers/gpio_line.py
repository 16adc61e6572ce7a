"""Opening single GPIO lines. The one module that imports gpiozero."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from typing import Any

from drivers import gpiod_pins
from drivers.contract import DriverError


def open_input(line: str, *, pull_up: bool, pin_factory: Any = None) -> Any:
    """Claim `line` ('GPIO17') as an input with a pull resistor and return gpiozero's `InputDevice`.

    `is_active` means contacts closed: low with `pull_up`, else high. `pin_factory` None is lgpio's where it is
    installed, else libgpiod's. Raises `DriverError` for a line that does not exist, is in use, or a machine without
    GPIO.
    """
    gpiozero = _gpiozero()
    try:
        return gpiozero.InputDevice(line, pull_up=pull_up, pin_factory=pin_factory or _factory(gpiozero))
    except (gpiozero.GPIOZeroError, OSError) as error:
        raise _refusal(line, error) from error


def open_output(line: str, *, pin_factory: Any = None) -> Any:
    """Claim `line` as an output, off, and return gpiozero's `DigitalOutputDevice`; raises as `open_input`."""
    gpiozero = _gpiozero()
    try:
        device = gpiozero.DigitalOutputDevice
        return device(line, initial_value=False, pin_factory=pin_factory or _factory(gpiozero))
    except (gpiozero.GPIOZeroError, OSError) as error:
        raise _refusal(line, error) from error


def _gpiozero() -> Any:
    # lgpio makes its notification FIFO in this folder when it is loaded, else in the working directory.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    import gpiozero  # noqa: PLC0415 - only a box with GPIO needs the library

    return gpiozero


def _factory(gpiozero: Any) -> Any:
    """The one pin factory of this process; None leaves it to gpiozero."""
    device = gpiozero.Device
    if device.pin_factory is None and find_spec("lgpio") is None and gpiod_pins.is_available():
        import gpiozero.exc as errors  # noqa: PLC0415 - only a box with GPIO needs the library
        from gpiozero.pins import local  # noqa: PLC0415 - the same

        device.pin_factory = gpiod_pins.make_factory(local, errors)
    return device.pin_factory


def _refusal(line: str, error: Exception) -> DriverError:
    return DriverError(
        f"GPIO line {line!r} cannot be used: {type(error).__name__}: {error}; check the name ('pinout' shows "
        "them), that no other program holds it, and that this user is in the group 'gpio'"
    )
