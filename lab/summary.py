"""What a run of the lab says of itself."""

from __future__ import annotations

import click

from lab.image import Image
from lab.machine import Settings
from lab.suite import NO_TESTS, Outcome


class Summary:
    """Prints each step as it ends and keeps what the last line and the exit status need."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def built(self, image: Image, seconds: float) -> None:
        """The image is there; `seconds` is 0 when it was there before."""
        how = f"built in {seconds:.0f} s" if seconds else "from the cache"
        self._say(f"image {image.key} {how}")

    def snapshot(self, settings: Settings, seconds: float) -> None:
        """A snapshot is there."""
        how = f"booted and kept in {seconds:.0f} s" if seconds else "from the cache"
        self._say(f"machine with {settings.clock} time ({settings.accel}) {how}")

    def outcome(self, outcome: Outcome) -> None:
        """The tests of one clock are over."""
        self.outcomes.append(outcome)
        self._say(f"{outcome.clock} time: restored in {outcome.start_s:.1f} s, tests took {outcome.run_s:.0f} s")

    def conclude(self) -> int:
        """Print the last line; return the exit status: 0 when something was tested and nothing failed."""
        total: dict[str, int] = {}
        for outcome in self.outcomes:
            for kind, count in outcome.counts.items():
                total[kind] = total.get(kind, 0) + count
            for name in outcome.failed:
                self._say(f"failed: {name}")
        tested = total.get("passed", 0)
        broken = [outcome for outcome in self.outcomes if outcome.status not in (0, NO_TESTS)]
        seconds = sum(outcome.start_s + outcome.run_s for outcome in self.outcomes)
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(total.items())) or "no test was selected"
        self._say(f"{counts} in {seconds:.0f} s")
        return 1 if broken or not tested else 0

    def _say(self, line: str) -> None:
        click.echo(f"lab: {line}")
