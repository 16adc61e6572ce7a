"""The host's side of the agent in the guest."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from lab.errors import LabError
from lab.machine import CONTROL, Machine


class Control:
    """The conversation with the agent of `machine`: it comes up, gets one command, tells its exit status."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._socket = machine.port(CONTROL)
        self._buffer = b""

    def wait_until_up(self, timeout_s: float) -> dict[str, Any]:
        """What the agent tells of the system once it is up; raises `LabError` when it does not come up."""
        return self._message("up", timeout_s)

    def begin(self, command: str, *, set_clock: bool = True) -> None:
        """Give the agent its shell command."""
        order = {"command": command, "clock_s": time.time() if set_clock else None, "entropy": os.urandom(64).hex()}
        self._socket.sendall(json.dumps(order).encode() + b"\n")

    def wait_until_ended(self, timeout_s: float) -> int:
        """Exit status of the command; raises `LabError` when the time is over or the machine is gone."""
        status: int = self._message("ended", timeout_s)["status"]
        return status

    def _message(self, event: str, timeout_s: float) -> dict[str, Any]:
        until = time.monotonic() + timeout_s
        while True:
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                message: dict[str, Any] = json.loads(line)
                if message["event"] == event:
                    return message
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise LabError(f"the guest did not tell {event!r} within {timeout_s:.0f} s; {self._console()}")
            self._socket.settimeout(left_s)
            try:
                part = self._socket.recv(4096)
            except TimeoutError:
                continue
            if not part:
                raise LabError(f"the machine ended before it told {event!r}; {self._console()}")
            self._buffer += part

    def _console(self) -> str:
        path = self._machine.folder / "console"
        return f"its console ends with: {path.read_text(errors='replace')[-2000:]}" if path.exists() else "no console"
