"""Updates tried out in the virtual box: a good one, broken ones that go back by themselves, power cuts on the way.

Broker and bridge are real and run on this machine; the box is the image, started by U-Boot, with the RAUC, the boot
counters and the units that it is shipped with. Broken releases are the same slot with one thing taken away, signed as
every release.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cloud_bridge.store.engine import Store, open_store
from cloud_bridge.updates import offers
from demo.chain import BOX, SITE, earshot_command
from image import base, bundle, keys
from image.boot_test import BOOT_TIMEOUT_S, World, press, put_extra, put_sheet, sheet, wait_ready, world
from image.machine import HOST, BootError, BoxMachine
from lab.figures import PAGE, Figure
from lab.figures import write as write_between

MARKS = ("<!-- update figures -->", "<!-- end of update figures -->")
_UPDATE_TIMEOUT_S = 3600.0
_POLL_S = 1.0
# How long a broken release is on trial: one that never gets to work need not be waited for, one that has to say what is
# wrong needs the minutes that an emulated box takes to start.
_TRIAL_S, _WORKING_TRIAL_S = 90, 480
_QUICK = 3
# An emulated processor on a busy machine gets no time for longer than the watchdog of a board waits: it would be reset
# in the middle of a healthy boot. So here the watchdog's driver does not start, and the boot counter is left alone.
_ARGUMENTS = (
    "quiet initcall_blacklist=esb_driver_init systemd.default_device_timeout_sec=900"
    " systemd.default_timeout_start_sec=900"
)
# What takes an emulated processor minutes at each start, and has no part in an update.
_MASKED = ("earshot-eye", "ldconfig", "systemd-binfmt", "systemd-journal-catalog-update", "systemd-hwdb-update")
_OS_RELEASE = "/usr/lib/os-release"
_TRIAL = "/etc/systemd/system/earshot-trial.service.d"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a release: files that are gone, and files (path → text, mode) that are others."""

    gone: tuple[str, ...] = ()
    others: dict[str, tuple[str, int]] = field(default_factory=dict)
    reason: str = ""
    trial_s: int = _TRIAL_S


FAULTS = {
    "no init": Fault(gone=("/usr/lib/systemd/systemd",), reason="never came as far"),
    "the box's program crashes": Fault(
        others={"/opt/earshot/bin/earshot": ("#!/bin/sh\nexit 1\n", 0o755)}, reason="never came as far"
    ),
    "no sound flows": Fault(
        others={
            "/etc/systemd/system/earshot-ear.service.d/broken.conf": (
                "[Service]\nType=exec\nWatchdogSec=0\nExecStart=\nExecStart=/bin/sleep infinity\n",
                0o644,
            )
        },
        reason="no sound flows",
        trial_s=_WORKING_TRIAL_S,
    ),
    "no receipt comes": Fault(
        others={
            "/etc/systemd/system/earshot-box.service.d/broken.conf": (
                "[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost\n",
                0o644,
            )
        },
        reason="has not confirmed",
        trial_s=_WORKING_TRIAL_S,
    ),
}


def variant(slot: Path, out: Path, release: str, fault: Fault | None = None) -> Path:
    """A copy of the slot `slot` that says it is `release` and has `fault`; no mount is made."""
    subprocess.run(["cp", "--sparse=always", str(slot), str(out)], check=True)
    said = subprocess.run(["debugfs", "-R", f"cat {_OS_RELEASE}", str(out)], check=True, capture_output=True, text=True)
    lines = [line for line in said.stdout.splitlines() if not line.startswith("IMAGE_VERSION=")]
    others = {_OS_RELEASE: ("\n".join([*lines, f'IMAGE_VERSION="{release}"', ""]), 0o644)}
    commands = []
    if fault is not None:
        others |= fault.others
        others[f"{_TRIAL}/test.conf"] = (f"[Service]\nEnvironment=EARSHOT_TRIAL_S={fault.trial_s}\n", 0o644)
        commands += [f"mkdir {_TRIAL}", *(f"rm {path}" for path in fault.gone)]
    with TemporaryDirectory(dir=out.parent) as name:
        folder = Path(name)
        for number, (path, (text, mode)) in enumerate(others.items()):
            source = folder / str(number)
            source.write_text(text)
            commands += [f"rm {path}", f"write {source} {path}", f"sif {path} mode 0{0o100000 | mode:o}"]
        script = folder / "commands"
        script.write_text("\n".join(commands) + "\n")
        subprocess.run(["debugfs", "-w", "-f", str(script), str(out)], check=True, capture_output=True)
    check = subprocess.run(["e2fsck", "-fn", str(out)], check=False, capture_output=True, text=True)
    if check.returncode:
        raise RuntimeError(f"the changed slot is damaged:\n{check.stdout}")
    return out


