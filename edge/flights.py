"""The items that delivery holds in memory: in flight (sent, acknowledged by the broker), resting, or due again.

Bookkeeping only; which item goes next is `edge/delivery.py`'s decision.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

ITEMS_IN_FLIGHT_MAX = 100

Kind = Literal["event", "track", "chunk"]
Key = tuple[Kind, str, int]


@dataclass(frozen=True, slots=True)
class Item:
    """One message of the backlog. `track` asks for a whole track's receipt by repeating its manifest.

    `id` is the event's or the track's id, `n` the chunk's index, `bytes` the payload's size.
    """

    kind: Kind
    id: str
    n: int
    bytes: int

    @property
    def key(self) -> Key:
        """What identifies the item in receipts."""
        return self.kind, self.id, self.n


class _State(Enum):
    SENT = 1
    ACKED = 2
    RESTING = 3
    DUE = 4


@dataclass(slots=True)
class _Flight:
    item: Item
    state: _State
    attempts: int = 0
    due_ns: int | None = None


class Flights:
    """The table. What is in flight never exceeds `window_bytes`, but for a single item that alone is larger."""

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._flights: dict[Key, _Flight] = {}
        self._timers: list[tuple[int, int, Key]] = []
        self._tie = itertools.count()
        self._due: dict[Kind, deque[Key]] = {"event": deque(), "track": deque(), "chunk": deque()}
        self.in_flight = 0
        self.in_flight_bytes = 0
        self.unacked = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._flights

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def waiting(self) -> int:
        """Items that were sent in vain and rest or are due again."""
        return len(self._flights) - self.in_flight

    def attempts(self, key: Key) -> int:
        """How often the item was sent."""
        return self._flights[key].attempts

    def room_for(self, item: Item) -> bool:
        """Whether the window takes it now."""
        if self.in_flight == 0:
            return True
        return self.in_flight < ITEMS_IN_FLIGHT_MAX and self.in_flight_bytes + item.bytes <= self._window_bytes

    def send(self, item: Item) -> None:
        """The item enters the window, for the first time or again."""
        flight = self._flights.setdefault(item.key, _Flight(item, _State.DUE))
        self._leave_window(flight)
        flight.state = _State.SENT
        flight.attempts += 1
        flight.due_ns = None
        self.in_flight += 1
        self.in_flight_bytes += item.bytes
        self.unacked += 1

    def acked(self, key: Key, due_ns: int) -> None:
        """The broker has it; a receipt is expected until `due_ns`. No effect on what is not just sent."""
        flight = self._flights.get(key)
        if flight is not None and flight.state is _State.SENT:
            self.unacked -= 1
            flight.state = _State.ACKED
            self._arm(flight, due_ns)

    def postpone(self, due_ns: int) -> None:
        """Give every receipt that is expected until `due_ns`."""
        for flight in self._flights.values():
            if flight.state is _State.ACKED:
                self._arm(flight, due_ns)

    def rest(self, item: Item, due_ns: int) -> None:
        """The item is out of the window and due again at `due_ns`."""
        flight = self._flights.setdefault(item.key, _Flight(item, _State.RESTING))
        self._leave_window(flight)
        flight.state = _State.RESTING
        self._arm(flight, due_ns)

    def resting(self, key: Key) -> bool:
        """Whether the item already waits to be sent again."""
        flight = self._flights.get(key)
        return flight is not None and flight.state in {_State.RESTING, _State.DUE}

    def remove(self, key: Key) -> None:
        """The item is received or gone; unknown keys are ignored."""
        flight = self._flights.pop(key, None)
        if flight is not None:
            self._leave_window(flight)

    def remove_track(self, track: str) -> None:
        """Remove all of a track but its events."""
        for key in [key for key in self._flights if key[0] != "event" and key[1] == track]:
            self.remove(key)

    def expired(self, now_ns: int) -> Iterator[Item]:
        """Items whose receipt is overdue; the caller rests each. Those that have rested become due."""
        while self._timers and self._timers[0][0] <= now_ns:
            timer = heapq.heappop(self._timers)
            flight = self._flights.get(timer[2])
            if flight is None or flight.due_ns != timer[0]:
                continue
            flight.due_ns = None
            if flight.state is _State.RESTING:
                flight.state = _State.DUE
                self._due[flight.item.kind].append(flight.item.key)
            else:
                yield flight.item

    def first_due(self, kind: Kind) -> Item | None:
        """The item of this kind that has been due for longest."""
        due = self._due[kind]
        while due:
            flight = self._flights.get(due[0])
            if flight is not None and flight.state is _State.DUE:
                return flight.item
            due.popleft()
        return None

    def next_timer_ns(self) -> int | None:
        """When `expired` has something to say next."""
        while self._timers:
            due_ns, _, key = self._timers[0]
            flight = self._flights.get(key)
            if flight is not None and flight.due_ns == due_ns:
                return due_ns
            heapq.heappop(self._timers)
        return None

    def _arm(self, flight: _Flight, due_ns: int) -> None:
        flight.due_ns = due_ns
        heapq.heappush(self._timers, (due_ns, next(self._tie), flight.item.key))

    def _leave_window(self, flight: _Flight) -> None:
        if flight.state in {_State.SENT, _State.ACKED}:
            self.in_flight -= 1
            self.in_flight_bytes -= flight.item.bytes
            if flight.state is _State.SENT:
                self.unacked -= 1
