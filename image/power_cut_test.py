"""Power cuts in the middle of the first boot: whatever was cut off, the next boot ends with the same box."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from image.boot_test import BOOT_TIMEOUT_S, PATIENT, World, put_extra, put_sheet, sheet, wait_ready, world
from image.machine import BootError, BoxMachine

# What the console shows when the part of a first boot begins and ends that changes the card.
BEGIN, END = "earshot-grow.service", "Finished earshot-provision.service"

# Everything that provisioning leaves, but for keys, which are made of chance.
_STATE = """
cd /data
find etc -type f ! -name 'ssh_host_*' | sort | xargs sha256sum
find etc -type l -exec readlink {} +
sha256sum /boot/firmware/earshot.toml
ls -A /boot/firmware /data/etc/earshot
df -B1M --output=size /data | tail -1
cat /proc/sys/kernel/hostname
"""


def run(image: Path, folder: Path, cuts: int, seed: int = 1) -> dict[str, Any]:
    """Cut `cuts` first boots off at random moments; raises `BootError` where the next one does not end as it should."""
    chance = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    with world(folder) as of:
        card = folder / "card.img"
        subprocess.run(["cp", "--sparse=always", str(image), str(card)], check=True)
        put_sheet(card, sheet(of))
        put_extra(card, f"systemd.show_status=1 {PATIENT}")
        expected, span_s = _uninterrupted(card, folder / "whole", of)
        rounds = []
        for number in range(cuts):
            # A little longer than the span, so that the moments just after it are met, too.
            after_s = chance.uniform(0, 1.2) * span_s
            state = _cut_and_boot(card, folder / f"cut-{number}", of, after_s)
            if state != expected:
                raise BootError(f"cut {after_s:.1f} s into the first boot, it became\n{state}\ninstead of\n{expected}")
            shutil.rmtree(folder / f"cut-{number}")
            rounds.append(round(after_s, 2))
    return {"cuts": cuts, "span_s": span_s, "cut_after_s": rounds, "ended_the_same": len(rounds)}


def _uninterrupted(card: Path, folder: Path, of: World) -> tuple[str, float]:
    with BoxMachine(card, folder, of.ports, restarts=True) as machine:
        machine.wait_for_console(BEGIN, BOOT_TIMEOUT_S)
        begin = time.monotonic()
        machine.wait_for_console(END, BOOT_TIMEOUT_S)
        span_s = time.monotonic() - begin
        return _state(machine, of), span_s


def _cut_and_boot(card: Path, folder: Path, of: World, after_s: float) -> str:
    with BoxMachine(card, folder, of.ports, restarts=True) as machine:
        machine.wait_for_console(BEGIN, BOOT_TIMEOUT_S)
        time.sleep(after_s)
    with BoxMachine(card, folder, of.ports, restarts=True) as machine:
        return _state(machine, of)


def _state(machine: BoxMachine, of: World) -> str:
    machine.wait_for_ssh(of.identity, BOOT_TIMEOUT_S)
    wait_ready(machine, of)
    return machine.ssh(of.identity, _STATE)
