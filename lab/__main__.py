"""`./run lab`: builds the machine if it has to, runs tests, power cuts or hours in it, says what came out."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from lab import abreast, accel, figures, hours, images, shell, suite
from lab.cuts import run as cuts
from lab.errors import LabError
from lab.image import Image
from lab.machine import Clock, Settings
from lab.summary import Summary

TIMEOUT_S = 3600.0
CI_PATHS = ("lab/selftest", "lab/device")
# What a build machine has the time for.
CI_CUTS, CI_HOURS = 2, 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    paths: tuple[str, ...]
    expression: str
    clock: Literal["both", "virtual", "real"]
    accel: Literal["auto", "kvm", "tcg"]
    power_cuts: int
    hours: float
    seed: int | None
    ci: bool
    rebuild: bool
    build_only: bool
    shell: bool
    keep: bool
    write: bool
    timeout: float
    jobs: int

    @property
    def wants_suite(self) -> bool:
        """Whether the device suite is to be run."""
        return self.ci or not (self.power_cuts or self.hours or self.shell or self.build_only)


@click.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "expression", default="", help="Only tests whose names match (pytest's -k).")
@click.option(
    "--clock", type=click.Choice(["both", "virtual", "real"]), default="both", help="Only tests of one clock."
)
@click.option("--accel", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", help="How QEMU computes.")
@click.option("--power-cuts", default=0, help="Cut the power so many times, instead of the suite.")
@click.option("--hours", default=0.0, help="Let the ear hear for so many hours of virtual time, instead of the suite.")
@click.option("--seed", type=int, help="When the power is cut; printed, to be given again.")
@click.option("--ci", is_flag=True, help=f"Guest and device suite, {CI_CUTS} power cuts, {CI_HOURS} hours.")
@click.option("--rebuild", is_flag=True, help="Build image and snapshots anew, with today's Debian packages.")
@click.option("--build-only", is_flag=True, help="Build what is missing and stop.")
@click.option("--shell", is_flag=True, help="A root shell in the guest, with the project installed.")
@click.option("--keep", is_flag=True, help="Keep the jobs' folders: output, JUnit, console, what tests left in /job.")
@click.option("--write", is_flag=True, help="Renew the figures in docs/BENCHMARKS.md.")
@click.option("--jobs", default=0, help="Machines at once for the suite; default: as many as there are processors.")
@click.option("--timeout", default=TIMEOUT_S, help="Seconds for one file of tests, or for the hours.")
def main(**given: object) -> None:
    """Run the device suite (or PATHS of it, below lab/device) on a virtual machine with real kernel devices."""
    # What is open is closed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = Options(**given)  # type: ignore[arg-type] # click has checked them
    summary = Summary()
    try:
        _run(options, summary)
        if options.write:
            figures.write(summary.figures)
    except LabError as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(2)
    sys.exit(0 if options.build_only or options.shell else summary.conclude())


def _run(options: Options, summary: Summary) -> None:
    image, build_s = images.current(rebuild=options.rebuild)
    summary.built(image, build_s)
    by = accel.probe() if options.accel == "auto" else options.accel
    if options.build_only:
        for clock in ("virtual", "real"):
            _machine(image, by, clock, options, summary)
    if options.shell:
        shell.run(*_machine(image, by, "real", options, summary))
    if options.wants_suite:
        paths = options.paths or (CI_PATHS if options.ci else ("lab/device",))
        jobs = [
            (*_machine(image, by, clock, options, summary), part)
            for part in abreast.files(suite.Selection(paths, options.expression))
            for clock in suite.clocks(part)
            if options.clock in ("both", clock)
        ]
        at_once = min(options.jobs or os.cpu_count() or 1, len(jobs))
        begin = time.monotonic()
        with _folder("suite", options) as folder:
            abreast.run(jobs, folder, options.timeout, summary.suite, at_once)
        summary.suite_over(time.monotonic() - begin, at_once)
    if number := options.power_cuts or (CI_CUTS if options.ci else 0):
        # Only the disk is made in it; the counter then boots by itself, in real time.
        maker, kept = _machine(image, by, "virtual", options, summary)
        seed = secrets.randbelow(1 << 31) if options.seed is None else options.seed
        click.echo(f"lab: {number} power cuts with --seed {seed}")
        with _folder("cuts", options) as folder:
            summary.cuts(cuts.run(Settings(image, by, "real"), maker, kept, folder, number, seed))
    if length := options.hours or (CI_HOURS if options.ci else 0):
        settings, kept = _machine(image, by, "virtual", options, summary)
        with _folder("hours", options) as folder:
            summary.hours(hours.run(settings, kept, folder, length, options.timeout))


def _machine(image: Image, by: accel.Accel, clock: Clock, options: Options, summary: Summary) -> tuple[Settings, Path]:
    settings = Settings(image, "tcg" if clock == "virtual" else by, clock)
    anew = options.rebuild and clock not in summary.snapshots
    kept, seconds = suite.snapshot_for(settings, rebuild=anew)
    summary.snapshot(settings, seconds)
    return settings, kept


@contextmanager
def _folder(name: str, options: Options) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"earshot-lab-{name}-"))
    try:
        yield folder
    finally:
        if options.keep:
            click.echo(f"lab: kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
