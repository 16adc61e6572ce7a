"""What the box remembers of an update, over restarts and by whichever release reads it."""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import Struct

from edge.wire import EventData, UpdateState

_NOTE = "update"
_FAILED_NOTE = "update_failed"
_FAILED_KEPT = 20

ENDED = frozenset({UpdateState.GOOD, UpdateState.ROLLED_BACK, UpdateState.FAILED})


class Record(Struct, frozen=True, kw_only=True):
    """One update. Unknown keys are passed over and every later key has a default: the release before must read it.

    `before` and `from_slot` are what ran when it was offered. `boot_id` is the boot in which it was installed.
    `missing` is what the new release has not proved yet.
    """

    offer: str
    version: str
    url: str
    bytes: int
    sha256: str
    before: str
    from_slot: str
    state: UpdateState = UpdateState.OFFERED
    percent: int = 0
    reason: str | None = None
    slot: str | None = None
    boot_id: str | None = None
    missing: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


class Notes(Protocol):
    """What is needed of the outbox."""

    def note(self, key: str) -> str | None:
        """A remembered text."""
        ...

    def set_note(self, key: str, value: str) -> None:
        """Remember a text."""
        ...

    def add_event(self, data: EventData, wall_ns: int, note: tuple[str, str] | None = None) -> int:
        """Record an event, and a text in the same transaction."""
        ...


class Book:
    """The current update, and which bundles have failed before. Every change is durable when a method returns."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        text = notes.note(_NOTE)
        self.record: Record | None = None if text is None else msgspec.json.decode(text, type=Record)

    def set(self, record: Record, event: tuple[EventData, int] | None = None) -> None:
        """Make `record` the current one, in one transaction with `event` (its data and its wall time)."""
        text = msgspec.json.encode(record).decode()
        if event is None:
            self._notes.set_note(_NOTE, text)
        else:
            self._notes.add_event(*event, note=(_NOTE, text))
        self.record = record

    def tell(self, data: EventData, wall_ns: int) -> None:
        """Record an event about an update that does not become the current one."""
        self._notes.add_event(data, wall_ns)

    def failure(self, sha256: str) -> str | None:
        """Why this bundle failed before, None for one that has not."""
        return next((reason for known, reason in self._failures() if known == sha256), None)

    def add_failure(self, sha256: str, reason: str) -> None:
        """Remember why a bundle failed; the last twenty are kept."""
        failures = [(known, why) for known, why in self._failures() if known != sha256]
        failures = [*failures, (sha256, reason)][-_FAILED_KEPT:]
        self._notes.set_note(_FAILED_NOTE, msgspec.json.encode(failures).decode())

    def _failures(self) -> list[tuple[str, str]]:
        return msgspec.json.decode(self._notes.note(_FAILED_NOTE) or "[]", type=list[tuple[str, str]])