class Trial:
    """One box and its card through any number of updates, boots and power cuts."""

    def __init__(self, of: World, card: Path, slot: Path) -> None:
        self.of = of
        self.card = card
        self.slot = slot
        self.store: Store = open_store(f"sqlite:///{of.chain.database}")
        self.signing = keys.development_keys(base.cache_folder() / "keys")
        self.machine = self._start()
        self.presses = 0

    def _start(self) -> BoxMachine:
        return BoxMachine(self.card, self.of.folder / "machine", self.of.ports, restarts=True)

    def ready(self) -> None:
        """Return when ear and box are ready."""
        self.machine.wait_for_ssh(self.of.identity, BOOT_TIMEOUT_S)
        wait_ready(self.machine, self.of)

    def power_cut(self) -> None:
        """The plug is pulled and put back."""
        self.machine.power_cut()
        self.machine.qmp.close()
        self.machine = self._start()

    def close(self) -> None:
        """End the machine."""
        self.machine.power_cut()
        self.machine.qmp.close()
        self.store.close()

    def press(self) -> float:
        """A press of the button must become a track at the bridge; seconds from the one to the other's receipt."""
        self.presses += 1
        return float(press(self.machine, self.of)["press_to_receipt_s"])

    def offer(self, release: str, fault: Fault | None = None) -> str:
        """Make a release, take it into the bridge, offer it; the id of the offer."""
        changed = variant(self.slot, self.of.folder / f"{release}.ext4", release, fault)
        made = bundle.make(changed, release, self.signing, self.of.folder / f"{release}.raucb", level=_QUICK)
        changed.unlink()
        add = [str(earshot_command()), "bridge", "update", "add", str(made), "--release", release]
        subprocess.run([*add, "--config", str(self.of.chain.bridge_config)], check=True, capture_output=True)
        wanted = offers.find_release(self.store, release)
        if wanted is None:
            raise BootError(f"the bridge has not taken release {release}")
        made.unlink()
        url = f"http://{HOST}:{self.of.chain.web_port}"
        (offer,) = offers.make_offers(self.store, [(SITE, BOX)], wanted, base_url=url, by="test", now_ns=time.time_ns())
        return offer

    def until(self, offer: str, *states: str, watch: Callable[[str], None] = lambda _: None) -> dict[str, float]:
        """When each state of the offer was seen, in seconds from now, until it is one of `states`."""
        begin = time.monotonic()
        seen: dict[str, float] = {}
        while True:
            self.machine.require_running()
            row = next(row for row in offers.offers(self.store) if row.id == offer)
            if row.state not in seen:
                seen[row.state] = round(time.monotonic() - begin, 1)
                watch(row.state)
            if row.state in states:
                return seen
            if row.state in offers.ENDED or time.monotonic() - begin > _UPDATE_TIMEOUT_S:
                raise BootError(f"the offer is {row.state} ({row.reason}), not {states}\n{self.account()}")
            time.sleep(_POLL_S)

    def reason(self, offer: str) -> str:
        """The box's own words about how it ended."""
        return next(row.reason or "" for row in offers.offers(self.store) if row.id == offer)

    def slot_and_release(self) -> tuple[str, str]:
        """What runs now."""
        said = self.machine.ssh(self.of.identity, "cat /proc/cmdline /etc/os-release")
        slot = said.partition("rauc.slot=")[2][:1]
        return slot, said.partition('IMAGE_VERSION="')[2].partition('"')[0]

    def tries(self) -> list[str]:
        """Which slot U-Boot has started, each time so far."""
        return [
            line.partition("earshot: slot ")[2][:1]
            for line in self.machine.console_text().splitlines()
            if "earshot: slot " in line and "tries left" in line
        ]

    def account(self) -> str:
        """What the box says of the update, for a failure."""
        command = "rauc status; fw_printenv; cat /run/earshot-update/*; journalctl --no-pager -n 80 -p info"
        try:
            return self.machine.ssh(self.of.identity, command, check=False)
        except BootError as error:
            return str(error)


