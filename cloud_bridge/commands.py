"""Commands to boxes and their replies, over a small MQTT client of its own (pages may run without ingest)."""

from __future__ import annotations

import logging
import queue
import threading

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.config import Broker
from cloud_bridge.mqtt import connect, make_client, worker_name
from cloud_bridge.web.settings import CommandsUnavailable
from edge import wire

log = logging.getLogger(__name__)


class CommandLink:
    """Sends commands and waits for their replies. Thread-safe. `start` before use; `stop` is idempotent."""

    def __init__(self, broker: Broker) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], queue.Queue[wire.Reply]] = {}
        client = make_client(broker, f"earshot-web-{worker_name()}")
        client.on_connect = self._connected
        client.on_message = self._message
        connect(client, broker)
        self._client = client

    def start(self) -> None:
        """Begin to connect; returns at once, and keeps trying until stopped."""
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def __call__(self, site: str, box: str, command: wire.Command, timeout_s: float) -> wire.Reply | None:
        """The box's reply; None when none came within `timeout_s`. Raises `CommandsUnavailable`."""
        key = (site, box, command.id)
        replies: queue.Queue[wire.Reply] = queue.Queue(1)
        with self._lock:
            self._waiting[key] = replies
        try:
            if not self._client.is_connected():
                raise CommandsUnavailable("the bridge has no connection to the broker now; try again")
            sent = self._client.publish(wire.topic(site, box, "command"), wire.encode(command), qos=1)
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise CommandsUnavailable(f"the command cannot be sent: {sent.rc.name}")
            return replies.get(timeout=timeout_s)
        except queue.Empty:
            return None
        finally:
            with self._lock:
                del self._waiting[key]

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("the broker refuses the pages' connection: %s", reason)
            return
        client.subscribe(f"{wire.ROOT}/+/+/reply", 1)

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = wire.parse_topic(message.topic)
            reply: wire.Reply = wire.decode(bytes(message.payload), wire.Reply)
        except (wire.WireError, UnicodeDecodeError) as error:
            log.warning("a reply cannot be read: %s", error)
            return
        with self._lock:
            waiting = self._waiting.get((topic.site, topic.box, reply.id))
            if waiting is not None and waiting.empty():
                waiting.put_nowait(reply)
