"""What a run of the lab says of itself."""

from __future__ import annotations

import statistics

import click

from lab.cuts.run import Outcome as CutsOutcome
from lab.figures import Figure
from lab.hours import Outcome as HoursOutcome
from lab.image import Image
from lab.machine import Clock, Settings
from lab.suite import NO_TESTS
from lab.suite import Outcome as SuiteOutcome


class Summary:
    """Prints each step as it ends and keeps what the last line, the exit status and the figures need."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.snapshots: dict[Clock, float] = {}
        self._counts: dict[str, int] = {}
        self._failed: list[str] = []
        self._parts: list[str] = []
        self._restores_s: dict[Clock, list[float]] = {}
        self._seconds = 0.0

    def built(self, image: Image, seconds: float) -> None:
        """The image is there; `seconds` is 0 when it was there before."""
        self._seconds += seconds
        if seconds:
            self.figures.append(Figure("build", "image from Debian packages and wheels", seconds, "s"))
            self.figures.append(Figure("build", "image on disk", image.disk.stat().st_blocks * 512 / 1e6, "MB"))
        self._say(f"image {image.key} " + (f"built in {seconds:.0f} s" if seconds else "from the cache"))

    def snapshot(self, settings: Settings, seconds: float) -> None:
        """A snapshot is there."""
        if settings.clock in self.snapshots:
            return
        self.snapshots[settings.clock] = seconds
        self._seconds += seconds
        if seconds:
            self.figures.append(Figure("build", f"boot and snapshot, {settings.clock} time", seconds, "s"))
        how = f"booted and kept in {seconds:.0f} s" if seconds else "from the cache"
        self._say(f"machine with {settings.clock} time ({settings.accel}) {how}")

    def suite(self, outcome: SuiteOutcome) -> None:
        """The tests of one file for one clock are over."""
        for kind, count in outcome.counts.items():
            self._counts[kind] = self._counts.get(kind, 0) + count
        self._failed += outcome.failed
        if outcome.status not in (0, NO_TESTS) and not outcome.failed:
            self._failed.append(f"pytest ended with status {outcome.status} in {outcome.clock} time")
        area = f"suite, {outcome.clock} time"
        self._restores_s.setdefault(outcome.clock, []).append(outcome.start_s)
        self.figures += [Figure(area, f"{test}: {name}", value, unit) for test, name, value, unit in outcome.figures]
        self._say(f"{outcome.clock} time: restored in {outcome.start_s:.1f} s, tests took {outcome.run_s:.0f} s")

    def suite_over(self, seconds: float, machines: int) -> None:
        """All files of the suite are through, so many machines at once."""
        self._seconds += seconds
        for clock, restores_s in self._restores_s.items():
            self.figures.append(Figure("suite", f"restore to first command, {clock} time", max(restores_s), "s"))
        self.figures.append(Figure("suite", "install and all tests", seconds, "s"))
        self.figures.append(Figure("suite", "machines at once", machines, "machines"))
        self.figures.append(Figure("suite", "tests passed", self._counts.get("passed", 0), "tests"))

    def cuts(self, outcome: CutsOutcome) -> None:
        """The power cuts are over."""
        self._seconds += outcome.seconds
        verdict, witnessed = outcome.verdict, outcome.witnessed
        self._failed += [f"power cuts (seed {outcome.seed}): {fault}" for fault in verdict.faults]
        boot_s = statistics.median(outcome.boot_s) if outcome.boot_s else 0.0
        rows: tuple[tuple[str, float, str], ...] = (
            ("power cuts", outcome.cuts, "cuts"),
            ("of them while booting", outcome.cuts_in_boot, "cuts"),
            ("writes that the cuts took", outcome.lost_writes, "writes"),
            ("presses acknowledged before a cut", witnessed.acknowledged, "presses"),
            ("of them by the lamp", len(witnessed.lamps), "presses"),
            ("presses at the bridge", verdict.presses, "presses"),
            ("tracks at the bridge", verdict.tracks, "tracks"),
            ("of them partial", verdict.partial, "tracks"),
            ("tracks lost before their pre-roll was safe, told to the bridge", verdict.lost, "tracks"),
            ("sound before the press, least", verdict.least_pre_roll_s, "s"),
            ("faults", len(verdict.faults), "faults"),
            ("power on to box ready, median", boot_s, "s"),
            ("all of it", outcome.seconds, "s"),
        )
        self.figures += [Figure("power cuts", *row) for row in rows]
        for name, value, unit in rows:
            self._say(f"  {name}: {value:.4g} {unit}")
        self._parts.append(f"{outcome.cuts} power cuts, {witnessed.acknowledged} presses acknowledged")

    def hours(self, outcome: HoursOutcome) -> None:
        """The long run is over."""
        self._seconds += outcome.seconds
        self._failed += [f"long run: {fault}" for fault in outcome.faults]
        result = outcome.result
        rows: tuple[tuple[str, float, str], ...] = (
            ("virtual time", result["hours"], "h"),
            ("frames captured", result["captured_frames"], "frames"),
            ("frames lost", result["lost_frames"], "frames"),
            ("frames unexplained", result["unexplained_frames"], "frames"),
            ("smallest loss that would be seen", result["resolution_frames"], "frames"),
            ("wall time", outcome.seconds, "s"),
        )
        self.figures += [Figure("long run", *row) for row in rows]
        for name, value, unit in rows:
            self._say(f"  {name}: {value:.10g} {unit}")
        self._parts.append(f"{result['hours']:.3g} h of ear")

    def conclude(self) -> int:
        """Print the last line; return the exit status: 0 when something was tested and nothing failed."""
        for name in self._failed:
            self._say(f"failed: {name}")
        tested = bool(self._counts.get("passed")) or bool(self._parts)
        counts = [f"{count} {kind}" for kind, count in sorted(self._counts.items())]
        faults = [f"{len(self._failed)} failed"] if self._failed else []
        what = ", ".join(counts + self._parts + faults) or "no test was selected"
        self._say(f"{what} in {self._seconds:.0f} s")
        return 1 if self._failed or not tested else 0

    def _say(self, line: str) -> None:
        click.echo(f"lab: {line}")
