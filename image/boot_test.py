"""The image tried out: boot, provisioning, a press of a USB button, the bridge's receipt; and what it takes.

Broker and bridge are real and run on this machine. Sound is played from a file (every record says `simulated`); the
button is a USB keyboard that the guest's kernel drives. Figures of time are those of an emulated processor.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.broker import box_user, free_port
from demo.chain import BOX, SITE, Chain, Settings, memory_folder
from demo.observer import Journey, Observer
from edge.provision import sheet_text
from image.disk import Layout
from image.machine import HOST, BootError, BoxMachine, Ports

# What QEMU's keyboard is called by udev on the virtual board.
KEYBOARD = "/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_68284-0000:00:04.0-1-event-kbd"
# An emulated processor on a busy machine may stand still for longer than a board's watchdog would bear.
_UNITS = ("earshot-ear", "earshot-eye", "earshot-box", "earshot-enrol", "earshot-provision", "earshot-slot", "ssh")
_PATIENCE = base64.b64encode(b"[Service]\nTimeoutStartSec=15min\nWatchdogSec=0\n").decode()
PATIENT = " ".join(
    (
        "systemd.watchdog_sec=5min systemd.default_device_timeout_sec=15min systemd.default_timeout_start_sec=15min",
        *(f"systemd.set_credential_binary=systemd.unit-dropin.{unit}.service:{_PATIENCE}" for unit in _UNITS),
    )
)
BOOT_TIMEOUT_S = 900.0
PRESS_TIMEOUT_S = 240.0
_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class World:
    """The folder of a run, with broker and bridge running, an SSH key and the ports that lead to the guest."""

    folder: Path
    chain: Chain
    observer: Observer
    identity: Path
    ports: Ports
    token: str


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Broker and bridge on this machine, stopped on the way out; everything of the run is below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    memory = memory_folder()
    chain = Chain(folder, memory, Settings(wav=folder / "never.wav"))
    identity = folder / "id_ed25519"
    if not identity.exists():
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "boot-test", "-f", str(identity)], check=True
        )
    try:
        chain.broker.start()
        chain.prepare()
        chain.bridge.start()
        observer = Observer(chain.broker)
        observer.start()
        try:
            ports = Ports(ssh=free_port(), web=free_port())
            yield World(folder, chain, observer, identity, ports, secrets.token_urlsafe(18))
        finally:
            observer.stop()
    finally:
        chain.stop()
        shutil.rmtree(memory, ignore_errors=True)


def sheet(of: World, keyboard: str = KEYBOARD) -> str:
    """What a field engineer would fill in, and the settings of this test beneath."""
    key = of.identity.with_suffix(".pub").read_text().strip()
    filled = sheet_text.filled(
        {
            "box.site": SITE,
            "box.name": BOX,
            "box.place": "Boot test",
            "box.time_zone": "Europe/Riga",
            "broker.host": HOST,
            "broker.password": of.chain.broker.accounts[box_user(SITE, BOX)],
            "web.token": of.token,
        },
        {"ssh.keys": [key]},
    )
    filled = filled.replace(f'host = "{HOST}"', f'host = "{HOST}"\nport = {of.chain.broker.port}\ntls = false')
    return (
        f"{filled}\n"
        f'[[buttons]]\nname = "red"\ntrigger = "incident"\ndevice = "{keyboard}"\nkey = "KEY_ENTER"\n'
        '[settings.ear]\ndriver = "wav"\nfile = "/usr/share/sounds/alsa/Noise.wav"\nrate_hz = 48000\ndepth_s = 600\n'
        f"[settings.tracks.windows.incident]\nbefore_s = 10\nafter_s = {_AFTER_S}\n"
    )


def put_sheet(image: Path, text: str) -> None:
    """Write earshot.toml onto the boot partition of an image file."""
    _put(image, sheet_text.NAME, sheet_text.padded(text))


def put_extra(image: Path, arguments: str) -> None:
    """Give the kernel `arguments` at each start of an image file."""
    _put(image, "extra.env", f"extra={arguments}\n".encode())


def _put(image: Path, name: str, content: bytes) -> None:
    place = f"{image}@@{Layout().parts[0].start_bytes}"
    subprocess.run(["mcopy", "-o", "-i", place, "-", f"::{name}"], check=True, input=content)


def run(image: Path, folder: Path, *, idle_s: float) -> dict[str, Any]:
    """Boot a copy of `image` and go through it all; returns the figures. Raises `BootError` where something fails."""
    shutil.rmtree(folder, ignore_errors=True)
    with world(folder) as of:
        copy = folder / "card.img"
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        put_sheet(copy, sheet(of))
        put_extra(copy, f"quiet {PATIENT}")
        begin = time.monotonic()
        with BoxMachine(copy, folder / "machine", of.ports) as machine:
            machine.wait_for_ssh(of.identity, BOOT_TIMEOUT_S)
            wait_ready(machine, of)
            figures: dict[str, Any] = {"wall_to_ready_s": time.monotonic() - begin, **boot_figures(machine, of)}
            figures |= press(machine, of)
            figures |= memory_figures(machine, of)
            figures |= idle_figures(machine, of, idle_s)
            figures |= facts(machine, of)
    return figures


def wait_ready(machine: BoxMachine, of: World) -> None:
    """Return when the units have said that they are ready; raises `BootError` with what they logged."""
    deadline = time.monotonic() + BOOT_TIMEOUT_S
    while True:
        states = machine.ssh(of.identity, "systemctl is-active earshot-ear earshot-box", check=False).split()
        if states == ["active", "active"]:
            return
        if time.monotonic() > deadline:
            log = machine.ssh(of.identity, "systemctl --failed; journalctl -b --no-pager -n 60 -p info", check=False)
            raise BootError(f"ear and box are {states}\n{log}")
        time.sleep(2)


def boot_figures(machine: BoxMachine, of: World) -> dict[str, Any]:
    """When the guest was ready for a press, in seconds since its kernel began."""
    text = machine.ssh(
        of.identity,
        "for unit in earshot-provision earshot-ear earshot-box; do "
        "systemctl show -P ActiveEnterTimestampMonotonic $unit; done; systemctl show -P UserspaceTimestampMonotonic",
    )
    provisioned, ear, box, userspace = (int(word) / 1e6 for word in text.split())
    return {
        "userspace_s": userspace,
        "provisioned_s": provisioned,
        "ready_s": max(ear, box),
    }


def press(machine: BoxMachine, of: World) -> dict[str, Any]:
    """Press the button and wait for the receipt of the whole track."""
    known = set(of.observer.journeys)
    machine.key("ret")
    deadline = time.monotonic() + PRESS_TIMEOUT_S
    while True:
        journey = _finished(of.observer, known)
        if journey is not None and journey.manifest is not None:
            break
        if time.monotonic() > deadline:
            log = machine.ssh(of.identity, "earshot doctor; journalctl -u 'earshot-*' --no-pager -n 60", check=False)
            raise BootError(f"no receipt of a track within {PRESS_TIMEOUT_S:.0f} s of the press\n{log}")
        time.sleep(0.5)
    track = journey.manifest
    if track.partial or track.gaps:
        raise BootError(f"the track is not whole: {track}")
    return {
        "press_source": str(journey.data.source),
        "press_simulated": journey.data.simulated,
        "track_bytes": track.bytes,
        "press_to_receipt_s": ((journey.track_receipt_ns or 0) - journey.event_ns) / 1e9,
        "align_error_ms": track.align_error_ms,
    }


def _finished(observer: Observer, known: set[str]) -> Journey | None:
    with observer.lock:
        fresh = [journey for press, journey in observer.journeys.items() if press not in known]
    return next((journey for journey in fresh if journey.track_receipt_ns is not None), None)


_MEMORY = """
for status in /proc/[0-9]*; do
    name=$(tr '\\0' ' ' < $status/cmdline 2>/dev/null | cut -c1-60)
    [ -n "$name" ] || continue
    awk -v name="$name" \
        '/^Pss:/ {pss=$2} /^Rss:/ {rss=$2} END {if (rss) print pss, rss, name}' $status/smaps_rollup 2>/dev/null
