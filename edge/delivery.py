"""What goes to the bridge next: the delivery policy as a pure state machine over a `Backlog` (the outbox).

No clock, no network, no threads. Events go by `seq` first, then sound, the newest press's track first. What is in
flight is bounded in bytes and in number. Only the bridge's receipt ends an item; PUBACK merely starts the wait for it,
so that a slow line is never taken for a lost message. What has no receipt in time rests for a full-jitter back-off
outside the window, then goes again. Every new connection starts from what the outbox still holds.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.backoff import Backoff
from edge.flights import Flights, Item, Key, Kind

WAITING_MAX = 1000
_EVENTS_AT_ONCE = 64
_STALL_TIMEOUTS = 6


class Backlog(Protocol):
    """What delivery needs of the outbox. All calls are quick and see only what is durable."""

    def events_after(self, seq: int, limit: int) -> Sequence[tuple[int, Item]]:
        """Events without a receipt and with a greater `seq`, in order, each with its `seq`."""
        ...

    def tracks(self) -> Iterator[Item]:
        """Finished tracks without a receipt of the whole, newest press first; `bytes` is the manifest's size.

        Each is looked up when it is asked for. A track finished meanwhile may be missed by an iteration under way.
        """
        ...

    def chunks(self, track: str) -> Sequence[Item]:
        """The track's chunks without a receipt, in order."""
        ...

    def load(self, item: Item) -> tuple[str, bytes] | None:
        """Topic and payload; None when the item is not there any more."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Publish this now; report its PUBACK to `Delivery.published` with `key`."""

    key: Key
    topic: str
    payload: bytes


@dataclass(slots=True)
class _Plan:
    """A track whose chunks were all handed out: which of them have no receipt yet."""

    whole: Item
    missing: set[int]


