"""What of the box does not work now: each change is an event, remembered over restarts so that none stays open."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Container
from typing import Protocol

import msgspec

from edge.clock import Clock, stamp
from edge.outbox_types import DiskFull
from edge.wire import EventData, FaultData

_NOTE = "faults"
_TEXT_MAX = 500
# What is kept for a disk that is full; the oldest is forgotten first.
_UNWRITTEN_MAX = 200


class Records(Protocol):
    """What is needed of the outbox."""

    def add_event(self, data: EventData, wall_ns: int) -> int:
        """Record an event."""
        ...

    def note(self, key: str) -> str | None:
        """A remembered text."""
        ...

    def set_note(self, key: str, value: str) -> None:
        """Remember a text."""
        ...


class FaultBook:
    """The faults by (name, device). `name` follows the wire's `Name`.

    Nothing here raises `DiskFull`: what can't be written is in force at once and written as soon as there is room.
    """

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._active: dict[tuple[str, str], str] = {}
        self._unwritten: deque[FaultData] = deque(maxlen=_UNWRITTEN_MAX)
        self._note_is_due = False
        for name, device, detail in msgspec.json.decode(records.note(_NOTE) or b"[]", type=list[tuple[str, str, str]]):
            self._active[name, device] = detail

    @property
    def active(self) -> tuple[str, ...]:
        """The faults that last, one line each."""
        return tuple(clean(f"{name} {device}: {detail}") for (name, device), detail in sorted(self._active.items()))

    def set(self, name: str, device: str, *, active: bool, detail: str) -> bool:
        """The fault begins or ends; returns whether that is news and hence an event."""
        key = (name, device)
        if (key in self._active) == active:
            return False
        if active:
            self._active[key] = detail
        else:
            del self._active[key]
        self._note_is_due = True
        self.moment(name, device, detail, active=active)
        return True

    def end_others(self, name: str, devices: Container[str]) -> None:
        """End the faults `name` of devices that are not among `devices`: nobody would tell when they are over."""
        for fault, device in list(self._active):
            if fault == name and device not in devices:
                self.set(name, device, active=False, detail="not configured any more")

    def moment(self, name: str, device: str, detail: str, *, active: bool = False, lost_frames: int = 0) -> None:
        """An event about something that is over already, such as a gap in the sound."""
        at = stamp(self._clock, self._clock.mono_ns())
        data = FaultData(
            name=name,
            device=clean(device),
            active=active,
            detail=clean(detail),
            stamp=at,
            lost_frames=lost_frames,
        )
        self._unwritten.append(data)
        self.write()

    def write(self) -> None:
        """Write what had no room before; does nothing while there is none."""
        with contextlib.suppress(DiskFull):
            while self._unwritten:
                self._records.add_event(self._unwritten[0], self._unwritten[0].stamp.wall_ns)
                self._unwritten.popleft()
            if self._note_is_due:
                entries = [(*key, text) for key, text in self._active.items()]
                self._records.set_note(_NOTE, msgspec.json.encode(entries).decode())
                self._note_is_due = False


def clean(text: str) -> str:
    """Foreign text made fit for the wire: printable, at most 500 characters."""
    return "".join(char if char.isprintable() else " " for char in text)[:_TEXT_MAX]
