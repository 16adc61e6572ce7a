"""What every driver promises: the facts it produces, the protocols it fulfils, the one error it raises.

A driver turns one kind of device into facts. It stamps first (`mono_ns`, CLOCK_MONOTONIC), hands the fact to the
`Emit` callable that it was given, and returns; it decides nothing. Each kind has a simulated sibling that fulfils the
same protocol and sets `simulated=True` in all that it produces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt


class DriverError(Exception):
    """A device cannot be used as configured. The message names the device, what was found and the remedy."""


class DeviceLost(DriverError):
    """A device that worked has gone (unplugged, suspended beyond repair). Opening it again may succeed later."""


class EndOfStream(DriverError):
    """A simulated source has played its recording to the end and nothing will follow; no microphone ever raises it."""


class Source(StrEnum):
    """Where a press came from; written into every record of it."""

    GPIO = "gpio"
    USB = "usb"
    LOCAL_WEB = "local_web"
    MQTT = "mqtt"
    KEYBOARD = "keyboard"
    SIMULATED = "simulated"
    SELF_TEST = "self_test"


@dataclass(frozen=True, slots=True)
class Edge:
    """One raw edge of a switch, not debounced: the contacts closed (`pressed`) or opened.

    `mono_ns` is the kernel's stamp where the device gives one, else read first thing in the callback;
    `uncertainty_ns` bounds how late the stamp may be.
    """

    button: str
    pressed: bool
    mono_ns: int
    uncertainty_ns: int
    source: Source
    simulated: bool


@dataclass(frozen=True, slots=True)
class Press:
    """One whole press from a source without contacts (web page, MQTT command, terminal key).

    `request_id` makes a repeated request the same press; `employee` is who the source says pressed, if it says.
    """

    button: str
    mono_ns: int
    uncertainty_ns: int
    source: Source
    simulated: bool
    employee: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device went away (`present=False`) or came back; `detail` is for the field engineer."""

    device: str
    present: bool
    mono_ns: int
    detail: str


Fact = Edge | Press | DeviceState
Emit = Callable[[Fact], None]
"""Thread-safe and never blocking: drivers call it from their own threads."""


class Button(Protocol):
    """A running button device. Construction opens nothing; `start` begins to emit; `close` is idempotent."""

    def start(self, emit: Emit) -> None:
        """Begin to emit; raises `DriverError` where the configuration can't work."""

    def close(self) -> None:
        """Stop to emit and give the device back."""


class Pattern(StrEnum):
    """What a lamp or buzzer shows."""

    OFF = "off"
    READY = "ready"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    FAULT = "fault"
    IDENTIFY = "identify"


class Indicator(Protocol):
    """A lamp or a buzzer. `show` returns at once; a pattern that ends by itself falls back."""

    def show(self, pattern: Pattern) -> None:
        """Begin `pattern`."""

    def close(self) -> None:
        """Switch off and give the line back; idempotent."""


class LossReason(StrEnum):
    """Why frames are missing; becomes the name of the gap in the ring."""

    OVERRUN = "overrun"
    SHORT_READ = "short_read"
    SUSPEND = "suspend"
    DISCONNECT = "disconnect"
    ABSENT = "absent"
    STALLED = "stalled"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Block:
    """Frames captured in one read: int16, shape (n, channels).

    `end_mono_ns` is when the instant *after the last frame* was captured (the time of the next frame);
    the true instant lies in [end_mono_ns - uncertainty_ns, end_mono_ns + uncertainty_ns].
    """

    samples: npt.NDArray[np.int16]
    end_mono_ns: int
    uncertainty_ns: int


@dataclass(frozen=True, slots=True)
class Loss:
    """The stream was interrupted and goes on; frames between the last and the next block are lost for `reason`."""

    reason: LossReason
    detail: str


class Capture(Protocol):
    """An open sound source. `read` blocks for about a period and at most `read_timeout_s`.

    Raises `DeviceLost` when the device is gone; the caller closes, and opens a new one when it is back. Raises
    `EndOfStream` when a recording that is not repeated is over.
    """

    rate_hz: int
    channels: int
    source: str
    simulated: bool

    def read(self) -> Block | Loss:
        """Return the next frames, or why frames are missing."""

    def close(self) -> None:
        """Give the device back; idempotent."""


class PixelFormat(StrEnum):
    """How the bytes of a `Frame` make a picture; turning them into one is the eye's work, and only for frames it uses.

    RGB: three bytes a pixel, row after row. YUYV: two bytes a pixel, brightness of each and colour of each second one.
    ENCODED: a whole JPEG or PNG file, whose own size counts.
    """

    RGB = "rgb"
    YUYV = "yuyv"
    ENCODED = "encoded"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera: `data` are `height` rows of `width` pixels without padding between them.

    It was exposed at `mono_ns`, give or take `uncertainty_ns`. `lost_frames`: how many the device itself dropped since
    the frame before, as far as it tells; frames that nobody asked for do not count.
    """

    mono_ns: int
    uncertainty_ns: int
    width: int
    height: int
    pixels: PixelFormat
    data: bytes
    lost_frames: int = 0


class Camera(Protocol):
    """An open camera. For one thread."""

    source: str
    simulated: bool

    def read(self, after_ns: int) -> Frame | Loss:
        """Return the newest frame exposed at or after `after_ns`; older ones are thrown away unseen.

        Blocks until there is one, at most for the time without a frame that counts as a stall: then returns `Loss`,
        and opening the camera anew may help. Raises `DeviceLost` when it is gone, and `EndOfStream` when a recording
        that is not repeated is over.
        """

    def close(self) -> None:
        """Give the device back; idempotent."""
