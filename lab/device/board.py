"""The header of a Raspberry Pi, made of the kernel's gpio-sim: a finger on its lines and an eye on its lamps."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.device.waiting import modprobe, run

_CONFIGFS = Path("/sys/kernel/config")
_BANK_LINES = 54
# What gpiozero reads to know the board; a Raspberry Pi 4 B.
_CPUINFO = "Hardware\t: BCM2835\nRevision\t: c03112\nModel\t\t: Raspberry Pi 4 Model B Rev 1.2\n"
_LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class Touch:
    """One movement of a contact: the kernel saw the edge between these two instants of CLOCK_MONOTONIC."""

    before_ns: int
    after_ns: int

    @property
    def mono_ns(self) -> int:
        """The middle of the two."""
        return (self.before_ns + self.after_ns) // 2

    @property
    def length_ms(self) -> float:
        """How far the two are apart, in ms: no error smaller than this can be seen."""
        return (self.after_ns - self.before_ns) / 1e6

    def off_ms(self, mono_ns: float) -> float:
        """How far `mono_ns` lies outside of the two, in ms; positive: later."""
        return (max(mono_ns - self.after_ns, 0) - max(self.before_ns - mono_ns, 0)) / 1e6


class Board:
    """54 lines named as on a Pi, at /dev/gpiochip0. `cpuinfo` is the file that makes a process take it for a Pi."""

    def __init__(self, folder: Path) -> None:
        self._device = _CONFIGFS / "gpio-sim" / "earshot"
        self._lines = Path()
        self.cpuinfo = folder / "cpuinfo"

    def __enter__(self) -> Self:
        modprobe("gpio-sim")
        if not (_CONFIGFS / "gpio-sim").exists():
            run("mount", "-t", "configfs", "configfs", _CONFIGFS)
        bank = self._device / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(_BANK_LINES))
        (bank / "label").write_text("pinctrl-bcm2711")
        for number in range(_BANK_LINES):
            line = bank / f"line{number}"
            line.mkdir()
            (line / "name").write_text(f"GPIO{number}")
        (self._device / "live").write_text("1")
        chip = (bank / "chip_name").read_text().strip()
        # gpiozero opens the first chip of every Pi but the fifth.
        if chip != "gpiochip0":
            raise RuntimeError(f"the simulated lines are {chip}; some other module has made gpiochip0 before")
        self._lines = Path("/sys/devices/platform") / (self._device / "dev_name").read_text().strip() / chip
        self.cpuinfo.parent.mkdir(parents=True, exist_ok=True)
        self.cpuinfo.write_text(_CPUINFO)
        run("udevadm", "settle")
        return self

    def __exit__(self, *_: object) -> None:
        (self._device / "live").write_text("0")
        bank = self._device / "bank0"
        for number in range(_BANK_LINES):
            (bank / f"line{number}").rmdir()
        bank.rmdir()
        self._device.rmdir()

    def close_contact(self, line: int) -> Touch:
        """A finger goes down: contacts to ground."""
        return self._pull(line, "pull-down")

    def open_contact(self, line: int) -> Touch:
        """A finger goes up: the pull-up resistor wins."""
        return self._pull(line, "pull-up")

    def level(self, line: int) -> bool:
        """Whether the line is high."""
        return (self._line(line) / "value").read_text().strip() == "1"

    def _pull(self, line: int, pull: str) -> Touch:
        with (self._line(line) / "pull").open("w") as file:
            before_ns = time.monotonic_ns()
            file.write(pull)
            file.flush()
            return Touch(before_ns, time.monotonic_ns())

    def _line(self, number: int) -> Path:
        return self._lines / f"sim_gpio{number}"


class LampWatch:
    """Looks at one output all the time. `shone` lists (since, until) of each time that it was high, in ns."""

    def __init__(self, board: Board, line: int) -> None:
        self._board = board
        self._line = line
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"lamp-{line}", daemon=True)
        self._since_ns: int | None = None
        self.shone: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def longest_s(self, since_ns: int = 0) -> float:
        """The longest time without a break that it shone, of those that began after `since_ns`."""
        return max(((until - since) / 1e9 for since, until in self.shone if since >= since_ns), default=0.0)

    def _look(self) -> None:
        since_ns: int | None = None
        while not self._closing.wait(_LOOK_S):
            with contextlib.suppress(OSError):
                high = self._board.level(self._line)
                now_ns = time.monotonic_ns()
                if high and since_ns is None:
                    since_ns = now_ns
                elif not high and since_ns is not None:
                    self.shone.append((since_ns, now_ns))
                    since_ns = None
