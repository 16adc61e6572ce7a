"""One connection to a real broker: birth, will, subscriptions, acknowledgements, refusals, ends."""

import queue
import random
import time

import pytest
from broker import Listener, box_user, running_broker

from edge.backoff import Backoff
from edge.config import ConfigError
from edge.config import Uplink as UplinkConfig
from edge.uplink import (
    Connected,
    Connection,
    Disconnected,
    LastWords,
    Message,
    Published,
    Reconnect,
    read_password,
    tls_context,
)

TIMEOUT_S = 10.0
WORDS = LastWords(will=b"gone", birth=b"here")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [("north", "one")]) as running:
        yield running


class Facts:
    """The queue's only consumer."""

    def __init__(self):
        self.queue = queue.SimpleQueue()

    def next(self, kind):
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            fact = self.queue.get(timeout=max(deadline - time.monotonic(), 0))
            if isinstance(fact, kind):
                return fact


def settings(broker, protocol="5", **changes):
    user = box_user("north", "one")
    values = {"user": user, "password": broker.accounts[user], **changes}
    return UplinkConfig(host=broker.host, port=broker.port, tls=False, protocol=protocol, **values)


def connect(config, facts, number=1):
    connection = Connection(
        number, config, site="north", box="one", words=WORDS, emit=facts.queue.put, died=pytest.fail
    )
    connection.open()
    return connection


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_birth_subscriptions_messages_and_farewell(broker, protocol):
    facts = Facts()
    with Listener(broker, "bridge") as bridge:
        connection = connect(settings(broker, protocol), facts)
        assert facts.next(Connected).connection == 1
        bridge.wait_for(lambda m: m.topic == "earshot/1/north/one/status" and m.payload == b"here")
        for topic, body in (
            ("earshot/1/north/one/command", b"c"),
            ("earshot/1/north/one/receipt", b"r"),
            ("earshot/1/bridge/state", b"s"),
        ):
            bridge.publish(topic, body)
            assert facts.next(Message) == Message(1, topic, body, 1)

        key = ("event", "a" * 32, 0)
        assert connection.publish("earshot/1/north/one/event", b"e", key=key)
        acknowledged = facts.next(Published)
        assert connection.acknowledged(acknowledged) == key
        assert connection.acknowledged(acknowledged) is None
        assert acknowledged.refusal is None

        connection.close(b"bye")
        bridge.wait_for(lambda m: m.topic == "earshot/1/north/one/status" and m.payload == b"bye")
        assert facts.next(Disconnected).reason == "closed"
        assert not any(m.payload == b"gone" for m in bridge.messages), "an ordered end needs no will"


def test_the_will_speaks_for_a_box_that_vanishes(broker):
    facts = Facts()
    with Listener(broker, "bridge") as bridge:
        connection = connect(settings(broker), facts)
        facts.next(Connected)
        connection.abort("the broker acknowledges nothing")
        assert facts.next(Disconnected) == Disconnected(1, "the broker acknowledges nothing", reached=True)
        bridge.wait_for(lambda m: m.topic == "earshot/1/north/one/status" and m.payload == b"gone")
        assert not connection.publish("earshot/1/north/one/event", b"late", key=("event", "b" * 32, 0))


def test_a_refused_publish_is_reported(broker):
    facts = Facts()
    connection = connect(settings(broker), facts)
    facts.next(Connected)
    connection.publish("earshot/1/north/two/event", b"not ours", key=("event", "c" * 32, 0))
    assert "authorized" in facts.next(Published).refusal.lower()
    connection.close(b"bye")


def test_wrong_password_and_absent_broker_end_with_the_reason(broker):
    facts = Facts()
    connect(settings(broker, password="wrong"), facts)
    refused = facts.next(Disconnected)
    assert "authorized" in refused.reason.lower()
    connect(UplinkConfig(host="127.0.0.1", port=1, tls=False), facts, 2)
    absent = facts.next(Disconnected)
    assert absent.connection == 2
    assert not absent.reached
    assert "127.0.0.1:1" in absent.reason


def test_a_large_foreign_payload_is_cut_and_its_size_kept(broker):
    facts = Facts()
    connection = connect(settings(broker), facts)
    facts.next(Connected)
    with Listener(broker, "bridge") as bridge:
        bridge.publish("earshot/1/north/one/command", bytes(128 * 1024))
    assert facts.next(Message).payload_bytes == 128 * 1024
    connection.close(b"bye")


def test_password_file_and_tls_files_are_checked(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("väry secret\n")
    assert read_password(UplinkConfig(password_file=str(secret))) == "väry secret"
    with pytest.raises(ConfigError, match="password_file"):
        read_password(UplinkConfig(password_file=str(tmp_path / "absent")))
    with pytest.raises(ConfigError, match="TLS"):
        tls_context(UplinkConfig(ca_file=str(tmp_path / "absent.pem")))
    assert tls_context(UplinkConfig(tls=False)) is None


def test_reconnect_waits_within_the_growing_bound_and_starts_over_after_success():
    backoff = Backoff(min_ns=100, max_ns=1000)
    reconnect = Reconnect(backoff, random.Random(3))
    assert reconnect.due(0)
    assert not reconnect.due(10**9), "one attempt at a time"
    now = 0
    for bound in (100, 200, 400, 800, 1000, 1000):
        reconnect.failed(now)
        due = reconnect.next_deadline_ns()
        assert now <= due <= now + bound
        assert due == now or not reconnect.due(due - 1)
        assert reconnect.due(due)
        now = due
    reconnect.connected()
    reconnect.failed(now)
    assert reconnect.next_deadline_ns() <= now + 100


def test_full_jitter_covers_the_whole_bound():
    rng = random.Random(5)
    backoff = Backoff(min_ns=1000, max_ns=64_000)
    waits = [backoff.wait_ns(7, rng) for _ in range(2000)]
    assert min(waits) < 1000
    assert max(waits) > 63_000
    assert abs(sum(waits) / len(waits) - 32_000) < 2000
