"""Hours of the shipped ear in virtual time; the guest's part is lab/longrun.py."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import job, recipe, suite
from lab.errors import LabError
from lab.machine import Settings

# The longest periods that the box can be configured to: fewer of them make an hour cheaper to compute.
RATE_HZ = 8000
PERIOD_FRAMES = 8192


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a long run came to; `result` is what the guest counted."""

    hours: float
    seconds: float
    faults: list[str]
    result: dict[str, Any]


def run(settings: Settings, kept: Path, folder: Path, hours: float, timeout_s: float) -> Outcome:
    """Let the ear hear for `hours` of the guest's time. Raises `LabError` when there is no result."""
    begin = time.monotonic()
    suite.prepare(folder)
    command = f"{suite.INSTALL}/opt/lab/bin/python -m lab.longrun {hours} {RATE_HZ} {PERIOD_FRAMES}\n"
    done = job.run(settings, kept, folder, recipe.ROOT, command, timeout_s)
    path = folder / "longrun.json"
    if not path.exists():
        raise LabError(f"the long run brought no result (status {done.status}); see {folder / 'output'}")
    result: dict[str, Any] = json.loads(path.read_text())
    return Outcome(hours, time.monotonic() - begin, faults_of(result), result)


def faults_of(result: dict[str, Any]) -> list[str]:
    """What is wrong with the account of a long run, in words."""
    faults = [f"{name} = {result[name]}" for name in ("lost_frames", "unexplained_frames", "restarts") if result[name]]
    # Each look finds the ring up to a period, and the scheduler's doing, behind the clock.
    if abs(result["off_frames"]) > 2 * result["period_frames"]:
        faults.append(f"{result['off_frames']} frames off the guest's clock")
    return faults
