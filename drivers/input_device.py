"""Linux input devices: keyboards, foot-switches, USB buttons. The one module that imports evdev."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from drivers.contract import DeviceLost, DriverError

EV_SYN = 0
EV_KEY = 1
SYN_DROPPED = 3
INPUT_DIR = Path("/dev/input")

# evdev wraps no call for it: _IOW('E', 0xa0, int) of linux/input.h.
_EVIOCSCLOCKID = 0x400445A0


class InputEvent(Protocol):
    """What the kernel reports: stamped in `sec` and `usec`; `value` is 1 pressed, 0 released, 2 repeated."""

    sec: int
    usec: int
    type: int
    code: int
    value: int


class InputDevice(Protocol):
    """The part of evdev's `InputDevice` that is used; `fd` can be polled, `read` never blocks."""

    fd: int
    name: str

    def read(self) -> Iterable[InputEvent]:
        """Yield what is there; raises `OSError` with ENODEV when the device is gone."""

    def capabilities(self) -> dict[int, list[int]]:
        """Return the codes of each event type."""

    def active_keys(self) -> list[int]:
        """Return the codes of the keys that are down now."""

    def close(self) -> None:
        """Close; idempotent."""


def open_device(path: str | os.PathLike[str], *, grab: bool) -> InputDevice:
    """Open an input device with its events stamped on CLOCK_MONOTONIC.

    `grab` takes it for us alone, so that a press never types into a console. Raises `DeviceLost` where it can't be
    opened now; the message says why.
    """
    import evdev  # noqa: PLC0415 - only a box with USB buttons needs the library

    device: Any = None
    try:
        device = evdev.InputDevice(path, readonly=True)
        fcntl.ioctl(device.fd, _EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
        if grab:
            device.grab()
    except OSError as error:
        if device is not None:
            device.close()
        raise DeviceLost(f"input device {path} cannot be used: {_why(error)}") from error
    return device  # type: ignore[no-any-return]


def key_code(name: str) -> int:
    """Return the code of an evdev key name, e.g. KEY_ENTER; raises `DriverError` for one that does not exist."""
    from evdev import ecodes  # noqa: PLC0415

    code = ecodes.ecodes.get(name)
    if code is None or not name.startswith(("KEY_", "BTN_")):
        raise DriverError(f"key {name!r} does not exist; 'earshot learn' writes the name of a key that you press")
    return int(code)


def key_name(code: int) -> str:
    """Return the name by which `key_code` finds `code`; raises `DriverError` where the kernel knows none."""
    from evdev import ecodes  # noqa: PLC0415

    names = ecodes.bytype[EV_KEY].get(code)
    if names is None:
        raise DriverError(f"key code {code} has no name; this key cannot be used as a button")
    return names if isinstance(names, str) else str(names[0])


def event_paths(input_dir: Path = INPUT_DIR) -> list[Path]:
    """Return the event devices that are there now."""
    return sorted(input_dir.glob("event*"))


def stable_path(event_path: Path, input_dir: Path = INPUT_DIR) -> Path:
    """Return the by-id (names the device) or else by-path (names the socket) link to an event device.

    Event numbers change with every plugging; where udev made neither link, the number is all there is.
    """
    for folder in ("by-id", "by-path"):
        links = sorted((input_dir / folder).glob("*"))
        # A composite keyboard has several; the one that says what it is comes first.
        for link in sorted(links, key=lambda link: not link.name.endswith("-kbd")):
            if link.resolve() == event_path.resolve():
                return link
    return event_path


def _why(error: OSError) -> str:
    remedy = {
        errno.EACCES: "add the user of this process to the group 'input'",
        errno.EBUSY: "another program has grabbed it; stop that one",
        errno.ENOENT: "it is not plugged in",
        errno.ENODEV: "it has been unplugged",
        errno.ENOTTY: "it is no input device; see 'earshot learn'",
    }.get(error.errno or 0, "see 'earshot learn'")
    return f"{error.strerror}; {remedy}"
