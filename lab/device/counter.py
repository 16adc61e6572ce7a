"""The whole counter of the lab: card, header, USB button, lamp, broker, bridge, and the box between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from fake_bridge import FakeBridge
from watermark import watermarked

from edge.wire import Event, FaultData, PressData, TrackData
from lab.device.board import Board, Touch
from lab.device.evidence import Measured, measure
from lab.device.gadget import USAGE_ENTER, Keypad
from lab.device.installation import Installation
from lab.device.loopback import Card, Playing
from lab.device.waiting import PATIENCE_S, wait_until

SITE, NAME = "lab", "counter-1"
RED_LINE, RED_LAMP, APPEAL_LAMP = 17, 27, 22
BEFORE_S, AFTER_S = 3.0, 2.0
# A press this near to a touch is that touch's; no finger is so quick.
_SAME_MS = 80.0


@dataclass(frozen=True, slots=True)
class Counter:
    """Everything of it, running."""

    box: Installation
    bridge: FakeBridge
    board: Board
    card: Card
    keypad: Keypad

    def touch_red(self, *, hold_s: float = 0.1) -> Touch:
        """Press and release the button on the GPIO line; returns the moment of the press."""
        touch = self.board.close_contact(RED_LINE)
        time.sleep(hold_s)
        self.board.open_contact(RED_LINE)
        return touch

    def touch_appeal(self, *, hold_s: float = 0.1) -> Touch:
        """Press and release the USB button; returns the moment of the press."""
        touch = self.keypad.key_down(USAGE_ENTER)
        time.sleep(hold_s)
        self.keypad.key_up()
        return touch

    def press_of(self, touch: Touch, button: str, timeout_s: float = PATIENCE_S) -> Event:
        """The event of the press at `touch`, when the bridge has it."""

        def found() -> Event | None:
            presses = (event for event in self.bridge.of(PressData) if event.data.button == button)
            return next((event for event in presses if abs(touch.off_ms(event.data.stamp.mono_ns)) < _SAME_MS), None)

        return wait_until(found, f"the bridge has the press of {button}", timeout_s)

    def track_of(self, press: Event, timeout_s: float = PATIENCE_S) -> tuple[TrackData, bytes]:
        """Manifest and file of a press's track, when the bridge has all of it."""
        track = press.data.track
        content = wait_until(lambda: self.bridge.sound(track), f"the bridge has track {track}", timeout_s)
        return self.manifest_of(track), content

    def manifest_of(self, track: str) -> TrackData:
        """The manifest of a track that the bridge has."""
        return next(event.data for event in self.bridge.of(TrackData) if event.data.track == track)

    def heard(self, touch: Touch, button: str, playing: Playing) -> tuple[PressData, TrackData, Measured]:
        """Press, manifest and what a comparison of the track with the truth says."""
        press = self.press_of(touch, button)
        manifest, content = self.track_of(press)
        return press.data, manifest, measure(content, manifest, playing, touch)

    def fault(
        self, name: str, *, active: bool, since_ns: int, matches: Callable[[FaultData], bool] = lambda _: True
    ) -> FaultData:
        """The first event of a fault since a moment, when the bridge has it."""

        def found() -> FaultData | None:
            faults = (event.data for event in self.bridge.of(FaultData))
            return next(
                (
                    fault
                    for fault in faults
                    if (fault.name, fault.active) == (name, active)
                    and fault.stamp.mono_ns >= since_ns
                    and matches(fault)
                ),
                None,
            )

        return wait_until(found, f"the bridge hears of fault {name} (active: {active})")


def sound(seconds: float, seed: int) -> npt.NDArray[np.int16]:
    """A sound of which no stretch occurs twice."""
    return np.asarray(watermarked(seconds, seed), np.int16)
