"""A person in the guest."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab import recipe, suite
from lab.control import Control
from lab.machine import Machine, Settings, make_overlay, overlay_disk
from lab.snapshot import BOOT_TIMEOUT_S, shares

_COMMAND = """
/project/lab/guest/install >/job/install.log 2>&1 || cat /job/install.log >/dev/ttyS0
exec setsid --wait agetty --autologin root --noclear --keep-baud ttyS0 115200 linux </dev/ttyS0 >/dev/ttyS0 2>&1
"""


def run(settings: Settings) -> None:
    """Boot the image with its console on this terminal, log root in; returns when that shell ends."""
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        job = work / "job"
        suite.prepare(job)
        overlay = make_overlay(settings.image.disk, "raw", work / "disk.qcow2")
        with Machine(settings, work, overlay_disk(overlay), shares(recipe.ROOT, job), terminal=True) as machine:
            control = Control(machine)
            control.wait_until_up(BOOT_TIMEOUT_S)
            control.begin(_COMMAND)
            control.wait_until_ended(float(24 * 3600))
