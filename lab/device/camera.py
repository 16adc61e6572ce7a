"""A camera that shows a test pattern: the kernel's vivid, its plug, a hand over its lens."""

from __future__ import annotations

import time
from pathlib import Path

from lab.device.waiting import modprobe, run, wait_until

DEVICE = Path("/dev/video0")
_DRIVER = Path("/sys/bus/platform/drivers/vivid")
_NAME = "vivid.0"
# One device that captures, with one input, a webcam.
_OPTIONS = ("n_devs=1", "node_types=0x1", "num_inputs=1", "input_types=0")
_PATTERN, _BLACK = "test_pattern", "100% Black"


class VividCamera:
    """The camera, plugged in while it is bound to its driver. Its pattern has no face."""

    def __init__(self) -> None:
        modprobe("vivid", *_OPTIONS)
        if not self.plugged:
            self.plug()
        else:
            self._settle()

    @property
    def plugged(self) -> bool:
        """Whether programs can find it."""
        return DEVICE.exists()

    def unplug(self) -> int:
        """Pull it out, whoever holds it open; returns when that was, CLOCK_MONOTONIC ns."""
        now_ns = time.monotonic_ns()
        (_DRIVER / "unbind").write_text(_NAME)
        return now_ns

    def plug(self) -> int:
        """Put it in again; returns when programs could find it."""
        (_DRIVER / "bind").write_text(_NAME)
        wait_until(lambda: self.plugged, f"{DEVICE} is there")
        now_ns = time.monotonic_ns()
        self._settle()
        return now_ns

    def cover(self) -> int:
        """Put a hand over the lens: nothing but black; returns when it was there, CLOCK_MONOTONIC ns."""
        # Without the figures that vivid writes into its pictures.
        self._set("osd_text_mode", 2)
        self._set(_PATTERN, self._number_of_black())
        return time.monotonic_ns()

    def uncover(self) -> int:
        """Take the hand away; returns when it had gone, CLOCK_MONOTONIC ns."""
        self._set(_PATTERN, 0)
        return time.monotonic_ns()

    def _settle(self) -> None:
        run("udevadm", "settle")
        # The other source dates a frame to the end of its time, which lies ahead when it is handed over.
        self._set("timestamp_source", 1)

    def _number_of_black(self) -> int:
        said = run("v4l2-ctl", "--device", DEVICE, "--list-ctrls-menus").stdout
        menu = said.partition(f"{_PATTERN} ")[2]
        (line,) = (line for line in menu.splitlines() if line.strip().endswith(f": {_BLACK}"))
        return int(line.partition(":")[0])

    @staticmethod
    def _set(name: str, value: int) -> None:
        run("v4l2-ctl", "--device", DEVICE, "--set-ctrl", f"{name}={value}")
