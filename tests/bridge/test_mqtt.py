"""The connection to the broker: one thread writes, whatever the others ask for, and at once."""

import queue
import threading
import time

import pytest
from broker import BRIDGE_USER, Listener, running_broker

from cloud_bridge import config
from cloud_bridge.ingest.parse import incoming
from cloud_bridge.metrics import Metrics
from cloud_bridge.mqtt import BrokerLink
from edge import wire

RECEIPT = "earshot/1/site/box/receipt"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def link(broker):
    settings = config.Broker(
        host=broker.host, port=broker.port, tls=False, user=BRIDGE_USER, password=broker.accounts[BRIDGE_USER]
    )
    died = threading.Event()
    made = BrokerLink(settings, 100, queue.Queue(101), Metrics(), died.set)
    yield made
    made.stop()
    assert not died.is_set()


def is_online_from(link):
    def check(message):
        if message.topic != wire.BRIDGE_STATE_TOPIC or not message.payload:
            return False
        return wire.decode(message.payload, wire.BridgeState) == wire.BridgeState(online=True, worker=link.worker)

    return check


def test_only_the_loop_writes_to_the_socket(link, broker, monkeypatch):
    """A packet that the socket takes in part and another thread's next one would otherwise be mixed up."""
    writers = set()
    write = link._client._packet_write

    def spy():
        writers.add(threading.current_thread().name)
        return write()

    monkeypatch.setattr(link._client, "_packet_write", spy)
    with Listener(broker) as heard:
        link.start()
        link.set_healthy(healthy=True)
        heard.wait_for(is_online_from(link))
        for n in range(50):
            link.publish(RECEIPT, b"%d" % n)
            link.acknowledge(incoming("x", b"", mid=1, connection=link._connection))
        heard.wait_for(lambda message: message.payload == b"49")
    assert writers == {"mqtt"}


def test_a_receipt_goes_out_at_once(link, broker):
    """Not when the loop wakes up by itself, which is once a second."""
    with Listener(broker) as heard:
        link.start()
        link.set_healthy(healthy=True)
        heard.wait_for(is_online_from(link))
        waits_ms = []
        for n in range(20):
            began_ns = time.monotonic_ns()
            link.publish(RECEIPT, b"receipt %d" % n)
            message = heard.wait_for(lambda message, n=n: message.payload == b"receipt %d" % n)
            waits_ms.append((message.mono_ns - began_ns) / 1e6)
    assert sorted(waits_ms)[10] < 100