def run(image: Path, folder: Path, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Everything, or the parts called `names` ("good", "power cuts", and those of `FAULTS`); returns the figures.

    Raises `BootError` where the box does not end with the release that it should have, or loses a press on the way.
    """
    slot = image.with_name(f"{image.name.removesuffix('.img')}.slot.ext4")
    if not slot.exists():
        raise BootError(f"{slot} is not beside the image; it is made with it")
    shutil.rmtree(folder, ignore_errors=True)
    figures: dict[str, Any] = {}
    wanted = names or ("good", *FAULTS, "power cuts")
    with world(folder) as of:
        card = folder / "card.img"
        subprocess.run(["cp", "--sparse=always", str(image), str(card)], check=True)
        put_sheet(card, sheet(of))
        put_extra(card, " ".join([_ARGUMENTS, *(f"systemd.mask={name}.service" for name in _MASKED)]))
        trial = Trial(of, card, slot)
        try:
            trial.ready()
            trial.press()
            for number, name in enumerate(wanted, 1):
                release = f"9.{number}"
                begin = time.monotonic()
                found = _one(trial, name, release)
                figures[name] = {**found, "wall_s": round(time.monotonic() - begin)}
                print(name, figures[name], flush=True)
            figures["presses"] = trial.presses
        finally:
            trial.close()
    return figures


def _one(trial: Trial, name: str, release: str) -> dict[str, Any]:
    before = trial.slot_and_release()
    if name == "good":
        return _good(trial, release, before)
    if name == "power cuts":
        return _power_cuts(trial, release, before)
    return _broken(trial, name, release, before)


def _good(trial: Trial, release: str, before: tuple[str, str]) -> dict[str, Any]:
    seen = trial.until(trial.offer(release), "good")
    _expect(trial, ({"A": "B", "B": "A"}[before[0]], release))
    return {"seconds to": seen, "press_to_receipt_s": trial.press()}


def _broken(trial: Trial, name: str, release: str, before: tuple[str, str]) -> dict[str, Any]:
    starts = len(trial.tries())
    offer = trial.offer(release, FAULTS[name])
    seen = trial.until(offer, "rolled_back")
    if FAULTS[name].reason not in trial.reason(offer):
        raise BootError(f"it went back because {trial.reason(offer)!r}, not {FAULTS[name].reason!r}")
    trial.ready()
    _expect(trial, before)
    return {
        "seconds to": seen,
        "slots started": "".join(trial.tries()[starts:]),
        "reason": trial.reason(offer),
        "press_to_receipt_s": trial.press(),
    }


def _power_cuts(trial: Trial, release: str, before: tuple[str, str]) -> dict[str, Any]:
    offer = trial.offer(release)
    seen: dict[str, float] = {}
    begin = time.monotonic()
    for state in ("downloading", "installing", "booted"):
        trial.until(offer, state, "good")
        if state == "installing":
            # RAUC is writing the other slot.
            time.sleep(15)
        seen[f"cut when {state}"] = round(time.monotonic() - begin, 1)
        trial.power_cut()
    seen |= {"good": round(time.monotonic() - begin + trial.until(offer, "good")["good"], 1)}
    trial.ready()
    _expect(trial, ({"A": "B", "B": "A"}[before[0]], release))
    return {"seconds to": seen, "press_to_receipt_s": trial.press()}


def _expect(trial: Trial, wanted: tuple[str, str]) -> None:
    found = trial.slot_and_release()
    if found != wanted:
        raise BootError(f"slot and release are {found}, not {wanted}\n{trial.account()}")


def main(image: Path, folder: Path, names: tuple[str, ...] = (), *, write: bool) -> None:
    """Run it, print the figures as JSON, and renew those in docs/BENCHMARKS.md."""
    figures = run(image, folder, names)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if write:
        write_between(rows(figures), PAGE, MARKS)


def rows(figures: dict[str, Any]) -> list[Figure]:
    """The figures as a table; times are those of an emulated processor."""
    found = []
    for name, part in figures.items():
        if not isinstance(part, dict):
            continue
        for state, seconds in part["seconds to"].items():
            if state not in {"made", "offered"}:
                found.append(Figure(f"update: {name}", f"offer → {state}", seconds, "s"))
        if "slots started" in part:
            found.append(
                Figure(f"update: {name}", "starts until the former release runs", len(part["slots started"]), "")
            )
        found.append(Figure(f"update: {name}", "then a press → receipt of its track", part["press_to_receipt_s"], "s"))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]), write=False)
