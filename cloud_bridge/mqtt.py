"""The broker as the bridge sees it: one paho client, its network thread, back-pressure, the bridge's own state.

Messages go into one bounded queue; the broker stops sending at `receive_maximum` unacknowledged ones. The retained
`bridge/state` is shared by all workers: each publishes it at birth and leaves a will; a living, healthy worker that
sees it go offline (another one died or stopped) says online again, so that offline stands only when none is left.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.config import Broker, ConfigError, secret_text
from cloud_bridge.ingest.parse import Incoming, incoming
from cloud_bridge.metrics import Metrics
from edge import wire

log = logging.getLogger(__name__)

# Each message goes to one of the workers …
_SHARED = tuple(f"$share/earshot/{wire.ROOT}/+/+/{channel}" for channel in ("event", "track/#", "picture/#"))
# … but what is retained comes only to a subscription of one's own.
_OWN = (f"{wire.ROOT}/+/+/status", f"{wire.ROOT}/+/+/health", wire.BRIDGE_STATE_TOPIC)
# Larger packets are refused by the broker instead of filling our memory; what is below comes, and goes to quarantine.
_PACKET_BYTES_MAX = 16 * 1024 * 1024
_QUEUED_MAX = 10_000
_LAST_WORDS_S = 2.0


def make_client(broker: Broker, client_id: str, *, manual_ack: bool = False) -> Client:
    """A paho client for the configured broker, not yet connected; raises `ConfigError` for unusable files."""
    version = MQTTProtocolVersion.MQTTv5 if broker.protocol == "5" else MQTTProtocolVersion.MQTTv311
    options: dict[str, Any] = {} if broker.protocol == "5" else {"clean_session": True}
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, manual_ack=manual_ack, **options)
    if broker.user:
        client.username_pw_set(broker.user, secret_text(broker.password, broker.password_file, "broker.password_file"))
    if broker.tls:
        try:
            client.tls_set(broker.ca_file or None, broker.cert_file or None, broker.key_file or None)
        except (OSError, ValueError) as error:
            raise ConfigError(f"broker: the TLS files cannot be used: {error}") from error
    client.reconnect_delay_set(broker.backoff_min_s, broker.backoff_max_s)
    client.max_queued_messages_set(_QUEUED_MAX)
    client.on_socket_open = _send_at_once
    return client


def connect(client: Client, broker: Broker, receive_maximum: int | None = None) -> None:
    """Name the broker; the connection itself is made, and made anew, by the client's loop."""
    if broker.protocol != "5":
        client.connect_async(broker.host, broker.port, broker.keepalive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = _PACKET_BYTES_MAX
    if receive_maximum is not None:
        properties.ReceiveMaximum = receive_maximum
    client.connect_async(broker.host, broker.port, broker.keepalive_s, clean_start=True, properties=properties)


def worker_name() -> str:
    """A name that no other worker has, for the broker's log and `bridge/state`."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class BrokerLink:
    """The ingest's connection. Fills `messages`; `publish`, `acknowledge` and `set_healthy` come from the worker.

    `on_dead` is called when the network thread ends although nobody stopped it.
    """

    def __init__(
        self,
        broker: Broker,
        receive_maximum: int,
        messages: queue.Queue[Incoming | None],
        metrics: Metrics,
        on_dead: Callable[[], None],
    ) -> None:
        self.worker = worker_name()
        self._messages = messages
        self._metrics = metrics
        self._on_dead = on_dead
        self._connection = 0
        self._lock = threading.Lock()
        self._subscribed = False
        self._healthy = False
        self._stopping = threading.Event()
        client = make_client(broker, f"earshot-bridge-{self.worker}", manual_ack=True)
        client.will_set(wire.BRIDGE_STATE_TOPIC, self._state(online=False), qos=1, retain=True)
        client.on_connect = self._connected
        client.on_subscribe = self._granted
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        # With this hook set, publishing and acknowledging leave the writing to the loop's thread. Two threads would mix
        # the rest of a packet that the socket took in part with the beginning of the next one.
        client.on_socket_register_write = _leave_to_loop
        connect(client, broker, receive_maximum)
        self._client = client
        self._thread = threading.Thread(target=self._loop, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once, and keeps trying until stopped."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a QoS 1 message over. Lost where there is no connection: boxes ask again for what has no receipt."""
        self._client.publish(topic, payload, qos=1)

    def acknowledge(self, message: Incoming) -> None:
        """PUBACK; nothing for a message of an earlier connection, whose numbers mean other messages now."""
        if message.qos and message.connection == self._connection:
            self._client.ack(message.mid, message.qos)

    def set_healthy(self, *, healthy: bool) -> None:
        """Tell the boxes to send (`healthy`) or to hold; cheap when nothing changes."""
        with self._lock:
            if healthy == self._healthy or self._stopping.is_set():
                return
            self._healthy = healthy
            self._metrics.online.set(healthy)
            if self._subscribed:
                self._say(online=healthy)

    def close_intake(self) -> None:
        """Tell the boxes to hold and take nothing in any more; what is in the queue can still be finished."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            self._metrics.online.set(0)
            if self._subscribed:
                self._say(online=False)

    def stop(self) -> None:
        """Disconnect after what was published has gone out (waits at most two seconds); idempotent."""
        self.close_intake()
        if self._client.is_connected():
            # The last message: those before it have gone out when it has.
            self._client.publish(
                wire.BRIDGE_STATE_TOPIC, self._state(online=False), qos=1, retain=True
            ).wait_for_publish(_LAST_WORDS_S)
        self._client.disconnect()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_LAST_WORDS_S)

    def _loop(self) -> None:
        try:
            # Only loop() opens the wake-up for what other threads queue; else that waits for the next packet.
            self._client.loop(0)
            self._client.loop_forever(retry_first_connection=True)
        finally:
            if not self._stopping.is_set():
                self._on_dead()

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("the broker refuses the bridge: %s; check broker.user and its password", reason)
            return
        with self._lock:
            self._connection += 1
        self._metrics.connected.set(1)
        client.subscribe([(name, 1) for name in (*_SHARED, *_OWN)])

    def _granted(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [name for name, reason in zip((*_SHARED, *_OWN), reasons, strict=False) if reason.is_failure]
        if refused:
            # Without its subscriptions a worker that says online would make boxes send into nothing.
            log.error("the broker refuses the subscriptions %s; check its access rules", ", ".join(refused))
            return
        with self._lock:
            self._subscribed = True
            if self._healthy and not self._stopping.is_set():
                self._say(online=True)

    def _disconnected(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._lock:
            self._subscribed = False
        self._metrics.connected.set(0)
        if not self._stopping.is_set():
            log.warning("disconnected from the broker: %s; connecting anew", reason)

    def _message(self, client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(a topic that is not UTF-8)"
        if topic == wire.BRIDGE_STATE_TOPIC:
            client.ack(message.mid, message.qos)
            self._state_seen(bytes(message.payload))
            return
        item = incoming(topic, bytes(message.payload), qos=message.qos, mid=message.mid, connection=self._connection)
        while not self._stopping.is_set():
            try:
                # Full only where a broker without MQTT 5 ignores our limit: then TCP holds it back.
                self._messages.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _state_seen(self, payload: bytes) -> None:
        try:
            state: wire.BridgeState = wire.decode(payload, wire.BridgeState)
        except wire.WireError as error:
            log.warning("%s: %s", wire.BRIDGE_STATE_TOPIC, error)
            online = False
        else:
            online = state.online
        with self._lock:
            if not online and self._healthy and self._subscribed and not self._stopping.is_set():
                self._say(online=True)

    def _say(self, *, online: bool) -> None:
        self._client.publish(wire.BRIDGE_STATE_TOPIC, self._state(online=online), qos=1, retain=True)

    def _state(self, *, online: bool) -> bytes:
        return wire.encode(wire.BridgeState(online=online, worker=self.worker))


def _leave_to_loop(_client: Client, _data: object, _socket: Any) -> None:
    """The loop's thread looks for what is to be written by itself."""


def _send_at_once(_client: Client, _data: object, sock: Any) -> None:
    """Receipts are small; waiting to fill a packet would cost each press up to 40 ms."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
