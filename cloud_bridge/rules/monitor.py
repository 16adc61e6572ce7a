"""One rule on one stream, fed with facts in whatever order they come; late ones are worked in where they belong."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from cloud_bridge.rules.alarm import Alarm, alarm_of
from cloud_bridge.rules.detector import Detector, Span, State
from cloud_bridge.rules.facts import Fact

_CHECKPOINT = 256


class Monitor:
    """The alarms follow from the set of facts alone. A fact with a known id replaces the earlier one."""

    def __init__(self, rule: str, stream: str, detector: Detector) -> None:
        self._rule = rule
        self._stream = stream
        self._detector = detector
        self._facts: list[Fact] = []
        self._by_id: dict[str, Fact] = {}
        # States before the facts 0, 256, 512 …, each with the number of spans closed before it.
        self._checkpoints: list[tuple[State, int]] = [(State(), 0)]
        self._closed: list[Span] = []
        self._state = State()
        self._done = 0

    def put(self, facts: Iterable[Fact]) -> None:
        """Take facts in; what is known already changes nothing."""
        for fact in facts:
            known = self._by_id.get(fact.id)
            if known == fact:
                continue
            if known is not None:
                self._remove(known)
            self._by_id[fact.id] = fact
            if not self._facts or self._facts[-1] < fact:
                self._facts.append(fact)
                continue
            self._rewind(bisect_left(self._facts, fact))
            insort(self._facts, fact)

    def discard(self, ids: Iterable[str]) -> None:
        """Forget facts (a receipt was voided); unknown ids change nothing."""
        for key in ids:
            known = self._by_id.pop(key, None)
            if known is not None:
                self._remove(known)

    def alarms(self, now_ns: int) -> tuple[Alarm, ...]:
        """All alarms of the facts so far, oldest first; the last may still stand at `now_ns`."""
        while self._done < len(self._facts):
            if self._done == len(self._checkpoints) * _CHECKPOINT:
                self._checkpoints.append((self._state, len(self._closed)))
            self._state, closed = self._detector.step(self._state, self._facts, self._done)
            if closed is not None:
                self._closed.append(closed)
            self._done += 1
        latest_ns = max(now_ns, self._facts[-1].at_ns) if self._facts else now_ns
        standing = self._detector.settle(self._state, self._facts, latest_ns)
        spans = [*self._closed, *([standing] if standing is not None else [])]
        return tuple(alarm_of(self._rule, self._stream, self._facts, span) for span in spans)

    def _remove(self, fact: Fact) -> None:
        place = bisect_left(self._facts, fact)
        self._rewind(place)
        del self._facts[place]

    def _rewind(self, place: int) -> None:
        """Go back to a state that has not seen the facts from `place` on."""
        if place >= self._done:
            return
        del self._checkpoints[place // _CHECKPOINT + 1 :]
        self._state, closed = self._checkpoints[-1]
        self._done = (len(self._checkpoints) - 1) * _CHECKPOINT
        del self._closed[closed:]


def evaluate(rule: str, stream: str, detector: Detector, facts: Iterable[Fact], now_ns: int) -> tuple[Alarm, ...]:
    """The alarms of a set of facts; see `Monitor`."""
    monitor = Monitor(rule, stream, detector)
    monitor.put(sorted(facts))
    return monitor.alarms(now_ns)
