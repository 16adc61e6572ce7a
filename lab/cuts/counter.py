"""Runs in the guest as a service of its own: the counter's devices, a player, a hand that presses, and the witness.

What it writes to the virtio port leaves the machine at once: the host knows each acknowledgement before the next power
cut. One JSON object a line: `boot`, `acked` (the box's page has answered), `lamp` (the lamp shone), `checked`.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from systemd.daemon import notify

from edge.config import load
from edge.local_client import NoAnswer, ask_box
from lab.device.board import Board

PORT = Path("/dev/virtio-ports/lab.witness")
CONFIG = Path("/etc/earshot/box.toml")
SOURCE = Path("/opt/lab/source.wav")
RED_LINE, RED_LAMP = 17, 27
# Refusals and faults only flicker, 0.1 s at most.
SHINES_S = 0.3
LAMP_TIMEOUT_S = 60.0
PAUSES_S = (0.2, 2.0)


class Witness:
    """Tells the host, from any thread; `tell` returns when the message has left the machine."""

    def __init__(self) -> None:
        self._port = PORT.open("r+b", buffering=0)
        self._lock = threading.Lock()

    def tell(self, kind: str, **facts: Any) -> None:
        """One message."""
        with self._lock:
            self._port.write(json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def orders(self) -> Any:
        """What the host says, line by line."""
        line = b""
        while True:
            part = self._port.read(1)
            if not part:
                time.sleep(0.05)
            line += part or b""
            if line.endswith(b"\n"):
                yield line.decode().strip()
                line = b""


def main() -> None:
    """Make the devices, tell systemd, then do what the host says."""
    with Board(Path("/run/earshot-lab")) as board:
        subprocess.run(["modprobe", "snd-aloop", "pcm_substreams=1"], check=True)
        subprocess.Popen(["aplay", "-q", "-D", "hw:CARD=Loopback,DEV=0", "--buffer-time=10000000", str(SOURCE)])
        notify("READY=1")
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        witness = Witness()
        witness.tell("boot", boot_id=boot_id, mono_ns=time.monotonic_ns())
        for order in witness.orders():
            if order == "press":
                _wait_for_box()
                witness.tell("ready")
                for hand in (_press_line, _press_page):
                    threading.Thread(target=_again_and_again, args=(hand, witness, board), daemon=True).start()
            elif order == "check":
                witness.tell("checked", **_check())
            elif order == "off":
                subprocess.run(["systemctl", "poweroff", "--no-block"], check=True)


def _wait_for_box() -> None:
    while True:
        try:
            ask_box(load(CONFIG), "GET", "/state")
        except NoAnswer:
            time.sleep(0.2)
        else:
            return


def _again_and_again(hand: Any, witness: Witness, board: Board) -> None:
    dice = random.Random()
    while True:
        hand(witness, board)
        time.sleep(dice.uniform(*PAUSES_S))


def _press_page(witness: Witness, _: Board) -> None:
    request = f"{time.monotonic_ns()}-{random.getrandbits(32):08x}"
    try:
        answer = ask_box(load(CONFIG), "POST", "/press", {"button": "page", "request_id": request})
    except NoAnswer:
        return
    witness.tell("acked", press=answer["press"], request=request)


def _press_line(witness: Witness, board: Board) -> None:
    if board.level(RED_LAMP):
        return
    touch = board.close_contact(RED_LINE)
    until = time.monotonic() + LAMP_TIMEOUT_S
    since = None
    while time.monotonic() < until:
        if not board.level(RED_LAMP):
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > SHINES_S:
            witness.tell("lamp", before_ns=touch.before_ns, after_ns=touch.after_ns)
            break
        time.sleep(0.005)
    board.open_contact(RED_LINE)


def _check() -> dict[str, Any]:
    subprocess.run(["systemctl", "stop", "earshot-box", "earshot-ear"], check=True)
    found = {}
    for path in Path("/var/lib/earshot").rglob("*.db"):
        connection = sqlite3.connect(path)
        found[path.name] = connection.execute("PRAGMA integrity_check").fetchone()[0]
        connection.close()
    kernel = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    errors = [line for line in kernel.splitlines() if "EXT4-fs error" in line or "EXT4-fs warning" in line]
    return {"databases": found, "file_system": errors}


if __name__ == "__main__":
    main()
