"""The files of the device suite, each in a machine of its own, several machines at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from lab import recipe, suite
from lab.machine import Machine, Settings

# The longest first, or it would be alone at the end. A file that is not named is as good as any other.
_LONGEST = ("test_eye", "test_sound_card", "test_disk_full", "test_whole_chain", "test_confinement", "test_press")


@dataclass
class Running:
    """The machines at work; whoever has to leave ends them all, and no other is started."""

    machines: list[Machine] = field(default_factory=list)
    over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, machine: Machine) -> None:
        """A machine has been started."""
        with self._lock:
            self.machines.append(machine)
            if self.over:
                machine.kill()

    def end(self) -> None:
        """Kill them: their jobs then fail at once."""
        with self._lock:
            self.over = True
            for machine in self.machines:
                machine.kill()


def files(selection: suite.Selection, root: Path = recipe.ROOT) -> list[suite.Selection]:
    """`selection` file by file, the longest first."""
    parts = []
    for path in selection.paths:
        whole, _, test = path.partition("::")
        if test or (root / whole).is_file():
            parts.append(path)
        else:
            parts += [str(file.relative_to(root)) for file in sorted((root / whole).rglob("test_*.py"))]
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    parts.sort(key=lambda part: ranks.get(Path(part.partition("::")[0]).stem, len(ranks)))
    return [suite.Selection((part,), selection.expression) for part in dict.fromkeys(parts)]


def run(
    jobs: list[tuple[Settings, Path, suite.Selection]],
    folder: Path,
    timeout_s: float,
    done: Callable[[suite.Outcome], None],
    at_once: int,
) -> None:
    """Run each job (machine, its snapshot, tests) in a folder of its own below `folder`; `done` is told as each ends.

    With one at once output appears as it comes, else when its file is through. Raises `LabError` like `suite.run`;
    the others are ended then.
    """
    running = Running()

    def one(number: int) -> suite.Outcome:
        settings, kept, selection = jobs[number]
        place = folder / f"{number:02d}-{settings.clock}"
        return suite.run(settings, kept, place, selection, timeout_s, started=running.add, whole=at_once > 1)

    with ThreadPoolExecutor(at_once, "lab") as pool:
        waiting = {pool.submit(one, number) for number in range(len(jobs))}
        try:
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    done(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            running.end()
            raise