done
echo ---
cat /proc/meminfo
"""


def memory_figures(machine: BoxMachine, of: World) -> dict[str, Any]:
    """What every process takes (PSS, shared pages counted once), what the kernel takes, what is left."""
    processes, _, meminfo = machine.ssh(of.identity, _MEMORY).partition("---\n")
    rows = [(int(pss), int(rss), name) for pss, rss, name in (line.split(" ", 2) for line in processes.splitlines())]
    info = {line.split(":")[0]: int(line.split()[1]) for line in meminfo.splitlines()}
    # The shell that asks is none of the box's.
    rows = [row for row in rows if not row[2].startswith(("sshd", "awk", "bash -c", "sh -c"))]
    rows.sort(reverse=True)
    return {
        "pss_mb": sum(pss for pss, _, _ in rows) / 1024,
        "rss_mb": sum(rss for _, rss, _ in rows) / 1024,
        "total_mb": info["MemTotal"] / 1024,
        "available_mb": info["MemAvailable"] / 1024,
        "shared_memory_mb": info["Shmem"] / 1024,
        "slab_mb": info["Slab"] / 1024,
        "swapped_mb": (info["SwapTotal"] - info["SwapFree"]) / 1024,
        "processes": [f"{pss / 1024:.1f} MB {name.strip()}" for pss, _, name in rows[:10]],
    }


def idle_figures(machine: BoxMachine, of: World, idle_s: float) -> dict[str, Any]:
    """Bytes written to the card while nobody presses, over `idle_s`, and as many an hour."""

    def written() -> tuple[int, dict[str, int]]:
        text = machine.ssh(
            of.identity, "cd /sys/class/block; for part in vda vda?; do echo $part $(cat $part/stat); done"
        )
        rows = [line.split() for line in text.splitlines()]
        counts = {row[0]: int(row[7]) * 512 for row in rows}
        return counts["vda"], counts

    # What the press left to be written is not of the idle time.
    machine.ssh(of.identity, "sync")
    time.sleep(min(60.0, idle_s))
    begin, before = written()
    started = time.monotonic()
    time.sleep(idle_s)
    end, after = written()
    measured_s = time.monotonic() - started
    return {
        "idle_measured_s": measured_s,
        "idle_written_bytes": end - begin,
        "idle_written_by_part": {part: after[part] - before[part] for part in after},
        "idle_bytes_an_hour": (end - begin) * 3600 / measured_s,
    }


def facts(machine: BoxMachine, of: World) -> dict[str, Any]:
    """What has to be true of a box that was flashed; raises `BootError` for what is not."""

    def say(command: str) -> str:
        return machine.ssh(of.identity, command, check=False).strip()

    found = {
        "hostname": say("cat /proc/sys/kernel/hostname"),
        "root": say("findmnt -no FSTYPE,OPTIONS /"),
        "slot_written": say("findmnt -no OPTIONS -S PARTUUID=ea250001-02"),
        "boot": say("findmnt -no OPTIONS /boot/firmware"),
        "data_gib": int(say("df -B1 --output=size /data | tail -1") or 0) / 2**30,
        "counters": say("fw_printenv"),
        "rauc": json.loads(say("rauc status --output-format=json") or "{}"),
        "watchdog": say("systemctl show -P RuntimeWatchdogUSec; wdctl -O 2>/dev/null | head -3"),
        "passwords": say("grep -vc ':[*!]' /etc/shadow"),
        "listening": say("ss -Htuln | awk '{print $1, $5}' | sort -u"),
        "sheet_secrets": say("grep -c '\\*\\*\\*\\*\\*\\*\\*\\*' /boot/firmware/earshot.toml"),
        "failed": say("systemctl --failed --no-legend --plain"),
        "doctor": say("earshot doctor"),
        "time_zone": say("date +%Z"),
        "mdns": say("resolvectl status --no-pager | grep -i mdns"),
    }
    wrong = [
        name
        for name, holds in {
            "hostname": found["hostname"] == BOX,
            "root": str(found["root"]).startswith("overlay"),
            "boot": "ro" in str(found["boot"]).split(","),
            "data_gib": found["data_gib"] > 3,
            "passwords": found["passwords"] == "0",
            "failed": found["failed"] == "",
        }.items()
        if not holds
    ]
    if wrong:
        raise BootError(f"not as it should be: {', '.join(wrong)}\n{json.dumps(found, indent=1, ensure_ascii=False)}")
    return found
