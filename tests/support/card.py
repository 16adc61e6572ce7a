"""A box's card as two folders, `boot` and `data`, and runs of provisioning on it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from edge.faultpoint import FaultPoint, no_fault
from edge.provision.provision import Result, provision
from edge.wire.enrol import make_code

CODE = make_code("ABCDE", "0123456789ABCDEFGHJ").text
OTHER_CODE = make_code("BCDEF", "0123456789ABCDEFGHJ").text
PSK = "correct horse battery"
SERIAL = "10000000f1e2d3c4"
SHEET = f"""
[box]
site = "north"
name = "counter-1"  # ours
place = "North branch, counter 1"
time_zone = "Europe/Riga"

[bridge]
url = "https://bridge.example/"
code = "{CODE}"

[wifi]
ssid = "office"
psk = '{PSK}' # of the office
country = "LV"
"""


@dataclass
class Card:
    folder: Path
    boot: Path = field(init=False)
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        self.boot, self.data = self.folder / "boot", self.folder / "data"
        (self.data / "var/lib/earshot").mkdir(parents=True)
        self.boot.mkdir()

    def write(self, text: str) -> None:
        (self.boot / "earshot.toml").write_text(text)

    @property
    def sheet(self) -> str:
        return (self.boot / "earshot.toml").read_text()

    @property
    def report(self) -> str | None:
        path = self.boot / "earshot-error.txt"
        return path.read_bytes().decode() if path.exists() else None

    def start(self, fault: FaultPoint = no_fault, serial: str = SERIAL) -> Result:
        return provision(self.boot, self.data, serial=serial, fault=fault, owner=myself)

    def start_killed(self, nth: int) -> str | None:
        """A start in a process that is killed at its nth fault point; the point's name, None where it has no so many.

        The whole process dies as at a power cut: nothing is tidied up.
        """
        passed, told = os.pipe()
        child = os.fork()
        if child == 0:
            left = nth

            def kill(name: str) -> None:
                nonlocal left
                left -= 1
                if not left:
                    os.write(told, name.encode())
                    os.kill(os.getpid(), signal.SIGKILL)

            status = 1
            try:
                self.start(kill)
                status = 0
            finally:
                os._exit(status)
        os.close(told)
        with os.fdopen(passed, "rb") as pipe:
            name = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        assert name or status == 0, f"the start failed with {status}"
        return name or None

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Everything on the data partition but the ledger: path → mode and content."""
        found = {}
        for path in sorted(self.data.rglob("*")):
            name = str(path.relative_to(self.data))
            if name.startswith("provision") or path.is_dir():
                continue
            content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            found[name] = (path.lstat().st_mode & 0o777, content)
        return found


def myself(_user: str, _group: str) -> tuple[int, int]:
    """Owner of everything: who runs the test."""
    return os.geteuid(), os.getegid()
