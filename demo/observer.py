"""An independent subscriber: when each press, track and receipt of our box passed the broker."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from demo.broker import OBSERVER_USER, Broker
from edge.wire import (
    BoxTopic,
    PressData,
    Receipt,
    TrackData,
    TrackLostData,
    decode,
    decode_event,
    parse_topic,
)

_CHANNELS = ("event", "track/#", "receipt")


@dataclass(slots=True)
class Journey:
    """One press on its way. Times are CLOCK_MONOTONIC of this machine, None until it happened."""

    press: str
    data: PressData
    event_ns: int
    manifest: TrackData | None = None
    chunks: set[int] = field(default_factory=set)
    track_receipt_ns: int | None = None
    lost: str | None = None


class Observer:
    """Follows the presses of a broker from `start` to `stop`. `lock` guards `journeys`, which is keyed by press id.

    `box` is the one to follow, as `<site>/<box>`; by default all.
    """

    def __init__(self, broker: Broker, box: str = "+/+") -> None:
        self.lock = threading.Lock()
        self.journeys: dict[str, Journey] = {}
        self._by_track: dict[str, Journey] = {}
        self._broker = broker
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(OBSERVER_USER, broker.accounts[OBSERVER_USER])
        topics = [(f"earshot/1/{box}/{channel}", 1) for channel in _CHANNELS]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect; the subscription is asked for at once and again after every reconnection."""
        self._client.reconnect_delay_set(1, 1)
        if self._client.connect(self._broker.host, self._broker.port) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError(f"the observer cannot reach the broker on port {self._broker.port}")
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        now_ns = time.monotonic_ns()
        topic = parse_topic(message.topic)
        with self.lock:
            if topic.channel == "receipt":
                self._on_receipt(decode(bytes(message.payload), Receipt), now_ns)
            elif topic.channel == "chunk":
                self._on_chunk(topic)
            elif topic.channel != "picture":
                self._on_event(bytes(message.payload), now_ns)

    def _on_event(self, payload: bytes, now_ns: int) -> None:
        event = decode_event(payload)
        data = event.data
        if isinstance(data, PressData) and event.id not in self.journeys:
            journey = self.journeys[event.id] = Journey(event.id, data, now_ns)
            if data.track is not None:
                self._by_track.setdefault(data.track, journey)
        elif isinstance(data, TrackData | TrackLostData) and (found := self._by_track.get(data.track)) is not None:
            if isinstance(data, TrackData):
                found.manifest = data
            else:
                found.lost = data.reason

    def _on_chunk(self, topic: BoxTopic) -> None:
        journey = self._by_track.get(topic.track or "")
        if journey is not None and topic.n is not None:
            journey.chunks.add(topic.n)

    def _on_receipt(self, receipt: Receipt, now_ns: int) -> None:
        for received in receipt.received:
            journey = self._by_track.get(received.id) if received.kind == "track" else None
            if journey is None or journey.manifest is None or journey.track_receipt_ns is not None:
                continue
            if received.sha256 == journey.manifest.sha256:
                journey.track_receipt_ns = now_ns
