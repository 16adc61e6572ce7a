"""One short visit to the broker as the box's own user: its login, its access rules, the bridge's state."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import Config
from edge.enrol.identity import uplink_in_force
from edge.uplink import tls_context
from edge.wire import BRIDGE_STATE_TOPIC, BridgeState, Reply, WireError, decode, encode, topic

_ANSWER_S = 5.0
# A retained message follows the subscription's answer at once; a broker far away may need a moment.
_RETAINED_S = 1.0
_LOOP_S = 0.1


@dataclass(slots=True)
class Probe:
    """What the broker said.

    `answered`: it took or refused us (`refusal`). `denied`: topics that it says we may not hear, None: no answer.
    `mute`: why we may not publish; only MQTT 5 tells, and many a broker tells of publishing alone.
    """

    answered: bool = False
    refusal: str | None = None
    denied: tuple[str, ...] | None = None
    mute: str | None = None
    bridge_online: bool = False


def probe(config: Config, password: str) -> Probe:
    """Connect under a client id of our own, subscribe what the box subscribes, and leave. Raises nothing."""
    return _Visit(config, password).run()


class _Visit:
    def __init__(self, config: Config, password: str) -> None:
        uplink, site, box = uplink_in_force(config), config.box.site, config.box.name
        five = uplink.protocol == "5"
        self._uplink = uplink
        self._topics = [topic(site, box, "command"), topic(site, box, "receipt"), BRIDGE_STATE_TOPIC]
        self._probe = Probe()
        self._has_state = False
        self._is_acknowledged = False
        # An answer to a command that nobody gave: bridges look for its id and find none.
        self._reply_topic = topic(site, box, "reply")
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"earshot-{site}-{box}-doctor",
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = _ANSWER_S
        if (context := tls_context(uplink)) is not None:
            self._client.tls_set_context(context)
        if uplink.user:
            self._client.username_pw_set(uplink.user, password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def run(self) -> Probe:
        try:
            self._client.connect(self._uplink.host, self._uplink.port)
        except OSError:
            return self._probe
        self._loop(_ANSWER_S, lambda: self._probe.denied is not None or self._probe.refusal is not None)
        if self._probe.denied is not None:
            reply = Reply(id=secrets.token_hex(16), ok=True)
            self._client.publish(self._reply_topic, encode(reply), qos=1)
            self._loop(_ANSWER_S, lambda: self._is_acknowledged)
            self._loop(_RETAINED_S, lambda: self._has_state)
        self._client.disconnect()
        self._client.loop(_LOOP_S)
        return self._probe

    def _loop(self, seconds: float, done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s and not done():
            if self._client.loop(_LOOP_S) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._probe.answered = True
        if code.is_failure:
            self._probe.refusal = str(code)
        else:
            client.subscribe([(name, 1) for name in self._topics])

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        pairs = zip(self._topics, codes, strict=True)
        self._probe.denied = tuple(name for name, code in pairs if code.is_failure)

    def _on_publish(
        self, _client: Client, _userdata: object, _mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._is_acknowledged = True
        if code.is_failure:
            self._probe.mute = f"{self._reply_topic}: {code}"

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic != BRIDGE_STATE_TOPIC:
            return
        try:
            state: BridgeState = decode(bytes(message.payload), BridgeState)
        except WireError:
            return
        self._has_state = True
        self._probe.bridge_online = state.online
