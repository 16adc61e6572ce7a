"""What the local page asks of the main thread; each request carries the future that the answer is put into."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from drivers.contract import Press
from edge.actions import Shift

# How much later than the finger a press that came as a message may be stamped: a browser or a program on this box; a
# network, where a lost packet costs up to a second. A message that an outage held up for longer, or that was repeated
# after an outage, is stamped when it arrives all the same, and nobody can know.
LOCAL_UNCERTAINTY_NS = 100_000_000
NETWORK_UNCERTAINTY_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Done:
    """The press is durable as `press`, with the sound before it where there is any; `repeated`: it already was."""

    press: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was done; `reason` names the remedy. `is_temporary`: the same request may succeed later."""

    reason: str
    is_temporary: bool = False


@dataclass(frozen=True, slots=True)
class PressRequest:
    """Make this press durable, then answer."""

    fact: Press
    answer: Future[Done | Refused]


@dataclass(frozen=True, slots=True)
class ShiftRequest:
    """Bind the shared button, then answer None."""

    fact: Shift
    answer: Future[Refused | None]


@dataclass(frozen=True, slots=True)
class StateRequest:
    """Answer with the state as JSON-able values."""

    answer: Future[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DisplayRequest:
    """Answer with what the Loyalty Display shows."""

    answer: Future[dict[str, Any]]


Request = PressRequest | ShiftRequest | StateRequest | DisplayRequest