class Delivery:
    """The state machine. Times are CLOCK_MONOTONIC nanoseconds and must not decrease from call to call."""

    def __init__(
        self, backlog: Backlog, *, window_bytes: int, receipt_timeout_ns: int, backoff: Backoff, rng: random.Random
    ) -> None:
        self._backlog = backlog
        self._window_bytes = window_bytes
        self._receipt_timeout_ns = receipt_timeout_ns
        self._backoff = backoff
        self._rng = rng
        self._reset(connected=False)

    def _reset(self, *, connected: bool) -> None:
        self._connected = connected
        self._bridge_online = False
        self._flights = Flights(self._window_bytes)
        self._progress_ns = 0
        self._events: deque[Item] = deque()
        self._events_unread = True
        self._cursor = 0
        self._chunks: deque[Item] = deque()
        self._current: str | None = None
        self._plans: dict[str, _Plan] = {}
        # Whatever it has passed is planned, or of no concern any more: no track is looked at again for each other.
        self._tracks: Iterator[Item] = self._backlog.tracks()

    @property
    def sending(self) -> bool:
        """Whether anything may be sent: connected, and a bridge is there."""
        return self._connected and self._bridge_online

    @property
    def in_flight_bytes(self) -> int:
        """Bytes sent without a receipt, without those that rest."""
        return self._flights.in_flight_bytes

    @property
    def items_held(self) -> int:
        """Items in memory, whatever their state."""
        return len(self._flights) + len(self._events) + len(self._chunks)

    def holds(self, key: Key) -> bool:
        """Whether the item was sent and has no receipt yet."""
        return key in self._flights

    def connected(self) -> None:
        """A new connection stands: whatever went over the old one counts as never sent."""
        self._reset(connected=True)

    def disconnected(self) -> None:
        """The connection is gone."""
        self._reset(connected=False)

    def bridge(self, now_ns: int, *, online: bool) -> None:
        """The retained bridge state, as it arrives."""
        if online and not self._bridge_online:
            # What the broker kept for the bridge gets its receipts from now on, however long ago it was sent.
            self._flights.postpone(now_ns + self._receipt_timeout_ns)
        self._bridge_online = online

    def events_added(self) -> None:
        """The outbox has new events."""
        self._events_unread = True

    def track_added(self) -> None:
        """The outbox has a newly finished track; a newer press goes before the rest of the current track."""
        if self._chunks and self._current is not None:
            del self._plans[self._current]
            self._chunks.clear()
        self._current = None
        self._tracks = self._backlog.tracks()

    def forget_track(self, track: str) -> None:
        """The track is complete at the bridge, or lost: nothing of it will be sent any more."""
        self._plans.pop(track, None)
        self._flights.remove_track(track)
        if self._current == track:
            self._current = None
            self._chunks.clear()

    def published(self, key: Key, now_ns: int) -> None:
        """The broker has it (PUBACK); from now the bridge's receipt may be expected."""
        self._progress_ns = now_ns
        self._flights.acked(key, now_ns + self._receipt_timeout_ns)

    def receipted(self, kind: Kind, item_id: str, n: int, now_ns: int) -> None:
        """The outbox has taken a valid receipt for this item."""
        if kind == "track":
            self.forget_track(item_id)
            return
        self._flights.remove((kind, item_id, n))
        if kind == "event":
            self._events = deque(item for item in self._events if item.id != item_id)
            return
        if item_id == self._current:
            self._chunks = deque(item for item in self._chunks if item.n != n)
        plan = self._plans.get(item_id)
        if plan is not None and n in plan.missing:
            plan.missing.remove(n)
            if not plan.missing:
                self._flights.rest(plan.whole, now_ns + self._receipt_timeout_ns)

    def resend(self, item: Item, now_ns: int) -> None:
        """The bridge wants this chunk again; it goes after a back-off, lest a lasting mismatch become a flood."""
        plan = self._plans.get(item.id)
        if plan is None or self._flights.resting(item.key) or any(item.key == chunk.key for chunk in self._chunks):
            return
        plan.missing.add(item.n)
        self._flights.remove(plan.whole.key)
        attempts = self._flights.attempts(item.key) if item.key in self._flights else 1
        self._flights.rest(item, now_ns + self._backoff.wait_ns(attempts, self._rng))

    def stalled(self, now_ns: int) -> bool:
        """Whether the broker has acknowledged nothing for so long that a new connection is the remedy."""
        return self._connected and self._flights.unacked > 0 and now_ns >= self._stall_ns

    @property
    def _stall_ns(self) -> int:
        return self._progress_ns + _STALL_TIMEOUTS * self._receipt_timeout_ns

    def next_deadline_ns(self) -> int | None:
        """When `poll` and `stalled` should be asked again if nothing else happens."""
        deadlines = []
        if self.sending and (timer_ns := self._flights.next_timer_ns()) is not None:
            deadlines.append(timer_ns)
        if self._connected and self._flights.unacked:
            deadlines.append(self._stall_ns)
        return min(deadlines, default=None)

    def poll(self, now_ns: int) -> list[Send]:
        """What to publish now, in order. Everything returned counts as sent."""
        if not self.sending:
            return []
        for item in self._flights.expired(now_ns):
            self._flights.rest(item, now_ns + self._backoff.wait_ns(self._flights.attempts(item.key), self._rng))
        sends: list[Send] = []
        while (item_ := self._next(now_ns)) is not None and self._flights.room_for(item_):
            if not self._flights.resting(item_.key):
                (self._events if item_.kind == "event" else self._chunks).popleft()
            loaded = self._backlog.load(item_)
            if loaded is None:
                self._flights.remove(item_.key)
                continue
            if not self._flights.unacked:
                self._progress_ns = now_ns
            self._flights.send(item_)
            sends.append(Send(item_.key, *loaded))
        return sends

    def _next(self, now_ns: int) -> Item | None:
        return (
            self._flights.first_due("event")
            or self._new_event()
            or self._flights.first_due("track")
            or self._flights.first_due("chunk")
            or self._new_chunk(now_ns)
        )

    def _new_event(self) -> Item | None:
        if self._flights.waiting >= WAITING_MAX:
            return None
        if not self._events and self._events_unread:
            found = self._backlog.events_after(self._cursor, _EVENTS_AT_ONCE)
            self._events_unread = len(found) == _EVENTS_AT_ONCE
            if found:
                self._cursor = found[-1][0]
            self._events.extend(item for _, item in found)
        return self._events[0] if self._events else None

    def _new_chunk(self, now_ns: int) -> Item | None:
        if self._flights.waiting >= WAITING_MAX:
            return None
        while not self._chunks:
            whole = next((track for track in self._tracks if track.id not in self._plans), None)
            if whole is None:
                self._current = None
                break
            missing = self._backlog.chunks(whole.id)
            self._current = whole.id
            self._plans[whole.id] = _Plan(whole, {item.n for item in missing})
            self._chunks.extend(item for item in missing if item.key not in self._flights)
            if not missing and whole.key not in self._flights:
                self._flights.rest(whole, now_ns)
        return self._chunks[0] if self._chunks else None
