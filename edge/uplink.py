"""The way to the broker: one paho client a connection, its callbacks put facts on the queue and decide nothing.

A client is thrown away with its connection, so nothing that paho still held is sent behind our back: the outbox holds
everything, and a new connection starts from it. When to connect again is decided by `Reconnect` on the main thread.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.backoff import Backoff
from edge.config import ConfigError
from edge.config import Uplink as UplinkConfig
from edge.flights import ITEMS_IN_FLIGHT_MAX, Key
from edge.wire import BRIDGE_STATE_TOPIC, JSON_BYTES_MAX, topic

_CONNECT_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_LOOP_S = 1.0
# Above what delivery keeps in flight, for health, replies and status.
_QUEUED_MAX = 2 * ITEMS_IN_FLIGHT_MAX + 100


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has granted the connection number `connection` and its subscriptions."""

    connection: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection has ended or was never made. `reached`: the broker may have seen our CONNECT, hence our will."""

    connection: int
    reason: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Published:
    """PUBACK for the message `mid` of the connection; `refusal` is the broker's reason where it says no."""

    connection: int
    mid: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message for this box, at most `JSON_BYTES_MAX` of it (`payload_bytes` is the true size)."""

    connection: int
    topic: str
    payload: bytes
    payload_bytes: int


UplinkFact = Connected | Disconnected | Published | Message


@dataclass(frozen=True, slots=True)
class LastWords:
    """Status messages of one connection: the will that the broker publishes for us, and our birth."""

    will: bytes
    birth: bytes


def read_password(config: UplinkConfig) -> str:
    """The password, from its file if one is configured; raises `ConfigError` when that can't be read."""
    if not config.password_file:
        return config.password
    try:
        return Path(config.password_file).read_text("utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"uplink.password_file = {config.password_file!r} can't be read: {error}") from error


def tls_context(config: UplinkConfig) -> ssl.SSLContext | None:
    """What `uplink.tls`, `ca_file`, `cert_file` and `key_file` ask for; raises `ConfigError` for unusable files."""
    if not config.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (config.ca_file, config.cert_file, config.key_file) if name)
        raise ConfigError(f"uplink: TLS can't be set up from {files or 'the system store'}: {error}") from error
    return context


