"""An alarm as computed from the facts: what is to be known of it, and an id that only the facts decide."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_bridge.rules.detector import Span
from cloud_bridge.rules.facts import Fact

_ID_CHARS = 32


@dataclass(frozen=True, slots=True)
class Alarm:
    """A bad spell of one stream. Times are those of the facts.

    `since_ns` is its first event, where the change most likely began; `raised_by` the event that made it an alarm.
    `evidence` holds the ids of all its events, in order, those after the raise included. `steps` counts the facts from
    the first event to the raise, both included: customers, where customers are counted. `cleared_ns` is None while it
    stands.
    """

    id: str
    rule: str
    stream: str
    since_ns: int
    raised_ns: int
    raised_by: str
    cleared_ns: int | None
    evidence: tuple[str, ...]
    steps: int


def alarm_id(rule: str, stream: str, raised_by: str) -> str:
    """The id of the alarm that an event raises: the same wherever and whenever it is computed."""
    return hashlib.sha256(f"{rule}\0{stream}\0{raised_by}".encode()).hexdigest()[:_ID_CHARS]


def alarm_of(rule: str, stream: str, facts: Sequence[Fact], span: Span) -> Alarm:
    """The alarm of a span of facts."""
    raised_by = facts[span.raised]
    return Alarm(
        alarm_id(rule, stream, raised_by.id),
        rule,
        stream,
        facts[span.since].at_ns,
        raised_by.at_ns,
        raised_by.id,
        span.cleared_ns,
        tuple(fact.id for fact in facts[span.since : span.last + 1] if fact.counted),
        span.raised - span.since + 1,
    )
