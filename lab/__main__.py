"""`./run lab`: builds the machine if it has to, runs the device suite in it, says what came out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

import click

from lab import accel, images, shell, suite
from lab.errors import LabError
from lab.machine import Clock, Settings
from lab.summary import Summary

TIMEOUT_S = 3600.0


@click.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "expression", default="", help="Only tests whose names match (pytest's -k).")
@click.option(
    "--clock", type=click.Choice(["both", "virtual", "real"]), default="both", help="Only tests of one clock."
)
@click.option("--accel", "wish", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", help="How QEMU computes.")
@click.option("--rebuild", is_flag=True, help="Build image and snapshots anew, with today's Debian packages.")
@click.option("--build-only", is_flag=True, help="Build what is missing and stop.")
@click.option("--shell", "wants_shell", is_flag=True, help="A root shell in the guest, with the project installed.")
@click.option("--keep", is_flag=True, help="Keep the jobs' folders: output, JUnit, console, what tests left in /job.")
@click.option("--timeout", "timeout_s", default=TIMEOUT_S, help="Seconds for the tests of one clock.")
def main(
    paths: tuple[str, ...],
    expression: str,
    clock: Literal["both", "virtual", "real"],
    wish: Literal["auto", "kvm", "tcg"],
    *,
    rebuild: bool,
    build_only: bool,
    wants_shell: bool,
    keep: bool,
    timeout_s: float,
) -> None:
    """Run the device suite (or PATHS of it, below lab/device) on a virtual machine with real kernel devices."""
    summary = Summary()
    try:
        image, build_s = images.current(rebuild=rebuild)
        summary.built(image, build_s)
        by = accel.probe() if wish == "auto" else wish
        clocks: list[Clock] = ["virtual", "real"] if clock == "both" else [clock]
        settings = [Settings(image, "tcg" if each == "virtual" else by, each) for each in clocks]
        kept = []
        for each in settings:
            folder, seconds = suite.snapshot_for(each, rebuild=rebuild)
            summary.snapshot(each, seconds)
            kept.append(folder)
        if build_only:
            return
        if wants_shell:
            shell.run(settings[-1])
            return
        selection = suite.Selection(paths or ("lab/device",), expression)
        for each, folder in zip(settings, kept, strict=True):
            work = Path(tempfile.mkdtemp(prefix=f"earshot-lab-{each.clock}-"))
            try:
                summary.outcome(suite.run(each, folder, work, selection, timeout_s))
            finally:
                if keep:
                    click.echo(f"lab: kept {work}", err=True)
                else:
                    shutil.rmtree(work, ignore_errors=True)
    except LabError as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(2)
    sys.exit(summary.conclude())


if __name__ == "__main__":
    main()
