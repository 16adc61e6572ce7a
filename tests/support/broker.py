"""A real Mosquitto for a test, and a client that remembers what it heard.

with running_broker(tmp_path, boxes=[("site", "box")]) as broker:
    user = box_user("site", "box")  # broker.accounts[user] is its password
    with Listener(broker, "observer") as listener:
        ...
        message = listener.wait_for(lambda m: m.topic.endswith("/event"))
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from demo.broker import BRIDGE_USER, OBSERVER_USER, Broker, box_user

__all__ = ["BRIDGE_USER", "OBSERVER_USER", "Broker", "Heard", "Listener", "box_user", "running_broker"]

TIMEOUT_S = 10.0


@contextmanager
def running_broker(folder: Path, boxes: Iterable[tuple[str, str]] = (("site", "box"),)) -> Iterator[Broker]:
    """A broker on a free loopback port with accounts for `boxes`, `bridge` and `observer`; stopped at the end."""
    broker = Broker(folder / "broker", boxes)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@dataclass(frozen=True)
class Heard:
    """One message that arrived; `mono_ns` is when our thread got it."""

    topic: str
    payload: bytes
    retain: bool
    mono_ns: int


class Listener:
    """A client logged in as `user`, subscribed to `topics` at QoS 1; everything heard stays in `messages`.

    Entering returns when the broker has granted the subscription, so nothing published afterwards is missed.
    """

    def __init__(self, broker: Broker, user: str = OBSERVER_USER, topics: Iterable[str] = ("earshot/1/#",)) -> None:
        self.messages: list[Heard] = []
        self._broker = broker
        self._topics = [(topic, 1) for topic in topics]
        self._changed = threading.Condition()
        self._granted = False
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(user, broker.accounts[user])
        self.client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message

    def __enter__(self) -> Self:
        self.client.connect(self._broker.host, self._broker.port)
        self.client.loop_start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._granted, TIMEOUT_S):
                raise TimeoutError("the broker granted no subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish and return when the broker has acknowledged."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(TIMEOUT_S)

    def wait_for(self, wanted: Callable[[Heard], bool], timeout_s: float = TIMEOUT_S) -> Heard:
        """The first message for which `wanted` holds, already heard or yet to come; raises `TimeoutError`."""
        return self.wait_for_count(wanted, 1, timeout_s)[0]

    def wait_for_count(self, wanted: Callable[[Heard], bool], count: int, timeout_s: float = TIMEOUT_S) -> list[Heard]:
        """At least `count` messages for which `wanted` holds; raises `TimeoutError` that says how many there were."""

        def found() -> list[Heard]:
            return [message for message in self.messages if wanted(message)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= count, timeout_s):
                last = [message.topic for message in self.messages][-20:]
                raise TimeoutError(f"{len(found())} of {count} messages came within {timeout_s} s; heard last {last}")
            return found()

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._granted = True
            self._changed.notify_all()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        with self._changed:
            heard = Heard(message.topic, bytes(message.payload), message.retain, time.monotonic_ns())
            self.messages.append(heard)
            self._changed.notify_all()
