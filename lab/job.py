"""One command in a machine restored from a snapshot: its output as it comes, its exit status."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from lab import snapshot
from lab.ask import Asked
from lab.control import Control
from lab.machine import Settings

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended: status of its command, seconds until it began, seconds that it ran."""

    status: int
    start_s: float
    run_s: float


def run(settings: Settings, kept: Path, job: Path, project: Path, command: str, timeout_s: float) -> Done:
    """Run `command` in the machine that the snapshot `kept` holds; its output appears on standard output as it comes.

    `job` is the folder that the guest has as /job; console and log of QEMU stay there. Raises `LabError` when the
    machine does not answer within `timeout_s`.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        try:
            with snapshot.restore(settings, kept, work, job, project) as machine:
                control = Control(machine)
                Asked(machine, job)
                control.begin(command)
                started = time.monotonic()
                with _shown(job / "output", lambda text: click.echo(text, nl=False)):
                    status = control.wait_until_ended(timeout_s)
                return Done(status, started - begin, time.monotonic() - started)
        finally:
            for kept_file in ("console", "qemu.log"):
                with contextlib.suppress(FileNotFoundError):
                    (job / kept_file).write_bytes((work / kept_file).read_bytes())


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
