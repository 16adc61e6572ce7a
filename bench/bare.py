"""The floors on MQTT: bare paho clients on a private broker, QoS 1, nothing stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from demo.broker import BRIDGE_USER, Broker

TIMEOUT_S = 300.0


def connect(broker: Broker, user: str, in_flight: int = 200) -> Client:
    """A connected client with its network thread running."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(user, broker.accounts[user])
    client.max_inflight_messages_set(in_flight)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect(broker.host, broker.port)
    client.loop_start()
    if not ready.wait(TIMEOUT_S):
        raise TimeoutError(f"{user} could not connect to the broker on port {broker.port}")
    return client


def disconnect(client: Client) -> None:
    """End the connection and its thread."""
    client.disconnect()
    client.loop_stop()


class Subscriber:
    """Counts what arrives on `topics` and throws it away."""

    def __init__(self, broker: Broker, topics: Iterable[str], user: str = BRIDGE_USER) -> None:
        self.count = 0
        self.last_ns = 0
        self._changed = threading.Condition()
        granted = threading.Event()
        self._client = connect(broker, user)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: granted.set()
        self._client.subscribe([(topic, 1) for topic in topics])
        if not granted.wait(TIMEOUT_S):
            raise TimeoutError("the broker granted no subscription")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        disconnect(self._client)

    def wait_for(self, count: int) -> None:
        """Return when `count` messages have come; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, TIMEOUT_S):
                raise TimeoutError(f"{self.count} of {count} messages came")

    def _on_message(self, _client: Client, _userdata: object, _message: MQTTMessage) -> None:
        now_ns = time.monotonic_ns()
        with self._changed:
            self.count += 1
            self.last_ns = now_ns
            self._changed.notify_all()


def latency_ms(broker: Broker, publisher: Client, topic: str, payload: bytes, rounds: int) -> list[float]:
    """Milliseconds from publish to an independent subscriber's callback, one message at a time."""
    found = []
    with Subscriber(broker, [topic]) as subscriber:
        for n in range(rounds):
            begin_ns = time.monotonic_ns()
            publisher.publish(topic, payload, 1)
            subscriber.wait_for(n + 1)
            found.append((subscriber.last_ns - begin_ns) / 1e6)
    return found


def transfer_s(broker: Broker, publisher: Client, messages: list[tuple[str, bytes]], topics: Iterable[str]) -> float:
    """Seconds from the first publish until a subscriber that throws away has got everything."""
    with Subscriber(broker, topics) as subscriber:
        begin_ns = time.monotonic_ns()
        for topic, payload in messages:
            publisher.publish(topic, payload, 1)
        subscriber.wait_for(len(messages))
        return (subscriber.last_ns - begin_ns) / 1e9
