"""A bridge in memory on a real broker: keeps what boxes send and answers with receipts, as the real one does.

`forgetful` names kinds of receipts that are swallowed while it is set.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Self

from broker import BRIDGE_USER, Broker, Heard, Listener

from edge.wire import (
    BRIDGE_STATE_TOPIC,
    BridgeState,
    Event,
    Receipt,
    Received,
    Reply,
    TrackData,
    decode,
    decode_event,
    encode,
    parse_topic,
    sha256,
    topic,
)

TIMEOUT_S = 15.0


class FakeBridge(Listener):
    def __init__(self, broker: Broker) -> None:
        super().__init__(broker, BRIDGE_USER, ["earshot/1/+/+/#"])
        self.events: dict[str, Event] = {}
        self.chunks: dict[str, dict[int, bytes]] = defaultdict(dict)
        self.replies: dict[str, Reply] = {}
        self.order: list[str] = []
        self.times: Counter[str] = Counter()
        self.forgetful: set[str] = set()
        self._known = threading.Condition()

    def __enter__(self) -> Self:
        super().__enter__()
        self.online(True)
        return self

    def online(self, online: bool) -> None:
        self.publish(BRIDGE_STATE_TOPIC, encode(BridgeState(online=online, worker="fake")), retain=True)

    def command(self, site: str, box: str, command: object) -> Reply:
        self.publish(topic(site, box, "command"), encode(command))
        self.wait(lambda: command.id in self.replies, f"reply to {command}")
        return self.replies[command.id]

    def wait(self, condition, what: str) -> None:
        with self._known:
            if not self._known.wait_for(condition, TIMEOUT_S):
                found = [event.type for event in self.events.values()]
                raise TimeoutError(f"{what} did not come; events: {found}; chunks: {dict.fromkeys(self.chunks)}")

    def of(self, kind: type) -> list[Event]:
        return sorted((e for e in list(self.events.values()) if isinstance(e.data, kind)), key=lambda e: e.seq)

    def sound(self, track: str) -> bytes | None:
        """The whole file of a track whose manifest and chunks are all here."""
        for event in self.of(TrackData):
            parts = self.chunks.get(track, {})
            if event.data.track == track and len(parts) == len(event.data.chunk_sha256):
                whole = b"".join(parts[n] for n in range(len(parts)))
                assert sha256(whole) == event.data.sha256
                return whole
        return None

    def _on_message(self, client, userdata, message) -> None:
        super()._on_message(client, userdata, message)
        heard = self.messages[-1]
        if heard.topic == BRIDGE_STATE_TOPIC:
            return
        place = parse_topic(heard.topic)
        with self._known:
            received = self._keep(place, heard)
            if received:
                receipt = Receipt(received=tuple(r for r in received if r.kind not in self.forgetful))
                client.publish(topic(place.site, place.box, "receipt"), encode(receipt), 1)
            self._known.notify_all()

    def _keep(self, place, heard: Heard) -> list[Received]:
        received = []
        track = place.track
        if place.channel in ("event", "manifest"):
            event = decode_event(heard.payload)
            known = self.events.setdefault(event.id, event)
            assert known == event, "one id, two contents"
            self.order.append(event.id)
            self.times[event.id] += 1
            received.append(Received(kind="event", id=event.id, sha256=sha256(heard.payload)))
        elif place.channel == "chunk":
            self.chunks[track][place.n] = heard.payload
            self.order.append(f"{track}/{place.n}")
            self.times[f"{track}/{place.n}"] += 1
            received.append(Received(kind="chunk", id=track, n=place.n, sha256=sha256(heard.payload)))
        elif place.channel == "reply":
            reply = decode(heard.payload, Reply)
            self.replies[reply.id] = reply
        if track is not None and (whole := self.sound(track)) is not None:
            received.append(Received(kind="track", id=track, sha256=sha256(whole)))
        return received
