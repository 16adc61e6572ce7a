"""The box's end of the line, on the main thread: connects, delivers, takes receipts, answers commands."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from edge.backoff import Backoff
from edge.config import Config
from edge.delivery import Delivery
from edge.faultpoint import FaultPoint
from edge.faults import FaultBook, clean
from edge.flights import Item, Key
from edge.logs import about
from edge.outbox import Outbox
from edge.uplink import Connected, Disconnected, LastWords, Message, Published, Reconnect, UplinkFact
from edge.wire import (
    BRIDGE_STATE_TOPIC,
    BridgeState,
    Receipt,
    Reply,
    Status,
    Strict,
    WireError,
    decode,
    encode,
    topic,
)

_MS = 1_000_000
_log = logging.getLogger("earshot.link")


class Line(Protocol):
    """One connection, as `edge.uplink.Connection`."""

    number: int

    def open(self) -> None:
        """Begin to connect."""
        ...

    def publish(self, topic_name: str, payload: bytes, *, key: Key | None = None, retain: bool = False) -> bool:
        """Hand over a message; False when the connection is ending."""
        ...

    def acknowledged(self, fact: Published) -> Key | None:
        """Which message the fact is about."""
        ...

    def abort(self, reason: str) -> None:
        """Break it; `Disconnected` follows."""
        ...

    def close(self, farewell: bytes) -> None:
        """End it in order."""
        ...


Dial = Callable[[int, LastWords], Line]
"""Makes the connection number n, not yet opened."""


class Link:
    """Delivery over one connection after the other. `on_command(payload, now_ns)` gives the reply, if there is any."""

    def __init__(
        self,
        config: Config,
        *,
        outbox: Outbox,
        faults: FaultBook,
        dial: Dial,
        boot_id: str,
        version: str,
        session: int,
        on_command: Callable[[bytes, int], Reply | None],
        fault: FaultPoint,
        rng: random.Random,
    ) -> None:
        uplink = config.uplink
        backoff = Backoff(uplink.backoff_min_ms * _MS, uplink.backoff_max_ms * _MS)
        self._config = config
        self._outbox = outbox
        self._faults = faults
        self._dial = dial
        self._boot_id = boot_id
        self._version = version
        self._session: int | None = session
        self._on_command = on_command
        self._fault = fault
        self._reconnect = Reconnect(backoff, rng)
        self._delivery = Delivery(
            outbox.backlog,
            window_bytes=uplink.window_bytes,
            receipt_timeout_ns=uplink.receipt_timeout_ms * _MS,
            backoff=backoff,
            rng=rng,
        )
        self._line: Line | None = None
        # What the broker has refused on this connection; None: something that is no item of the outbox.
        self._refused: set[Key | None] = set()
        self._farewell = b""
        self._connections = 0
        self._last_seq = 0
        self.connected = False
        self.bridge_online = False
        self.malformed = 0
        self.last_receipt_ns: int | None = None
        self.last_failure: str | None = None

    def handle(self, fact: UplinkFact, now_ns: int) -> None:
        """Take one fact of the current connection; those of earlier ones mean nothing any more."""
        if self._line is None or fact.connection != self._line.number:
            return
        match fact:
            case Connected():
                self.connected = True
                self.last_failure = None
                self._session = None
                self._reconnect.connected()
                self._delivery.connected()
                self._refused.clear()
            case Disconnected():
                if fact.reached:
                    self._session = None
                self._lose_line(fact.reason, now_ns)
            case Published():
                self._published(self._line, fact, now_ns)
            case Message():
                self._message(fact, now_ns)

    def pump(self, now_ns: int) -> None:
        """Connect when it is time, and send what may be sent."""
        if self._line is None:
            if self._reconnect.due(now_ns):
                self._open_line()
            return
        if (seq := self._outbox.last_seq()) != self._last_seq:
            self._last_seq = seq
            self._delivery.events_added()
        if self._delivery.stalled(now_ns):
            self._delivery.disconnected()
            self._line.abort("the broker acknowledges nothing")
            return
        for send in self._delivery.poll(now_ns):
            self._fault("uplink.before_publish")
            self._line.publish(send.topic, send.payload, key=send.key)
            self._fault("uplink.after_publish")

    def track_done(self, track: str) -> None:
        """A track was finished or lost."""
        self._delivery.forget_track(track)
        self._delivery.track_added()

    def send(self, channel: str, message: Strict, *, retain: bool = False) -> None:
        """Publish on one of the box's channels, if there is a connection."""
        if self._line is not None and self.connected:
            name = topic(self._config.box.site, self._config.box.name, channel)
            self._line.publish(name, encode(message), retain=retain)

    def next_deadline_ns(self) -> int | None:
        """When `pump` has something to do."""
        return self._reconnect.next_deadline_ns() if self._line is None else self._delivery.next_deadline_ns()

    def close(self) -> None:
        """Say goodbye and end the connection."""
        if self._line is not None:
            self._line.close(self._farewell)
            self._line = None
        self.connected = False

    def _open_line(self) -> None:
        if self._session is None:
            self._session = self._outbox.next_session()
        self._connections += 1
        birth = Status(
            online=True,
            session=self._session,
            version=self._version,
            boot_id=self._boot_id,
            series=self._outbox.series,
        )
        self._farewell = encode(msgspec.structs.replace(birth, online=False))
        self._line = self._dial(self._connections, LastWords(will=self._farewell, birth=encode(birth)))
        self._line.open()

    def _lose_line(self, reason: str, now_ns: int) -> None:
        self._line = None
        self.connected = False
        self.bridge_online = False
        self.last_failure = reason
        self._delivery.disconnected()
        self._reconnect.failed(now_ns)

    def _published(self, line: Line, fact: Published, now_ns: int) -> None:
        key = line.acknowledged(fact)
        if fact.refusal is not None:
            self._refused.add(key)
            detail = f"the broker refuses what the box publishes: {fact.refusal}; look at its access rules and limits"
            self._faults.set("publish_refused", "broker", active=True, detail=detail)
        else:
            # Over when what was refused is accepted or gone, not when anything else is accepted: a broker that takes
            # events and refuses sound would make two events of every chunk.
            self._refused = {k for k in self._refused if k != key and (k is None or self._delivery.holds(k))}
            if not self._refused:
                self._faults.set("publish_refused", "broker", active=False, detail="accepted again")
        if key is not None:
            self._delivery.published(key, now_ns)

    def _message(self, fact: Message, now_ns: int) -> None:
        try:
            if fact.topic == BRIDGE_STATE_TOPIC:
                state: BridgeState = decode(fact.payload, BridgeState)
                self.bridge_online = state.online
                self._delivery.bridge(now_ns, online=state.online)
            elif fact.topic.endswith("/receipt"):
                self._receipt(decode(fact.payload, Receipt), now_ns)
            elif (reply := self._on_command(fact.payload, now_ns)) is not None:
                self.send("reply", reply)
        except WireError:
            self.malformed += 1

    def _receipt(self, receipt: Receipt, now_ns: int) -> None:
        self._fault("uplink.before_receipt")
        applied = self._outbox.apply_receipt(receipt)
        self._fault("uplink.after_receipt")
        self.last_receipt_ns = now_ns
        for event in applied.events:
            self._delivery.receipted("event", event, 0, now_ns)
        for track, n in applied.chunks:
            self._delivery.receipted("chunk", track, n, now_ns)
        for track in applied.tracks:
            self._delivery.receipted("track", track, 0, now_ns)
            known = self._outbox.track(track)
            press = None if known is None else known.plan.press
            _log.info("track %s is delivered", track, extra=about(press=press, track=track))
        for track, n in applied.resend:
            size = self._outbox.backlog.size_of_chunk(track, n)
            if size is not None:
                self._delivery.resend(Item("chunk", track, n, size), now_ns)
        for wrong in applied.wrong:
            self._faults.moment("receipt_mismatch", "bridge", clean(wrong))
