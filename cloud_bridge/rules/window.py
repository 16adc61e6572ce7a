"""The rule "c events within a window W"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud_bridge.rules.detector import NONE, Span, State
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.facts import Fact


@dataclass(frozen=True, slots=True)
class WindowDetector:
    """Raises when `count` events lie within the last `window_ns`, clears when only `clear_count` of them are left.

    An event counts for exactly `window_ns`. `State.level` is the number of events in the window.
    """

    count: int
    window_ns: int
    clear_count: int

    def __post_init__(self) -> None:
        """Raise `RuleError` for numbers that cannot be."""
        if not (0 <= self.clear_count < self.count and self.window_ns > 0):
            raise RuleError(
                f"count {self.count} in {self.window_ns} ns, cleared at {self.clear_count}: the window is more than 0 "
                "and an alarm is cleared at fewer events than raise it"
            )

    def step(self, state: State, facts: Sequence[Fact], place: int) -> tuple[State, Span | None]:
        """See `Detector`."""
        fact = facts[place]
        if not fact.counted:
            return state, None
        state, span = self._expire(state, facts, fact.at_ns, place)
        level = state.level + 1
        state = replace(state, level=level, last=place)
        if state.raised == NONE and level >= self.count:
            state = replace(state, raised=place, since=state.first)
        return state, span

    def settle(self, state: State, facts: Sequence[Fact], now_ns: int) -> Span | None:
        """See `Detector`."""
        later, span = self._expire(state, facts, now_ns, len(facts))
        if span is not None or later.raised == NONE:
            return span
        return Span(later.since, later.raised, later.last, None)

    def _expire(self, state: State, facts: Sequence[Fact], now_ns: int, end: int) -> tuple[State, Span | None]:
        """Let go of what is older than the window at `now_ns`; `first` becomes the oldest that counts, or `end`."""
        first, level, raised, since, span = state.first, state.level, state.raised, state.since, None
        while first < end and not (facts[first].counted and facts[first].at_ns > now_ns - self.window_ns):
            if facts[first].counted:
                level -= 1
                if raised != NONE and level <= self.clear_count:
                    span = Span(since, raised, state.last, facts[first].at_ns + self.window_ns)
                    raised = since = NONE
            first += 1
        return State(level, first, since, state.last, raised), span
