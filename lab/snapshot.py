"""A running machine kept in files, so that a job starts in a second instead of a boot."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import time
from pathlib import Path

from lab.control import Control
from lab.errors import LabError
from lab.machine import QEMU, Machine, Settings, make_overlay, overlay_disk

BOOT_TIMEOUT_S = 600.0


def key(settings: Settings) -> str:
    """Changes with image, machine and version of QEMU: a snapshot restored into another machine corrupts files."""
    version = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    return hashlib.sha256("\0".join([settings.image.key, version, *settings.arguments]).encode()).hexdigest()[:16]


def take(settings: Settings, folder: Path) -> None:
    """Boot the image and keep the idle machine in `folder`.

    Raises `LabError` when it does not come up, with the end of its console.
    """
    overlay = make_overlay(settings.image.disk, "raw", folder / "disk.qcow2")
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        with Machine(settings, work, overlay_disk(overlay), _empty_shares(work)) as machine:
            Control(machine).wait_until_up(BOOT_TIMEOUT_S)
            machine.qmp("stop")
            machine.qmp("migrate", uri=f"exec:zstd -1 -q -f -o {folder / 'ram.zst'}")
            until = time.monotonic() + BOOT_TIMEOUT_S
            while (state := machine.qmp("query-migrate"))["status"] != "completed":
                if state["status"] == "failed" or time.monotonic() > until:
                    raise LabError(f"QEMU could not keep the machine: {state}")
                time.sleep(0.1)
            machine.qmp("quit")
            machine.process.wait(30)


def restore(
    settings: Settings, folder: Path, work: Path, job: Path, project: Path, *, terminal: bool = False
) -> Machine:
    """Start a machine in `work` from the snapshot in `folder`; what it writes to its disk goes with `work`.

    `terminal`: its console is this process's terminal. Raises `LabError`.
    """
    overlay = make_overlay(folder / "disk.qcow2", "qcow2", work / "disk.qcow2")
    extra = ["-incoming", f"exec:zstd -dcq {folder / 'ram.zst'}"]
    machine = Machine(settings, work, overlay_disk(overlay), shares(project, job), extra, terminal)
    until = time.monotonic() + BOOT_TIMEOUT_S
    while machine.qmp("query-status")["status"] == "inmigrate":
        if machine.process.poll() is not None or time.monotonic() > until:
            machine.kill()
            raise LabError(f"QEMU could not restore {folder}: {(work / 'qemu.log').read_text()[-1000:]}")
        time.sleep(0.05)
    if machine.qmp("query-status")["status"] != "running":
        machine.qmp("cont")
    return machine


def shares(project: Path, job: Path) -> dict[str, tuple[Path, bool]]:
    """What a machine sees of the host: the checkout, which it cannot write, and the folder of its job."""
    return {"project": (project, False), "job": (job, True)}


def _empty_shares(work: Path) -> dict[str, tuple[Path, bool]]:
    folder = work / "empty"
    folder.mkdir()
    return shares(folder, folder)
