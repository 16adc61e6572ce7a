"""The delivery policy over a modelled outbox and a network that loses, delays, doubles and breaks. Time is a number."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.backoff import Backoff
from edge.delivery import WAITING_MAX, Delivery
from edge.flights import ITEMS_IN_FLIGHT_MAX, Item

MS = 1_000_000
WINDOW = 400_000
TIMEOUT = 1000 * MS
CHUNK = 98_304


class Model:
    """An outbox in memory: events by seq, tracks with chunks, all removed by receipts."""

    def __init__(self):
        self.events = {}
        self.track_chunks = {}
        self.newest = []
        self.seq = 0
        self.reads = 0
        self.tracks_read = 0

    def add_event(self, size=500):
        self.seq += 1
        self.events[self.seq] = Item("event", f"{self.seq:032x}", 0, size)
        return self.events[self.seq]

    def add_track(self, name, chunks):
        self.add_event()
        self.newest.insert(0, name)
        self.track_chunks[name] = {n: Item("chunk", name, n, CHUNK) for n in range(chunks)}

    def empty(self):
        return not self.events and not self.newest

    def events_after(self, seq, limit):
        self.reads += 1
        return [(number, item) for number, item in sorted(self.events.items()) if number > seq][:limit]

    def tracks(self):
        for name in list(self.newest):
            if name in self.newest:
                self.tracks_read += 1
                yield Item("track", name, 0, 700)

    def chunks(self, track):
        return list(self.track_chunks[track].values())

    def load(self, item):
        return f"{item.kind}/{item.id}/{item.n}", b"x" * item.bytes

    def receipt(self, key):
        kind, name, n = key
        if kind == "event":
            self.events.pop(int(name, 16), None)
        elif kind == "chunk":
            self.track_chunks.get(name, {}).pop(n, None)
        elif name in self.newest:
            self.newest.remove(name)


def make(model, seed=1):
    return Delivery(
        model,
        window_bytes=WINDOW,
        receipt_timeout_ns=TIMEOUT,
        backoff=Backoff(min_ns=100 * MS, max_ns=5000 * MS),
        rng=random.Random(seed),
    )


def online(delivery, now=0):
    delivery.connected()
    delivery.bridge(now, online=True)


def keys(sends):
    return [send.key for send in sends]


def test_nothing_moves_while_not_connected_or_without_a_bridge():
    model = Model()
    model.add_event()
    delivery = make(model)
    assert delivery.poll(0) == []
    delivery.connected()
    assert delivery.poll(0) == []
    delivery.bridge(0, online=True)
    assert len(delivery.poll(0)) == 1
    model.add_event()
    delivery.events_added()
    delivery.bridge(1, online=False)
    assert delivery.poll(1) == []
    assert model.reads == 1


def test_events_by_seq_then_the_newest_track():
    model = Model()
    model.add_track("old", 2)
    model.add_track("new", 2)
    model.add_event()
    delivery = make(model)
    online(delivery)
    sent = keys(delivery.poll(0))
    assert [int(name, 16) for kind, name, _ in sent if kind == "event"] == [1, 2, 3]
    assert [key[:3] for key in sent[3:]] == [
        ("chunk", "new", 0),
        ("chunk", "new", 1),
        ("chunk", "old", 0),
        ("chunk", "old", 1),
    ]


def test_a_newer_track_overtakes_the_rest_of_an_older_one_and_that_is_resumed():
    model = Model()
    model.add_track("old", 8)
    delivery = make(model)
    online(delivery)
    first = [key for key in keys(delivery.poll(0)) if key[0] == "chunk"]
    assert first == [("chunk", "old", n) for n in range(4)]
    model.add_track("new", 2)
    delivery.events_added()
    delivery.track_added()
    order = []
    for key in first:
        model.receipt(key)
        delivery.receipted(*key, 1)
        order += [sent for sent in keys(delivery.poll(1)) if sent[0] == "chunk"]
    assert order == [("chunk", "new", 0), ("chunk", "new", 1), ("chunk", "old", 4), ("chunk", "old", 5)]


def test_the_receipt_timeout_starts_at_puback_and_a_silent_broker_is_a_stall():
    model = Model()
    model.add_event()
    delivery = make(model)
    online(delivery)
    (sent,) = delivery.poll(0)
    assert delivery.poll(5 * TIMEOUT) == []
    assert not delivery.stalled(5 * TIMEOUT)
    assert delivery.next_deadline_ns() == 6 * TIMEOUT
    assert delivery.stalled(6 * TIMEOUT)
    delivery.published(sent.key, 6 * TIMEOUT)
    assert not delivery.stalled(100 * TIMEOUT)
    assert delivery.next_deadline_ns() == 7 * TIMEOUT
    assert delivery.poll(7 * TIMEOUT - 1) == []
    delivery.poll(7 * TIMEOUT)
    again = delivery.poll(7 * TIMEOUT + 100 * MS)
    assert keys(again) in ([sent.key], []) or delivery.in_flight_bytes
    assert delivery.in_flight_bytes == 500


def test_a_slow_line_is_not_flooded():
    model = Model()
    model.add_track("t", 30)
    delivery = make(model)
    online(delivery)
    count = len(delivery.poll(0))
    for now in range(0, 5 * TIMEOUT, TIMEOUT // 3):
        assert delivery.poll(now) == [], "without PUBACK nothing counts as lost"
    assert count == 1 + 4


def test_without_the_receipt_of_the_whole_the_manifest_is_repeated():
    model = Model()
    model.add_track("t", 1)
    delivery = make(model)
    online(delivery)
    for key in keys(delivery.poll(0)):
        delivery.published(key, 0)
        model.receipt(key)
        delivery.receipted(*key, 0)
    assert delivery.poll(TIMEOUT - 1) == []
    assert keys(delivery.poll(TIMEOUT)) == [("track", "t", 0)]
    model.receipt(("track", "t", 0))
    delivery.receipted("track", "t", 0, TIMEOUT)
    assert delivery.next_deadline_ns() is None
    assert delivery.items_held == 0


def test_a_resend_goes_again_after_a_back_off_and_before_the_whole_is_asked_for():
    model = Model()
    model.add_track("t", 2)
    delivery = make(model)
    online(delivery)
    chunks = [key for key in keys(delivery.poll(0)) if key[0] == "chunk"]
    for key in chunks:
        delivery.published(key, 0)
        delivery.receipted(*key, 0)
    delivery.resend(Item("chunk", "t", 1, CHUNK), 10)
    delivery.resend(Item("chunk", "t", 1, CHUNK), 10)
    due = delivery.next_deadline_ns()
    assert 10 <= due <= 10 + 100 * MS
    assert keys(delivery.poll(due)) == [("chunk", "t", 1)]
    delivery.receipted("chunk", "t", 1, due)
    assert [key for key in keys(delivery.poll(due + TIMEOUT)) if key[0] == "track"] == [("track", "t", 0)]


def test_a_lost_track_frees_its_window():
    model = Model()
    model.add_track("t", 4)
    delivery = make(model)
    online(delivery)
    delivery.poll(0)
    model.newest.remove("t")
    delivery.forget_track("t")
    assert delivery.in_flight_bytes == 500


def test_what_never_gets_a_receipt_neither_blocks_the_rest_nor_fills_the_memory():
    model = Model()
    delivery = make(model)
    online(delivery)
    for _ in range(5000):
        model.add_event(50)
    delivery.events_added()
    now = 0
    for _ in range(300):
        for send in delivery.poll(now):
            delivery.published(send.key, now)
        assert delivery.items_held <= WAITING_MAX + 2 * ITEMS_IN_FLIGHT_MAX + 64
        now = max(now + 1, delivery.next_deadline_ns() or now)
    poisoned = model.add_event()
    assert poisoned.key not in delivery._flights


def test_each_of_many_tracks_is_looked_at_once_not_once_for_every_other():
    model = Model()
    for n in range(500):
        model.add_track(f"{n:032x}", 1)
    delivery = make(model)
    online(delivery)
    order = []
    while sends := delivery.poll(0):
        for key in keys(sends):
            delivery.published(key, 0)
            model.receipt(key)
            delivery.receipted(*key, 0)
            if key[0] == "chunk":
                order.append(key[1])
                model.receipt(("track", key[1], 0))
                delivery.receipted("track", key[1], 0, 0)
    assert order == [f"{n:032x}" for n in reversed(range(500))]
    assert model.tracks_read == 500


class Network:
    """Loses, delays and doubles by `rng`; connections and the bridge come and go. Heals after `heal_ns`."""

    def __init__(self, rng, loss, heal_ns):
        self.rng = rng
        self.loss = loss
        self.heal_ns = heal_ns
        self.agenda = []

    def lost(self, now):
        return now < self.heal_ns and self.rng.random() < self.loss

    def later(self, now, what, *args):
        self.agenda.append((now + self.rng.randint(1, 400 * MS), self.rng.random(), what, args))

    def due(self, now):
        ready = sorted(entry for entry in self.agenda if entry[0] <= now)
        self.agenda = [entry for entry in self.agenda if entry[0] > now]
        return ready

    def next(self):
        return min((entry[0] for entry in self.agenda), default=None)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.9),
    tracks=st.lists(st.integers(1, 12), max_size=6),
    events=st.integers(0, 150),
    breaks=st.integers(0, 12),
)
def test_everything_is_delivered_once_the_network_heals(seed, loss, tracks, events, breaks):
    rng = random.Random(seed)
    heal = 60_000 * MS
    model, network = Model(), Network(rng, loss, heal)
    delivery = make(model, seed)
    delivered = set()
    complete = {}
    for name, chunks in enumerate(tracks):
        network.later(rng.randint(0, heal // 2), "track", f"{name:032x}", chunks)
        complete[f"{name:032x}"] = set(range(chunks))
    for _ in range(events):
        network.later(rng.randint(0, heal // 2), "event")
    for _ in range(breaks):
        network.later(rng.randint(0, heal), rng.choice(["break", "bridge"]))
    online(delivery)
    connection, now, steps = 0, 0, 0
    while True:
        steps += 1
        assert steps < 30_000
        for _, _, what, args in network.due(now):
            if what == "track":
                model.add_track(*args)
                delivery.events_added()
                delivery.track_added()
            elif what == "event":
                model.add_event()
                delivery.events_added()
            elif what == "break":
                connection += 1
                delivery.disconnected()
                network.later(now, "connect")
            elif what == "connect":
                delivery.connected()
                delivery.bridge(now, online=True)
            elif what == "bridge":
                delivery.bridge(now, online=False)
                network.later(now, "back")
            elif what == "back":
                delivery.bridge(now, online=True)
            elif what == "ack" and args[0] == connection:
                delivery.published(args[1], now)
            elif what == "arrive":
                kind, name, n = args[0]
                delivered.add(args[0])
                if kind == "chunk":
                    complete[name].discard(n)
                got = [args[0]] if kind != "track" else []
                if kind != "event" and not complete[name]:
                    got.append(("track", name, 0))
                for key in got:
                    if not network.lost(now):
                        network.later(now, "receipt", key)
            elif what == "receipt":
                model.receipt(args[0])
                delivery.receipted(*args[0], now)
        if delivery.stalled(now):
            connection += 1
            delivery.disconnected()
            network.later(now, "connect")
        for send in delivery.poll(now):
            if not network.lost(now):
                network.later(now, "ack", connection, send.key)
                for _ in range(rng.choice([1, 1, 2])):
                    if not network.lost(now):
                        network.later(now, "arrive", send.key)
        assert delivery.in_flight_bytes <= WINDOW
        if now > heal and model.empty() and network.next() is None:
            break
        candidates = [time for time in (network.next(), delivery.next_deadline_ns()) if time is not None]
        assert candidates or now < heal or model.empty(), "nothing left to wait for, yet something is undelivered"
        now = max(now, min(candidates, default=heal + 1))
        if not candidates and now <= heal:
            now = heal + 1
    assert {key for key in delivered if key[0] == "event"} == {
        ("event", f"{n:032x}", 0) for n in range(1, model.seq + 1)
    }
    assert not any(complete.values())
    assert delivery.in_flight_bytes == 0
    assert delivery.items_held == 0
    assert delivery.next_deadline_ns() is None
