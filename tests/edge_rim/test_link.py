"""The link over a line that the test plays: sessions, stalls, receipts, messages. Time is a number."""

import random

import pytest

from edge.config import decode
from edge.faultpoint import no_fault
from edge.link import Link
from edge.outbox import Outbox
from edge.uplink import Connected, Disconnected, Message, Published
from edge.wire import (
    BRIDGE_STATE_TOPIC,
    BridgeState,
    FaultData,
    Receipt,
    Received,
    Stamp,
    Status,
    decode_event,
    encode,
    sha256,
)
from edge.wire import decode as wire_decode

MS = 1_000_000
BOOT = "ab" * 16


class Line:
    def __init__(self, number, words):
        self.number = number
        self.words = words
        self.opened = False
        self.sent = []
        self.keys = {}
        self.aborted = []
        self.farewell = None

    def open(self):
        self.opened = True

    def publish(self, topic_name, payload, *, key=None, retain=False):
        self.sent.append((topic_name, payload, key))
        if key is not None:
            self.keys[len(self.sent)] = key
        return True

    def acknowledged(self, fact):
        return self.keys.pop(fact.mid, None)

    def abort(self, reason):
        self.aborted.append(reason)

    def close(self, farewell):
        self.farewell = farewell


class Faults:
    def __init__(self):
        self.told = []

    def set(self, name, device, *, active, detail):
        self.told.append((name, active))

    def moment(self, name, device, detail):
        self.told.append((name, detail))


class Bench:
    def __init__(self, folder):
        self.ids = random.Random(1)
        self.outbox = Outbox(folder, "s", "b", new_id=lambda: f"{self.ids.getrandbits(128):032x}")
        self.lines = []
        self.faults = Faults()
        config = decode(
            {"box": {"site": "s", "name": "b"}, "uplink": {"receipt_timeout_ms": 1000, "backoff_max_ms": 1000}}, "x"
        )
        self.link = Link(
            config,
            outbox=self.outbox,
            faults=self.faults,
            dial=self.dial,
            boot_id=BOOT,
            version="1",
            session=self.outbox.next_session(),
            on_command=lambda payload, now_ns: None,
            fault=no_fault,
            rng=random.Random(2),
        )

    def dial(self, number, words):
        self.lines.append(Line(number, words))
        return self.lines[-1]

    @property
    def line(self):
        return self.lines[-1]

    def event(self):
        stamp = Stamp(boot_id=BOOT, mono_ns=1, wall_ns=1, synced=False, uncertainty_ms=1)
        self.outbox.add_event(FaultData(name="x", device="y", active=True, detail="z", stamp=stamp), 1)

    def connect(self, now_ns):
        self.link.pump(now_ns)
        self.link.handle(Connected(self.line.number), now_ns)
        self.hear(BRIDGE_STATE_TOPIC, encode(BridgeState(online=True, worker="w")), now_ns)
        self.link.pump(now_ns)

    def hear(self, topic, payload, now_ns):
        self.link.handle(Message(self.line.number, topic, payload, len(payload)), now_ns)

    def receipt_of(self, payload):
        event = decode_event(payload)
        return encode(Receipt(received=(Received(kind="event", id=event.id, sha256=sha256(payload)),)))


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.outbox.close()


def session_of(line):
    birth, will = wire_decode(line.words.birth, Status), wire_decode(line.words.will, Status)
    assert (birth.online, will.online) == (True, False)
    assert birth.session == will.session
    return birth.session


def test_a_session_number_is_used_again_only_if_no_broker_can_have_seen_it(bench):
    now = 0
    for reached in (False, False, True, False, True):
        bench.link.pump(now)
        bench.link.handle(Disconnected(bench.line.number, "gone", reached=reached), now)
        assert bench.link.last_failure == "gone"
        now = bench.link.next_deadline_ns()
    assert [session_of(line) for line in bench.lines] == [1, 1, 1, 2, 2]
    bench.connect(now)
    bench.link.handle(Disconnected(bench.line.number, "gone", reached=True), now)
    bench.link.pump(bench.link.next_deadline_ns())
    assert session_of(bench.line) == session_of(bench.lines[-2]) + 1


