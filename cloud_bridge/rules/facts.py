"""What a rule sees of one stream: customers and events, in one order that does not depend on when they arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One step of a stream; ordered by time, then by id.

    `counted`: the event the rule counts (`id` is the press's). Otherwise a served customer without one.
    """

    at_ns: int
    id: str
    counted: bool
