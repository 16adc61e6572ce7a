"""One command in a machine restored from a snapshot: its output as it comes, its exit status."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from lab import snapshot
from lab.ask import Asked
from lab.control import Control
from lab.machine import Machine, Settings

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended: status of its command, seconds until it began, seconds that it ran."""

    status: int
    start_s: float
    run_s: float


def run(
    settings: Settings,
    kept: Path,
    job: Path,
    project: Path,
    command: str,
    timeout_s: float,
    started: Callable[[Machine], None] = lambda _: None,
    *,
    whole: bool = False,
) -> Done:
    """Run `command` in the machine that the snapshot `kept` holds; its output appears on standard output as it comes.

    `whole`: not before the end, so that several jobs do not talk at once. `started` is given the machine. `job` is the
    folder that the guest has as /job; console and log of QEMU stay there. Raises `LabError` when the machine does not
    answer within `timeout_s`.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        try:
            with snapshot.restore(settings, kept, work, job, project) as machine:
                started(machine)
                control = Control(machine)
                Asked(machine, job)
                control.begin(command)
                at_work = time.monotonic()
                with nullcontext() if whole else _shown(job / "output", _print):
                    status = control.wait_until_ended(timeout_s)
                return Done(status, at_work - begin, time.monotonic() - at_work)
        finally:
            for kept_file in ("console", "qemu.log"):
                with contextlib.suppress(FileNotFoundError):
                    (job / kept_file).write_bytes((work / kept_file).read_bytes())
            if whole:
                _print((job / "output").read_text(errors="replace") if (job / "output").exists() else "")


def _print(text: str) -> None:
    click.echo(text, nl=False)


@contextlib.contextmanager
def _shown(path: Path, show: Callable[[str], None]) -> Iterator[None]:
    ended = threading.Event()

    def follow() -> None:
        path.touch()
        with path.open(errors="replace") as output:
            while True:
                last = ended.wait(_POLL_S)
                if text := output.read():
                    show(text)
                if last:
                    return

    thread = threading.Thread(target=follow, name="output", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
