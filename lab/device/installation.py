"""The installed box as an engineer finds it: its file, its units, its page, its log. Nothing here calls a driver."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from edge.config import load
from edge.local_client import NoAnswer, ask_box
from lab.device.waiting import run, wait_until

CONFIG = Path("/etc/earshot/box.toml")
DATA = Path("/var/lib/earshot")
RING = Path("/run/earshot/audio.ring")
FACE_RING = Path("/run/earshot-eye/face.ring")
EARSHOT = "/opt/earshot/bin/earshot"
EAR, EYE, BOX = "earshot-ear", "earshot-eye", "earshot-box"
_CREDENTIAL = Path("/etc/credstore/earshot.broker-password")
_DROP_IN = Path("/run/systemd/system/earshot-box.service.d/lab.conf")


class Installation:
    """The one box of this machine. `cpuinfo` is what its process finds at /proc/cpuinfo, to take this for a Pi."""

    def __init__(self, cpuinfo: Path) -> None:
        self._cpuinfo = cpuinfo
        self._text = ""

    def configure(self, text: str, password: str) -> None:
        """Put file and password in their places, with the modes that docs/FIELD.md gives them."""
        self._text = text
        CONFIG.write_text(text)
        shutil.chown(CONFIG, "root", "earshot")
        CONFIG.chmod(0o640)
        _CREDENTIAL.touch(mode=0o600)
        _CREDENTIAL.write_text(password)
        _DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        _DROP_IN.write_text(f"[Service]\nBindReadOnlyPaths={self._cpuinfo}:/proc/cpuinfo\n")
        run("systemctl", "daemon-reload")

    def reconfigure(self, extra: str) -> None:
        """Put the usual file in its place, with `extra` at its end; it counts from the next start on."""
        CONFIG.write_text(self._text + extra)

    def forget(self) -> None:
        """Stop everything and take away what a life before has left: outbox, sound, ring."""
        self.stop(BOX)
        self.stop(EAR)
        RING.unlink(missing_ok=True)
        self.forget_outbox()

    @staticmethod
    def forget_outbox() -> None:
        """Take away what the box has on its disk; it has to be stopped."""
        for path in DATA.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def start(self, *units: str) -> None:
        """Start units; returns when systemd has heard READY of each."""
        for unit in units:
            run("systemctl", "start", unit)

    def stop(self, *units: str) -> None:
        """Stop units in order; harmless where they do not run."""
        for unit in units:
            run("systemctl", "stop", unit)
            run("systemctl", "reset-failed", unit, check=False)

    def restart(self, unit: str) -> None:
        """Stop and start it again."""
        run("systemctl", "restart", unit)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def pid(self, unit: str) -> int:
        """The main process of a unit; 0 where it does not run."""
        return int(self.show(unit, "MainPID"))

    def active(self, unit: str) -> bool:
        """Whether it runs and has said READY."""
        return self.show(unit, "ActiveState") == "active"

    def state(self) -> dict[str, Any]:
        """What the box's own page says; empty while it does not answer."""
        try:
            return ask_box(load(CONFIG), "GET", "/state")
        except NoAnswer:
            return {}

    def wait_for_sound(self) -> None:
        """Return when the box says that sound comes and the bridge takes data."""
        wait_until(self._healthy, "sound comes, and box and bridge talk to each other", poll_s=0.1)

    def _healthy(self) -> bool:
        state = self.state()
        ear = state.get("health", {}).get("ear") or {}
        return bool(state.get("bridge_online") and ear.get("running"))

    def log(self, *fields: str, since_s: float | None = None, unit: str | None = None) -> list[dict[str, Any]]:
        """Records of the journal: those with all `fields` (NAME=value), of one unit, of the last seconds."""
        command = ["journalctl", "--no-pager", "--output=json", "--boot"]
        if unit is not None:
            command.append(f"--unit={unit}.service")
        lines = run(*command, *fields).stdout.splitlines()
        records = [json.loads(line) for line in lines]
        if since_s is not None:
            begin_us = (time.monotonic() - since_s) * 1e6
            records = [record for record in records if int(record["__MONOTONIC_TIMESTAMP"]) >= begin_us]
        return records

    def story(self, since_s: float) -> str:
        """What units and systemd said in the last seconds, for a failed test."""
        records = [record for unit in (EAR, EYE, BOX) for record in self.log(unit=unit, since_s=since_s)]
        records.sort(key=lambda record: int(record["__MONOTONIC_TIMESTAMP"]))
        return "\n".join(
            f"{int(record['__MONOTONIC_TIMESTAMP']) / 1e6:10.3f} {record.get('SYSLOG_IDENTIFIER')}: {record['MESSAGE']}"
            for record in records
        )


def box_toml(*, site: str, name: str, port: int, keypad: str, extra: str = "") -> str:
    """The file that an engineer writes for this counter: a microphone, a red button, an appeal button, a lamp."""
    return f"""\
[box]
site = "{site}"
name = "{name}"
place = "Counter in the lab"

[ear]
device = "plughw:CARD=Loopback,DEV=1"
depth_s = 300

[tracks.windows]
incident = {{ before_s = 3, after_s = 2 }}
appeal = {{ before_s = 3, after_s = 2 }}

[[buttons]]
name = "red"
driver = "gpio"
line = "GPIO17"
trigger = "incident"
rating = 1

[[buttons]]
name = "appeal"
driver = "usb"
device = "{keypad}"
key = "KEY_ENTER"
trigger = "appeal"
employee = "Anna Petrova"

[[lamps]]
name = "red-lamp"
driver = "gpio_led"
line = "GPIO27"
button = "red"

[[lamps]]
name = "appeal-lamp"
driver = "gpio_led"
line = "GPIO22"
button = "appeal"

[uplink]
host = "127.0.0.1"
port = {port}
tls = false
user = "{site}/{name}"
password_file = "/run/credentials/earshot-box.service/broker"
{extra}"""
