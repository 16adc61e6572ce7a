"""What every kind of rule has in common: it steps through the facts of a stream and marks spans of alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud_bridge.rules.facts import Fact

NONE = -1
"""In place of an index: there is none."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a detector stands after a fact; other numbers than `level` are indices of facts (or `NONE`).

    `first`: the oldest one that still counts. `since`: where the present excursion or alarm began. `last`: the latest
    counted one. `raised`: the one that raised the alarm that stands now.
    """

    level: float = 0.0
    first: int = 0
    since: int = NONE
    last: int = NONE
    raised: int = NONE


@dataclass(frozen=True, slots=True)
class Span:
    """An alarm: its evidence are the counted facts from `since` to `last`; `cleared_ns` is None while it stands."""

    since: int
    raised: int
    last: int
    cleared_ns: int | None


class Detector(Protocol):
    """A rule on one stream. Pure: the same facts give the same states."""

    def step(self, state: State, facts: Sequence[Fact], place: int) -> tuple[State, Span | None]:
        """Go on to the fact at `place`; also gives the alarm that was cleared on the way, if one was."""

    def settle(self, state: State, facts: Sequence[Fact], now_ns: int) -> Span | None:
        """The alarm that stands after the last fact, cleared where time alone has done so by `now_ns`."""
