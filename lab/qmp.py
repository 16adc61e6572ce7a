"""QEMU's monitor: commands and events as JSON lines over a Unix socket."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Self

from lab.errors import LabError


class Qmp:
    """A connection to the monitor at `path`, which may take `wait_s` to appear.

    Calling it runs a command and returns its answer; a refused command raises `LabError`. Events are kept in `events`.
    """

    def __init__(self, path: Path, wait_s: float = 30.0) -> None:
        self._socket = connect(path, wait_s)
        self._lines = self._socket.makefile("rwb")
        self.events: list[dict[str, Any]] = []
        self._answer()
        self("qmp_capabilities")

    def __call__(self, command: str, **arguments: Any) -> Any:
        """Run `command`; underscores in the names of `arguments` stand for hyphens; None leaves one out."""
        plain = {name.replace("_", "-"): value for name, value in arguments.items() if value is not None}
        self._lines.write(json.dumps({"execute": command, "arguments": plain}).encode() + b"\n")
        self._lines.flush()
        while "event" in (answer := self._answer()):
            self.events.append(answer)
        if "error" in answer:
            raise LabError(f"QEMU refused {command} {plain}: {answer['error']['desc']}")
        return answer["return"]

    def wait_for(self, event: str, wait_s: float, **data: Any) -> dict[str, Any]:
        """The next event of this name that has `data`; raises `LabError` after `wait_s`."""
        self._socket.settimeout(wait_s)
        try:
            while True:
                for n, known in enumerate(self.events):
                    if known["event"] == event and data.items() <= known.get("data", {}).items():
                        return self.events.pop(n)
                self.events.append(self._answer())
        except TimeoutError as error:
            raise LabError(f"QEMU told no event {event} {data or ''} within {wait_s:.0f} s") from error
        finally:
            self._socket.settimeout(None)

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise LabError("QEMU has hung up its monitor; see the console in the job's folder")
        answer: dict[str, Any] = json.loads(line)
        return answer


def connect(path: Path, wait_s: float) -> socket.socket:
    """A connection to the Unix socket that QEMU opens at `path`; raises `LabError` if it does not within `wait_s`."""
    until = time.monotonic() + wait_s
    while True:
        attempt = socket.socket(socket.AF_UNIX)
        try:
            attempt.connect(str(path))
        except OSError as error:
            attempt.close()
            if time.monotonic() > until:
                raise LabError(f"QEMU opened no socket {path} within {wait_s:.0f} s") from error
            time.sleep(0.02)
        else:
            return attempt
