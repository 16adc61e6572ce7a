"""CUSUM rules: evidence adds up, ordinary customers (or quiet time) take it away, and at h the alarm is raised.

While an alarm stands its level is held at h or below, and it is cleared when the level is back at 0, from where the
next one has to begin anew. So one bad spell is one alarm, and from one alarm to the next it is never shorter on average
than the run length that h was chosen for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cloud_bridge.rules.detector import NONE, Span, State
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores


class OpenTime(Protocol):
    """The time in which events can happen: all of it, or business hours."""

    def between_ns(self, begin_ns: int, end_ns: int) -> int:
        """How much of it lies between two instants."""

    def after_ns(self, begin_ns: int, duration_ns: int) -> int:
        """The instant at which so much of it has gone by since `begin_ns`."""


@dataclass(frozen=True, slots=True)
class BernoulliCusum:
    """Each fact is a served customer, with an event or without one."""

    scores: BernoulliScores
    h: float

    def step(self, state: State, facts: Sequence[Fact], place: int) -> tuple[State, Span | None]:
        """See `Detector`."""
        if facts[place].counted:
            return _add(state, self.scores.red, self.h, place), None
        if state.level == 0.0:
            return state, None
        level = state.level + self.scores.other
        if level > 0.0:
            return replace(state, level=level), None
        cleared = None
        if state.raised != NONE:
            cleared = Span(state.since, state.raised, state.last, facts[place].at_ns)
        return State(), cleared

    def settle(self, state: State, facts: Sequence[Fact], now_ns: int) -> Span | None:  # noqa: ARG002 - only customers clear
        """See `Detector`."""
        return None if state.raised == NONE else Span(state.since, state.raised, state.last, None)


@dataclass(frozen=True, slots=True)
class PoissonCusum:
    """Each counted fact is an event; not customers are counted but open time. `usual_gap_ns`: between two events."""

    scores: PoissonScores
    h: float
    usual_gap_ns: float
    open_time: OpenTime

    def step(self, state: State, facts: Sequence[Fact], place: int) -> tuple[State, Span | None]:
        """See `Detector`."""
        if not facts[place].counted:
            return state, None
        state, cleared = self._fall(state, facts, facts[place].at_ns)
        return _add(state, self.scores.event, self.h, place), cleared

    def settle(self, state: State, facts: Sequence[Fact], now_ns: int) -> Span | None:
        """See `Detector`."""
        later, cleared = self._fall(state, facts, now_ns)
        if cleared is not None or later.raised == NONE:
            return cleared
        return Span(later.since, later.raised, later.last, None)

    def _fall(self, state: State, facts: Sequence[Fact], now_ns: int) -> tuple[State, Span | None]:
        if state.last == NONE:
            return state, None
        since_ns = facts[state.last].at_ns
        gone = self.open_time.between_ns(since_ns, now_ns) / self.usual_gap_ns
        level = state.level + gone * self.scores.gap
        if level > 0.0:
            return replace(state, level=level), None
        cleared = None
        if state.raised != NONE:
            lasted_ns = round(state.level / -self.scores.gap * self.usual_gap_ns)
            at_ns = self.open_time.after_ns(since_ns, lasted_ns)
            cleared = Span(state.since, state.raised, state.last, at_ns)
        return State(last=state.last), cleared


def _add(state: State, score: float, h: float, place: int) -> State:
    level = state.level + score
    since = place if state.since == NONE else state.since
    raised = place if state.raised == NONE and level >= h else state.raised
    return State(level if raised == NONE else min(level, h), 0, since, place, raised)
