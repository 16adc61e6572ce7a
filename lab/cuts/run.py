"""Power cuts: a counter in a machine, a broker and a bridge on the host, and a hand at the plug."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import click
import numpy as np
import soundfile

from demo.chain import BOX, SITE, Chain
from demo.chain import Settings as ChainSettings
from demo.ledger import Ledger
from demo.locate import Samples
from lab import project, recipe, snapshot
from lab.control import Control
from lab.cuts.box import box_toml
from lab.cuts.judge import Verdict, Witnessed, judge, missing
from lab.cuts.write_log import Replayed, logged_disk, replay
from lab.errors import LabError
from lab.machine import WITNESS, Machine, Settings, make_overlay

BOOT_TIMEOUT_S = 600.0
HEAL_TIMEOUT_S = 900.0
# A share of the cuts falls into the boot itself, the others into the seconds after the box is at work.
_SHARE_IN_BOOT = 0.2
_WORK_S = 15.0
_SOURCE_S = 600
_RATE_HZ = 16000
_KERNEL_ARGUMENTS = "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=warning"
_NETWORK = ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")


@dataclass
class Outcome:
    """What a run of power cuts came to."""

    cuts: int = 0
    cuts_in_boot: int = 0
    boots: int = 0
    witnessed: Witnessed = field(default_factory=Witnessed)
    verdict: Verdict = field(default_factory=Verdict)
    lost_writes: int = 0
    kept_writes: int = 0
    boot_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    seed: int = 0


def run(settings: Settings, maker: Settings, kept: Path, folder: Path, cuts: int, seed: int) -> Outcome:
    """Cut the power of a machine of `settings` `cuts` times; `folder` keeps disk, logs, broker and bridge.

    Its disk is made in a machine of `maker`, which the snapshot `kept` holds. Raises `LabError`.
    """
    begin = time.monotonic()
    dice = random.Random(seed)
    outcome = Outcome(seed=seed)
    source = _source(seed)
    cloud = Chain(folder / "cloud", folder / "unused", ChainSettings(wav=None))
    cloud.prepare()
    disk = folder / "disk.raw"
    _prepare(maker, kept, folder, cloud, source, disk)
    with contextlib.ExitStack() as stack:
        stack.callback(cloud.stop)
        cloud.broker.start()
        cloud.bridge.start()
        for number in range(1, cuts + 1):
            what = _one_cut(settings, folder, disk, dice, outcome)
            click.echo(f"lab: cut {number} of {cuts}: {what}")
        _heal(settings, folder, disk, cloud, outcome)
    verdict = judge(outcome.witnessed, cloud.database, Ledger(cloud.database, cloud.blobs), source)
    verdict.faults[:0] = outcome.verdict.faults
    outcome.verdict = verdict
    outcome.seconds = time.monotonic() - begin
    return outcome


class Boot:
    """One life of the machine, from power on to power off; its writes are logged."""

    def __init__(self, settings: Settings, folder: Path, disk: Path) -> None:
        self.log = folder / "writes.log"
        self._overlay = folder / "overlay.qcow2"
        self._overlay.unlink(missing_ok=True)
        make_overlay(disk, "raw", self._overlay)
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.begin = time.monotonic()
        self._work = Path("/tmp") / f"earshot-lab-{folder.name[-8:]}"  # noqa: S108 - a socket's path has to be short
        # The journal is lost with the power; what it says stays on the console.
        talking = replace(settings, kernel_arguments=_KERNEL_ARGUMENTS)
        self.machine = Machine(talking, self._work, logged_disk(self._overlay, self.log), extra=list(_NETWORK))
        self._port = self.machine.port(WITNESS)
        self._reader = threading.Thread(target=self._read, name="witness", daemon=True)
        self._reader.start()

    def order(self, order: str) -> None:
        """Say something to the counter in the guest."""
        self._port.sendall(order.encode() + b"\n")

    def message(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, None when none comes in time."""
        try:
            return self._messages.get(timeout=max(timeout_s, 0.01))
        except queue.Empty:
            return None

    def wait_for(self, kind: str, timeout_s: float) -> dict[str, Any]:
        """The next message of this kind; raises `LabError`."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            message = self.message(until - time.monotonic())
            if message is not None and message["kind"] == kind:
                return message
        console = self.machine.folder / "console"
        raise LabError(f"the guest did not tell {kind!r} within {timeout_s:.0f} s: {console.read_text()[-2000:]}")

    def cut(self) -> list[dict[str, Any]]:
        """Take the power away; returns what was told before and not yet asked for."""
        self.machine.kill()
        self._reader.join()
        left = []
        while not self._messages.empty():
            left.append(self._messages.get())
        return left

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.__exit__(None, None, None)
        self._port.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def _read(self) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while part := self._port.recv(65536):
                *lines, buffer = (buffer + part).split(b"\n")
                for line in lines:
                    self._messages.put(json.loads(line))


def _one_cut(settings: Settings, folder: Path, disk: Path, dice: random.Random, outcome: Outcome) -> str:
    usual_boot_s = float(np.median(outcome.boot_s)) if outcome.boot_s else 0.0
    in_boot = bool(usual_boot_s) and dice.random() < _SHARE_IN_BOOT
    with Boot(settings, folder, disk) as boot:
        told: list[dict[str, Any]] = []
        boot_id = ""
        if in_boot:
            wait_s = dice.uniform(0, usual_boot_s)
        else:
            boot_id = boot.wait_for("boot", BOOT_TIMEOUT_S)["boot_id"]
            boot.order("press")
            boot.wait_for("ready", BOOT_TIMEOUT_S)
            outcome.boot_s.append(time.monotonic() - boot.begin)
            wait_s = dice.uniform(0, _WORK_S)
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            if (message := boot.message(left_s)) is not None:
                told.append(message)
        told += boot.cut()
        _take_down(told, boot_id, outcome.witnessed)
        kept = replay(boot.log, disk, dice)
    _count(outcome, kept, in_boot=in_boot)
    acknowledged = sum(message["kind"] in ("acked", "lamp") for message in told)
    where = "in the boot" if in_boot else f"{wait_s:.1f} s after ready, {acknowledged} acknowledged"
    others = kept.kept_writes + kept.lost_writes
    return f"{where}; {kept.safe_writes} writes safe, {kept.kept_writes} of {others} others kept"


def _count(outcome: Outcome, kept: Replayed, *, in_boot: bool) -> None:
    outcome.cuts += 1
    outcome.boots += 1
    outcome.cuts_in_boot += in_boot
    outcome.kept_writes += kept.kept_writes
    outcome.lost_writes += kept.lost_writes


def _take_down(told: list[dict[str, Any]], boot_id: str, witnessed: Witnessed) -> None:
    for message in told:
        match message:
            case {"kind": "acked", "press": press, "request": request}:
                witnessed.pages[request] = press
            case {"kind": "lamp", "before_ns": before_ns, "after_ns": after_ns}:
                witnessed.lamps.append((boot_id, before_ns, after_ns))


def _heal(settings: Settings, folder: Path, disk: Path, cloud: Chain, outcome: Outcome) -> None:
    """Boot once more and let it deliver; then databases, file system and the kernel's own complaints are looked at."""
    ledger = Ledger(cloud.database, cloud.blobs)
    faults = outcome.verdict.faults
    with Boot(settings, folder, disk) as boot:
        outcome.boots += 1
        boot.wait_for("boot", BOOT_TIMEOUT_S)
        until = time.monotonic() + HEAL_TIMEOUT_S
        while left := missing(outcome.witnessed, cloud.database, ledger):
            if time.monotonic() > until:
                faults.append(f"after {HEAL_TIMEOUT_S:.0f} s without a cut {len(left)} were not delivered")
                break
            time.sleep(1)
        boot.order("check")
        checked = boot.wait_for("checked", BOOT_TIMEOUT_S)
        faults += [f"{name}: {state}" for name, state in checked["databases"].items() if state != "ok"]
        faults += checked["file_system"]
        if not checked["databases"]:
            faults.append("the box has no database")
        boot.order("off")
        boot.machine.process.wait(BOOT_TIMEOUT_S)
        replay(boot.log, disk, random.Random(0))
    answer = subprocess.run(["e2fsck", "-f", "-n", str(disk)], capture_output=True, text=True, check=False)
    if answer.returncode:
        faults.append(f"e2fsck: {answer.stdout.strip()[-500:]}")