class Connection:
    """One connection to the broker, from the attempt to its end, which is one `Disconnected`.

    Its methods belong to the main thread and do not block, but for `close`. Everything that happens comes as a fact
    with this connection's number, from the connection's own thread; `died` is told when that ends by an error.
    """

    def __init__(
        self,
        number: int,
        config: UplinkConfig,
        *,
        site: str,
        box: str,
        words: LastWords,
        emit: Callable[[UplinkFact], None],
        died: Callable[[str, BaseException], None],
    ) -> None:
        self.number = number
        self._config = config
        self._emit = emit
        self._died = died
        self._client_id = f"earshot-{site}-{box}"
        self._status_topic = topic(site, box, "status")
        self._subscriptions = [
            (topic(site, box, "command"), 1),
            (topic(site, box, "receipt"), 1),
            (BRIDGE_STATE_TOPIC, 1),
        ]
        self._words = words
        self._keys: dict[int, Key] = {}
        self._client: Client | None = None
        self._closing = False
        self._reason = "the broker did not answer"
        self._thread = threading.Thread(target=self._run, name=f"uplink-{number}", daemon=True)

    def open(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def publish(self, topic_name: str, payload: bytes, *, key: Key | None = None, retain: bool = False) -> bool:
        """Hand over a message (QoS 1) after `Connected`; False when the connection is ending and can't take it."""
        if self._client is None:
            return False
        info = self._client.publish(topic_name, payload, qos=1, retain=retain)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if key is not None:
            self._keys[info.mid] = key
        return True

    def acknowledged(self, fact: Published) -> Key | None:
        """Which message a `Published` is about: the `key` that it was published with, once."""
        return self._keys.pop(fact.mid, None)

    def abort(self, reason: str) -> None:
        """Break a connection that does not move, without waiting for it; `Disconnected(reason)` follows."""
        self._reason = reason
        self._closing = True
        self._break()

    def close(self, farewell: bytes) -> None:
        """End it in order, with the status `farewell`; returns within a few seconds whatever the network does."""
        self._closing = True
        self._reason = "closed"
        client = self._client
        if client is not None and client.is_connected():
            info = client.publish(self._status_topic, farewell, qos=1, retain=True)
            if info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
                info.wait_for_publish(_CLOSE_TIMEOUT_S)
            client.disconnect()
            self._thread.join(_CLOSE_TIMEOUT_S)
        self._break()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _break(self) -> None:
        sock = self._client.socket() if self._client is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                cast("socket.socket", sock).shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._connect_and_loop()
        except BaseException as error:  # a thread must not end unnoticed
            self._died(self._thread.name, error)
            raise

    def _connect_and_loop(self) -> None:
        config = self._config
        try:
            client = self._make_client()
            client.connect(config.host, config.port, config.keepalive_s)
        except (OSError, ValueError) as error:
            self._emit(Disconnected(self.number, f"{config.host}:{config.port}: {error}", reached=False))
            return
        self._client = client
        if self._closing:
            client.disconnect()
        # loop_forever() lacks the wake-up that loop() has for what publish() queues from another thread.
        while client.loop(_LOOP_S) is MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass
        self._emit(Disconnected(self.number, self._reason, reached=True))

    def _make_client(self) -> Client:
        config = self._config
        five = config.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_queued_messages = _QUEUED_MAX
        if (context := tls_context(config)) is not None:
            client.tls_set_context(context)
        if config.user:
            client.username_pw_set(config.user, read_password(config))
        client.will_set(self._status_topic, self._words.will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        # With this hook set, publish() leaves the writing to the connection's thread; TLS could block the caller.
        client.on_socket_register_write = _leave_to_loop
        return client

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refuses the connection: {code}"
            client.disconnect()
            return
        self._reason = "the connection broke"
        client.publish(self._status_topic, self._words.birth, qos=1, retain=True)
        client.subscribe(self._subscriptions)

    def _on_subscribe(
        self, client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [name for (name, _), code in zip(self._subscriptions, codes, strict=True) if code.is_failure]
        if refused:
            self._reason = f"the broker refuses to subscribe {', '.join(refused)}; look at its access rules"
            client.disconnect()
            return
        self._emit(Connected(self.number))

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._closing and code.is_failure:
            self._reason = f"{self._reason}: {code}"

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._emit(Published(self.number, mid, str(code) if code.is_failure else None))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        self._emit(Message(self.number, message.topic, payload[: JSON_BYTES_MAX + 1], len(payload)))


def _leave_to_loop(_client: Client, _userdata: object, _sock: object) -> None:
    """The loop of paho looks at what is to be written by itself."""


class Reconnect:
    """When to connect next: at once, then after full-jitter back-off. Pure; times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self, backoff: Backoff, rng: random.Random) -> None:
        self._backoff = backoff
        self._rng = rng
        self._failures = 0
        self._due_ns: int | None = 0

    def due(self, now_ns: int) -> bool:
        """Whether to open a connection now; it then counts as being tried until `connected` or `failed`."""
        if self._due_ns is None or now_ns < self._due_ns:
            return False
        self._due_ns = None
        return True

    def connected(self) -> None:
        """The broker took us: the next failure starts from the first bound."""
        self._failures = 0

    def failed(self, now_ns: int) -> None:
        """The connection ended, or none was made."""
        self._failures += 1
        self._due_ns = now_ns + self._backoff.wait_ns(self._failures, self._rng)

    def next_deadline_ns(self) -> int | None:
        """When `due` becomes true."""
        return self._due_ns
