"""For tests in the guest: asking the host for what no guest can do to itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

PORT = Path("/dev/virtio-ports/lab.ask")


class HostRefused(Exception):
    """The host could not do it; the message is its reason."""


class Host:
    """The host of this machine. A call returns when the host has done its part; the guest may need a moment more.

    Every call raises `HostRefused` with the host's reason. To be used in tests marked `real_clock` only: in virtual
    time the guest's clock leaps ahead while it waits for the host.
    """

    def __init__(self, port: Path = PORT) -> None:
        self._port = port.open("r+b", buffering=0)

    def plug_storage(self, name: str, image: Path, *, usb_port: str | None = None, serial: str | None = None) -> None:
        """Plug in a USB stick whose content is the file `image` below /job; `usb_port` is a socket '1' to '4'."""
        self._ask(do="plug", kind="storage", id=name, image=str(image), port=usb_port, serial=serial or name)

    def plug_keyboard(self, name: str, *, usb_port: str | None = None) -> None:
        """Plug in a USB keyboard."""
        self._ask(do="plug", kind="keyboard", id=name, port=usb_port)

    def unplug(self, name: str) -> None:
        """Take out what was plugged in under this name, used or not."""
        self._ask(do="unplug", id=name)

    def key(self, key: str, *, down: bool) -> None:
        """Press or release a key of the keyboard plugged in last; `key` is a QEMU key code, e.g. 'ret', 'a', 'kp_1'."""
        self._ask(do="key", key=key, down=down)

    def close(self) -> None:
        """Give the port free for the next test."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, **request: Any) -> None:
        self._port.write(json.dumps(request).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += self._port.read(4096) or b""
        reply = json.loads(line)
        if not reply["ok"]:
            raise HostRefused(reply["error"])