def _prepare(maker: Settings, kept: Path, folder: Path, cloud: Chain, source: Samples, disk: Path) -> None:
    job = folder / "job"
    job.mkdir()
    project.pack(recipe.ROOT, job / "project.tar")
    (job / "after_project").write_text(recipe.load().field.after_project)
    (job / "box.toml").write_text(box_toml(cloud.broker.port))
    (job / "password").write_text(cloud.broker.accounts[f"{SITE}/{BOX}"])
    soundfile.write(job / "source.wav", source, _RATE_HZ, subtype="PCM_16")
    work = Path("/tmp") / f"earshot-lab-{folder.name[-8:]}"  # noqa: S108 - a socket's path has to be short
    work.mkdir(mode=0o700)
    try:
        with snapshot.restore(maker, kept, work, job, recipe.ROOT) as machine:
            control = Control(machine)
            control.begin("/project/lab/cuts/prepare >/job/output 2>&1")
            if status := control.wait_until_ended(BOOT_TIMEOUT_S):
                raise LabError(f"the counter could not be prepared ({status}): {(job / 'output').read_text()[-2000:]}")
            machine.qmp("quit")
            machine.process.wait(60)
        command = ["qemu-img", "convert", "-O", "raw", str(work / "disk.qcow2"), str(disk)]
        subprocess.run(command, check=True, capture_output=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _source(seed: int) -> Samples:
    """Noise without a zero: silence is the player's, never the source's."""
    noise = np.random.default_rng(seed).integers(1, 12000, _SOURCE_S * _RATE_HZ)
    signs = np.random.default_rng(seed + 1).choice([-1, 1], _SOURCE_S * _RATE_HZ)
    return np.asarray(noise * signs, np.int16)
