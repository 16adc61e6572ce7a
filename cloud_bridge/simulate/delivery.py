"""Delivers the messages of one invented box as a real box does: until the bridge's receipt, in a bounded window."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.config import Broker, ConfigError
from cloud_bridge.mqtt import make_client
from cloud_bridge.simulate.records import VERSION, Message
from edge import wire

WINDOW = 200
RESEND_S = 10.0
PATIENCE_S = 120.0
_CONNECT_S = 15.0


class DeliveryError(RuntimeError):
    """A box's history could not be delivered; the message says why. What has a receipt is at the bridge."""


@dataclass(slots=True)
class Outcome:
    """What the bridge has receipted, and how many messages had to be repeated."""

    events: int = 0
    tracks: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _Sent:
    message: Message
    at_s: float = field(default_factory=time.monotonic)


class BoxDelivery:
    """One box's connection to the broker, by the account in `broker`; a context manager.

    Raises `ConfigError` for an unusable broker section, `DeliveryError` where the broker or the bridge does not answer.
    """

    def __init__(self, broker: Broker, site: str, box: str, series: str, boot_id: str) -> None:
        self._site, self._box = site, box
        self._status = wire.Status(online=True, session=1, version=VERSION, boot_id=boot_id, series=series)
        self._facts: queue.Queue[wire.Receipt | bool] = queue.Queue()
        self._connected: queue.Queue[str | None] = queue.Queue()
        self._client = make_client(broker, f"earshot-simulate-{site}-{box}")
        self._client.max_queued_messages_set(0)
        self._client.will_set(self._topic("status"), self._said(online=False), qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._broker = broker

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        except OSError as error:
            raise DeliveryError(
                f"the broker {self._broker.host}:{self._broker.port} can't be reached: {error}"
            ) from error
        self._client.loop_start()
        try:
            refusal = self._connected.get(timeout=_CONNECT_S)
        except queue.Empty:
            refusal = "no answer"
        if refusal is not None:
            self._client.loop_stop()
            raise DeliveryError(f"the broker refuses {self._site}/{self._box} (user {self._broker.user!r}): {refusal}")
        self._client.publish(self._topic("status"), self._said(online=True), qos=1, retain=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.publish(self._topic("status"), self._said(online=False), qos=1, retain=True).wait_for_publish(5)
        self._client.disconnect()
        self._client.loop_stop()

    def deliver(self, messages: Iterable[Message], progress: Callable[[Outcome], None]) -> Outcome:
        """Publish everything and return when all of it has its receipt; `progress` is called at each receipt."""
        outcome = Outcome()
        waiting: dict[tuple[str, str, str], _Sent] = {}
        remaining = iter(messages)
        exhausted = False
        online = False
        heard_s = time.monotonic()
        while waiting or not exhausted:
            while online and not exhausted and len(waiting) < WINDOW:
                message = next(remaining, None)
                if message is None:
                    exhausted = True
                    break
                waiting[message.kind, message.id, message.sha256] = _Sent(message)
                self._publish(message)
            if exhausted and not waiting:
                break
            fact = self._next_fact()
            now_s = time.monotonic()
            if isinstance(fact, bool):
                online, heard_s = fact, now_s
            elif fact is not None:
                heard_s = now_s
                self._settle(fact, waiting, outcome)
                progress(outcome)
            if now_s - heard_s > PATIENCE_S:
                raise DeliveryError(
                    f"no receipt for {self._site}/{self._box} in {PATIENCE_S:.0f} s with {len(waiting)} messages on"
                    f" their way; is the bridge running, and may this account write for that box?"
                )
            for sent in waiting.values():
                if online and now_s - sent.at_s > RESEND_S:
                    sent.at_s = now_s
                    outcome.repeated += 1
                    self._publish(sent.message)
        return outcome

    def _settle(self, receipt: wire.Receipt, waiting: dict[tuple[str, str, str], _Sent], outcome: Outcome) -> None:
        for one in receipt.received:
            if waiting.pop((one.kind, one.id, one.sha256), None) is not None:
                if one.kind == "track":
                    outcome.tracks += 1
                else:
                    outcome.events += 1

    def _next_fact(self) -> wire.Receipt | bool | None:
        try:
            return self._facts.get(timeout=1.0)
        except queue.Empty:
            return None

    def _publish(self, message: Message) -> None:
        for topic, payload in message.parts:
            self._client.publish(topic, payload, qos=1)

    def _topic(self, channel: str) -> str:
        return wire.topic(self._site, self._box, channel)

    def _said(self, *, online: bool) -> bytes:
        return wire.encode(msgspec.structs.replace(self._status, online=online))

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._connected.put(str(reason))
            return
        client.subscribe([(self._topic("receipt"), 1), (wire.BRIDGE_STATE_TOPIC, 1)])
        self._connected.put(None)

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._connected.put(str(reason))
            self._facts.put(item=False)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        try:
            if message.topic == wire.BRIDGE_STATE_TOPIC:
                state: wire.BridgeState = wire.decode(payload, wire.BridgeState)
                self._facts.put(state.online)
            else:
                receipt: wire.Receipt = wire.decode(payload, wire.Receipt)
                self._facts.put(receipt)
        except wire.WireError as error:
            raise DeliveryError(f"{message.topic}: {error}") from error


def account(broker: Broker, site: str, box: str, passwords: dict[str, str]) -> Broker:
    """The broker section with the account of one box: its own where `passwords` has it, else the one configured.

    Raises `ConfigError` where there is neither.
    """
    user = f"{site}/{box}"
    if user in passwords:
        return msgspec.structs.replace(broker, user=user, password=passwords[user], password_file="")
    if passwords:
        raise ConfigError(f"the password file names no account {user!r}; add the line {user}:PASSWORD")
    return broker