def test_facts_of_an_earlier_connection_mean_nothing(bench):
    bench.connect(0)
    bench.link.handle(Disconnected(1, "gone", reached=True), 0)
    bench.connect(bench.link.next_deadline_ns())
    assert bench.link.connected
    bench.link.handle(Disconnected(1, "gone twice", reached=True), 0)
    bench.link.handle(Published(1, 1, "refused"), 0)
    assert bench.link.connected
    assert bench.faults.told == []


def test_a_receipt_ends_delivery_and_a_wrong_one_does_not(bench):
    bench.event()
    bench.connect(0)
    ((topic, payload, _),) = bench.line.sent
    assert topic == "earshot/1/s/b/event"
    bench.link.handle(Published(1, 1, None), 0)
    wrong = Receipt(received=(Received(kind="event", id=decode_event(payload).id, sha256="0" * 64),))
    bench.hear("earshot/1/s/b/receipt", encode(wrong), 0)
    assert bench.faults.told[-1][0] == "receipt_mismatch"
    assert bench.outbox.waiting().events == 1
    bench.hear("earshot/1/s/b/receipt", bench.receipt_of(payload), 0)
    assert bench.outbox.waiting().events == 0
    assert bench.link.next_deadline_ns() is None
    bench.event()
    bench.link.pump(1)
    assert len(bench.line.sent) == 2


def test_a_broker_that_acknowledges_nothing_is_left_once(bench):
    bench.event()
    bench.connect(0)
    deadline = bench.link.next_deadline_ns()
    assert deadline == 6000 * MS
    bench.link.pump(deadline - 1)
    assert bench.line.aborted == []
    bench.link.pump(deadline)
    bench.link.pump(deadline)
    assert len(bench.line.aborted) == 1
    assert bench.link.next_deadline_ns() is None, "nothing to do until the line says that it has ended"
    bench.link.handle(Disconnected(1, "aborted", reached=True), deadline)
    bench.connect(bench.link.next_deadline_ns())
    assert len(bench.line.sent) == 1


def test_a_refused_publish_is_a_fault_until_it_is_taken(bench):
    """Not until anything else is: that would be two further events for each refusal, for ever."""
    bench.event()
    bench.event()
    bench.connect(0)
    bench.link.handle(Published(1, 1, "not authorized"), 0)
    bench.link.handle(Published(1, 2, None), 0)
    assert bench.faults.told == [("publish_refused", True)]
    bench.hear("earshot/1/s/b/receipt", bench.receipt_of(bench.line.sent[1][1]), 0)
    now = bench.link.next_deadline_ns()
    for _ in range(20):
        bench.link.pump(now)
        if len(bench.line.sent) > 2:
            break
        now = bench.link.next_deadline_ns()
    assert bench.line.sent[2] == bench.line.sent[0]
    bench.link.handle(Published(1, 3, None), now)
    assert bench.faults.told[1:] == [("publish_refused", False)]


def test_a_refused_publish_that_has_its_receipt_all_the_same_is_over(bench):
    bench.event()
    bench.event()
    bench.connect(0)
    bench.link.handle(Published(1, 1, "quota exceeded"), 0)
    bench.hear("earshot/1/s/b/receipt", bench.receipt_of(bench.line.sent[0][1]), 0)
    bench.link.handle(Published(1, 2, None), 0)
    assert bench.faults.told == [("publish_refused", True), ("publish_refused", False)]


def test_what_is_not_understood_is_counted(bench):
    bench.connect(0)
    bench.hear(BRIDGE_STATE_TOPIC, b"{}", 0)
    bench.hear("earshot/1/s/b/receipt", b"\xff", 0)
    bench.hear("earshot/1/s/b/receipt", b"x" * 200_000, 0)
    assert bench.link.malformed == 3
    assert bench.link.bridge_online


def test_goodbye_is_the_will_said_by_ourselves(bench):
    bench.connect(0)
    line = bench.line
    bench.link.close()
    assert line.farewell == line.words.will
    assert not bench.link.connected
