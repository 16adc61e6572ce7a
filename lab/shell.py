"""A person in the guest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from lab import recipe, snapshot, suite
from lab.control import Control
from lab.machine import Settings

_A_DAY_S = 24 * 3600.0
_COMMAND = """
/project/lab/guest/install >/job/install.log 2>&1 || cat /job/install.log >/dev/ttyS0
exec setsid --wait agetty --autologin root --noclear --keep-baud ttyS0 115200 linux </dev/ttyS0 >/dev/ttyS0 2>&1
"""


def run(settings: Settings, kept: Path) -> None:
    """Restore the snapshot `kept` with its console on this terminal, log root in; returns when that shell ends."""
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        job = work / "job"
        suite.prepare(job)
        with snapshot.restore(settings, kept, work, job, recipe.ROOT, terminal=True) as machine:
            control = Control(machine)
            control.begin(_COMMAND)
            click.echo("lab: installing the project; 'exit' ends the machine")
            control.wait_until_ended(_A_DAY_S)
