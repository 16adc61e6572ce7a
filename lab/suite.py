"""The device suite: pytest in the guest, once for each clock."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab import job, project, recipe, snapshot, store
from lab.errors import LabError
from lab.machine import Clock, Machine, Settings

# How every job begins. Only `lab` is taken from the checkout; all else is what is installed.
INSTALL = (
    "set -e\n/project/lab/guest/install >/job/install.log 2>&1 || { cat /job/install.log; exit 99; }\n"
    "mkdir -p /run/lab && ln -sfn /project/lab /run/lab/lab && export PYTHONPATH=/run/lab\n"
)
# pytest's status for "no test was selected".
NO_TESTS = 5
_MARKS: dict[Clock, str] = {"virtual": "not real_clock", "real": "real_clock"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tests: files and folders of the checkout, and pytest's -k."""

    paths: tuple[str, ...] = ("lab/device",)
    expression: str = ""


@dataclass
class Outcome:
    """What became of the tests of one clock."""

    clock: Clock
    status: int
    start_s: float
    run_s: float
    counts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    figures: list[tuple[str, str, float, str]] = field(default_factory=list)


def run(
    settings: Settings,
    kept: Path,
    folder: Path,
    selection: Selection,
    timeout_s: float,
    started: Callable[[Machine], None] = lambda _: None,
    *,
    whole: bool = False,
) -> Outcome:
    """Run the tests for the clock of `settings` in the machine that the snapshot `kept` holds.

    `started` and `whole` as in `job.run`. `folder` is the job's folder: what the guest read and wrote stays there,
    junit.xml among it. Raises `LabError` when the machine dies, or the project cannot be installed in it.
    """
    prepare(folder)
    done = job.run(
        settings, kept, folder, recipe.ROOT, command(settings.clock, selection), timeout_s, started, whole=whole
    )
    outcome = Outcome(settings.clock, done.status, done.start_s, done.run_s)
    report = folder / "junit.xml"
    if not report.exists():
        raise LabError(f"the guest brought no result (status {done.status}); see {folder / 'output'}")
    read_report(report, outcome)
    return outcome


def clocks(selection: Selection, root: Path = recipe.ROOT) -> tuple[Clock, ...]:
    """The clocks that `selection` has tests for: a machine for a clock that nobody needs would be booted in vain."""
    files = [file for path in selection.paths for file in _test_files(root / path.partition("::")[0])]
    if any("real_clock" in file.read_text("utf-8") for file in files):
        return "virtual", "real"
    return ("virtual",)


def _test_files(path: Path) -> list[Path]:
    return sorted(path.rglob("test_*.py")) if path.is_dir() else [path]


def prepare(folder: Path) -> None:
    """Put into the job's folder what guest/install wants."""
    folder.mkdir(parents=True, exist_ok=True)
    project.pack(recipe.ROOT, folder / "project.tar")
    (folder / "after_project").write_text(recipe.load().field.after_project)


def command(clock: Clock, selection: Selection) -> str:
    """The shell command that installs the project and runs the tests."""
    pytest = ["/opt/lab/bin/pytest", "-p", "lab.plugin", "-p", "no:cacheprovider", "-v", "--color=no"]
    pytest += ["--rootdir=/project", "--config-file=/project/pyproject.toml", "--junit-xml=/job/junit.xml"]
    # The format that has a place for the figures of a test.
    pytest += ["--override-ini=junit_family=xunit1"]
    # A test that hangs says where.
    pytest += ["--override-ini=faulthandler_timeout=600"]
    pytest += ["-m", _MARKS[clock], *(["-k", selection.expression] if selection.expression else [])]
    pytest += [f"/project/{path}" for path in selection.paths]
    return f"{INSTALL}export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1\n{shlex.join(pytest)}\n"


def snapshot_for(settings: Settings, *, rebuild: bool = False) -> tuple[Path, float]:
    """The snapshot of a machine, taken now if there is none, and the seconds that this took."""
    parent = store.cache_folder() / "snapshots" / settings.clock
    return store.built(parent, snapshot.key(settings), lambda folder: snapshot.take(settings, folder), rebuild=rebuild)


def read_report(path: Path, outcome: Outcome) -> None:
    """Add what the JUnit file says to `outcome`."""
    # Our own pytest wrote it.
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        kind = next((kind for kind in ("error", "failure", "skipped") if kind in kinds), "passed")
        outcome.counts[kind] = outcome.counts.get(kind, 0) + 1
        if kind in ("error", "failure"):
            outcome.failed.append(name)
        for told in case.iter("property"):
            if told.get("name") == "figure":
                what, value, unit = str(told.get("value")).split("\t")
                outcome.figures.append((name, what, float(value), unit))
