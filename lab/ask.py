"""What the guest's tests may ask of the host: USB devices plugged and unplugged, keys pressed on them.

One JSON object a line in each direction; the guest's side is lab/host.py.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.machine import ASK, Machine
from lab.qmp import Qmp

_EVENT_WAIT_S = 60.0


class Asked:
    """Serves the requests of the guest of `machine` on a thread of its own until the machine ends.

    `job` is the folder that the guest knows as /job.
    """

    def __init__(self, machine: Machine, job: Path) -> None:
        self._qmp: Qmp = machine.qmp
        self._job = job
        self._socket = machine.port(ASK)
        threading.Thread(target=self._serve, name="asked", daemon=True).start()

    def answer(self, request: dict[str, Any]) -> None:
        """Do what `request` says; raises `LabError` for what is not known or what QEMU refuses."""
        match request:
            case {"do": "plug", "id": str(name), "kind": "storage", "image": str(image)}:
                block = {"driver": "file", "filename": str(self._file(image))}
                self._qmp("blockdev-add", driver="raw", node_name=f"{name}-disk", file=block)
                self._qmp(
                    "device_add", driver="usb-storage", id=name, drive=f"{name}-disk", bus="xhci.0",
                    port=request.get("port"), serial=request.get("serial", name), removable=True,
                )  # fmt: skip
            case {"do": "plug", "id": str(name), "kind": "keyboard"}:
                self._qmp("device_add", driver="usb-kbd", id=name, bus="xhci.0", port=request.get("port"))
            case {"do": "unplug", "id": str(name)}:
                self._qmp("device_del", id=name)
                self._qmp.wait_for("DEVICE_DELETED", _EVENT_WAIT_S, device=name)
                if any(block.get("node-name") == f"{name}-disk" for block in self._qmp("query-named-block-nodes")):
                    self._qmp("blockdev-del", node_name=f"{name}-disk")
            case {"do": "key", "key": str(key), "down": bool(down)}:
                event = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
                self._qmp("input-send-event", events=[event])
            case _:
                raise LabError(f"the host does not know the request {request}; lab/ask.py lists what it does")

    def _file(self, image: str) -> Path:
        path = Path(image)
        if ".." in path.parts or not path.is_relative_to("/job"):
            raise LabError(f"the image of a stick has to be a file below /job, not {image}")
        return self._job / path.relative_to("/job")

    def _serve(self) -> None:
        with self._socket, self._socket.makefile("rwb") as lines:
            try:
                for line in lines:
                    try:
                        self.answer(json.loads(line))
                        reply: dict[str, Any] = {"ok": True}
                    except LabError as error:
                        reply = {"ok": False, "error": str(error)}
                    lines.write(json.dumps(reply).encode() + b"\n")
                    lines.flush()
            except OSError:
                return  # The machine has ended, and with it everybody who could ask.
