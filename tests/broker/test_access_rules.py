"""The shipped access rules on a real broker: a box speaks and hears only under its own name."""

import pytest
from broker import Broker, Listener, running_broker
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.wire import CHUNK_BYTES_MAX


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [("north", "one"), ("north", "two")]) as running:
        yield running


def heard_by(broker: Broker, reader: str, writer: str, topic: str) -> bool:
    """Whether `reader` gets what `writer` publishes on `topic`; a marker from the bridge afterwards ends the wait."""
    fence = "earshot/1/bridge/state"
    with Listener(broker, reader) as listener, Listener(broker, writer) as talker, Listener(broker, "bridge") as bridge:
        talker.publish(topic, b"probe")
        bridge.publish(fence, b"fence")
        listener.wait_for(lambda message: message.topic == fence and message.payload == b"fence")
        return any(message.topic == topic and message.payload == b"probe" for message in listener.messages)


@pytest.mark.parametrize(
    "channel",
    ["status", "health", "event", "reply", "track/" + "a" * 32, f"track/{'a' * 32}/0", f"picture/{'a' * 32}/0"],
)
def test_a_box_writes_its_own_topics_and_no_others(broker, channel):
    assert heard_by(broker, "observer", "north/one", f"earshot/1/north/one/{channel}")
    assert not heard_by(broker, "observer", "north/one", f"earshot/1/north/two/{channel}")


@pytest.mark.parametrize("channel", ["receipt", "command"])
def test_a_box_hears_only_its_own_receipts_and_commands(broker, channel):
    assert heard_by(broker, "north/one", "bridge", f"earshot/1/north/one/{channel}")
    assert not heard_by(broker, "north/two", "bridge", f"earshot/1/north/one/{channel}")
    assert not heard_by(broker, "observer", "north/one", f"earshot/1/north/one/{channel}")


def test_a_box_hears_no_other_box_and_cannot_speak_for_the_bridge(broker):
    assert not heard_by(broker, "north/two", "north/one", "earshot/1/north/one/event")
    assert not heard_by(broker, "observer", "north/one", "earshot/1/bridge/state")


def test_the_bridge_writes_no_box_topic_and_the_observer_writes_nothing(broker):
    assert not heard_by(broker, "observer", "bridge", "earshot/1/north/one/event")
    assert not heard_by(broker, "bridge", "observer", "earshot/1/north/one/command")


def test_nobody_comes_in_without_a_password(broker):
    reasons = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda _client, _userdata, _flags, reason, _properties: reasons.append(reason)
    client.connect(broker.host, broker.port)
    while not reasons:
        client.loop(1)
    client.disconnect()
    assert reasons[0].is_failure


def test_the_largest_chunk_passes_the_128_kib_broker(broker):
    payload = bytes(CHUNK_BYTES_MAX)
    topic = f"earshot/1/north/one/track/{'b' * 32}/0"
    with Listener(broker) as listener, Listener(broker, "north/one") as box:
        box.publish(topic, payload)
        assert listener.wait_for(lambda message: message.topic == topic).payload == payload


def test_accounts_and_port_survive_a_restart(tmp_path):
    with running_broker(tmp_path, [("north", "one")]) as broker:
        port = broker.port
        broker.kill()
        broker.start()
        assert broker.port == port
        assert heard_by(broker, "observer", "north/one", "earshot/1/north/one/event")
