"""The journal as the box keeps it: a CSV that can't be written is a fault, and it is caught up with later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from edge.faults import FaultBook
from edge.wire import PressData, TimeData

Rows = Iterable[tuple[str, PressData]]


class PressBook(Protocol):
    """What is needed of the journal. Every method raises `OSError` where the disk is full or fails."""

    def append(self, press_id: str, data: PressData) -> None:
        """Add a line."""
        ...

    def restore(self, presses: Rows) -> int:
        """Add the lines that are missing."""
        ...

    def repair(self, time: TimeData) -> int:
        """Date the lines of a boot anew."""
        ...


class JournalKeeper:
    """`recent()` are the last presses of the outbox, oldest first: what the journal lacks is taken from there.

    The outbox holds each press; a journal that can't be written is no reason to lose the next one.
    """

    def __init__(self, book: PressBook, faults: FaultBook, recent: Callable[[], Rows]) -> None:
        self._book = book
        self._faults = faults
        self._recent = recent
        self._is_behind = True
        self._time: TimeData | None = None

    def append(self, press_id: str, data: PressData) -> None:
        """Add a press that the outbox holds already."""
        if self._is_behind:
            self.catch_up()
        else:
            self._write(lambda: self._book.append(press_id, data))

    def repair(self, time: TimeData) -> None:
        """Date the lines of a boot anew, as soon as that can be written."""
        self._time = time
        self._is_behind = True
        self.catch_up()

    def catch_up(self) -> None:
        """Add what could not be written before; does nothing where that is nothing."""
        if self._is_behind:
            self._write(self._write_all)

    def _write_all(self) -> None:
        self._book.restore(self._recent())
        if self._time is not None:
            self._book.repair(self._time)
            self._time = None

    def _write(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self._is_behind = True
            self._faults.set("journal", "csv", active=True, detail=str(error))
        else:
            self._is_behind = False
            self._faults.set("journal", "csv", active=False, detail="written again")
