"""What breaks the contract goes to quarantine with its reason; nothing crashes, nothing is acknowledged as received."""

import json
import re

import pytest
from bridge_box import SimBox
from bridge_rig import Rig, dump
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.parse import PAYLOAD_KEPT_BYTES, Bad, BadKind, ChunkItem, incoming, parse
from cloud_bridge.store import queries
from cloud_bridge.store.rows import PressFilter
from edge import wire


def kinds(store):
    return sorted(row.kind for row in queries.list_quarantine(store))


def altered(message, **data):
    """The same event with other values in its data."""
    topic, payload = message
    tree = json.loads(payload)
    tree["data"] |= data
    return topic, json.dumps(tree).encode()


@pytest.mark.parametrize(
    ("topic", "payload", "kind"),
    [
        ("earshot/1/SITE/box/event", b"{}", "topic"),
        ("earshot/1/site/box/track/nonsense", b"{}", "topic"),
        (f"earshot/1/site/box/track/{'a' * 32}/007", b"x", "topic"),
        ("earshot/1/site/box/receipt", b"{}", "topic"),
        ("other/thing", b"{}", "topic"),
        ("earshot/1/site/box/event", b"", "payload"),
        ("earshot/1/site/box/event", b"\xff\xfe", "payload"),
        ("earshot/1/site/box/event", b'{"specversion":"1.0"}', "payload"),
        ("earshot/1/site/box/event", b"[" * 100_000, "payload"),
        ("earshot/1/site/box/event", b"x" * 10_000_000, "payload"),
        ("earshot/1/site/box/status", b"{}", "payload"),
        ("earshot/1/site/box/health", b"null", "payload"),
        (f"earshot/1/site/box/track/{'a' * 32}/0", b"", "chunk_size"),
        (f"earshot/1/site/box/track/{'a' * 32}/0", b"x" * (wire.CHUNK_BYTES_MAX + 1), "chunk_size"),
        (f"earshot/1/site/box/track/{'a' * 32}/0", b"x" * 10_000_000, "chunk_size"),
    ],
)
def test_a_message_outside_the_contract(store, topic, payload, kind):
    rig = Rig(store)
    good = SimBox().press()
    rig.take([(topic, payload), good])
    row = queries.list_quarantine(store)[0]
    assert (row.kind, row.topic, row.payload_bytes, row.sha256) == (kind, topic, len(payload), wire.sha256(payload))
    assert row.payload == payload[:PAYLOAD_KEPT_BYTES]
    assert row.reason
    assert len(rig.link.acknowledged) == 2
    assert len(queries.list_presses(store, PressFilter()).presses) == 1
    assert sum(len(receipt.received) for receipt in rig.link.receipts()) == 1


def test_an_event_that_names_another_source_than_its_topic(store):
    _, payload = SimBox(box="other").press()
    rig = Rig(store)
    rig.take([("earshot/1/site/box/event", payload)])
    assert kinds(store) == ["source"]
    assert rig.link.published == []
    assert queries.list_presses(store, PressFilter()).presses == ()


def test_a_manifest_on_the_topic_of_another_track(store):
    box = SimBox()
    track = box.track(box.new_id())
    rig = Rig(store)
    rig.take([(wire.manifest_topic("site", "box", "f" * 32), track.manifest[1])])
    rig.take([(wire.manifest_topic("site", "box", track.id), box.press()[1])])
    assert kinds(store) == ["manifest", "manifest"]


@pytest.mark.parametrize(
    "fields",
    [
        {"bytes": 10**9},
        {"chunk_sha256": ()},
        {"gaps": (wire.GapSpan(offset_frames=10, frames=10**9, reason="overrun"),)},
        {
            "gaps": (
                wire.GapSpan(offset_frames=10, frames=10, reason="overrun"),
                wire.GapSpan(offset_frames=15, frames=10, reason="overrun"),
            )
        },
    ],
)
def test_a_manifest_that_contradicts_itself(store, fields):
    box = SimBox()
    rig = Rig(store)
    rig.take(box.track(box.new_id(), **fields).messages[:1])
    assert kinds(store) == ["manifest"]
    assert rig.link.published == []


@pytest.mark.parametrize("stamp", [{"wall_ns": -1}, {"wall_ns": 2**62}, {"wall_ns": 10**30}, {"mono_ns": 2**62}])
def test_times_that_no_clock_shows(store, stamp):
    message = SimBox().press()
    tree = json.loads(message[1])
    rig = Rig(store)
    rig.take([altered(message, stamp=tree["data"]["stamp"] | stamp)])
    assert kinds(store)[0] in {"range", "payload"}
    assert rig.link.published == []


def test_texts_that_databases_dislike(store):
    box = SimBox()
    rig = Rig(store)
    rig.take([altered(box.press(), employee="A\0"), altered(box.fault(), detail="\0")])
    assert kinds(store) == ["payload", "payload"]
    rig.take([box.press(employee="A\u2028<b>\N{PILE OF POO}")])
    assert queries.list_presses(store, PressFilter()).presses[0].employee == "A\u2028<b>\N{PILE OF POO}"
    assert len(rig.link.received("event")) == 1


def test_the_same_bad_message_again_only_counts(store):
    rig = Rig(store)
    rig.take([("earshot/1/site/box/event", b"{}")] * 3)
    rig.take([("earshot/1/site/box/event", b"{}")] * 2)
    rows = queries.list_quarantine(store)
    assert [(row.times, row.kind) for row in rows] == [(5, "payload")]


def test_quarantine_keeps_the_newest_of_each_box(store):
    rig = Rig(store, limits=Limits(quarantine_rows=5))
    for n in range(12):
        rig.take([("earshot/1/site/noisy/event", b"%d" % n), ("nowhere", b"%d" % n)])
    rig.take([("earshot/1/site/quiet/event", b"x")])
    rows = queries.list_quarantine(store, limit=100)
    noisy = [int(row.payload) for row in rows if "noisy" in row.topic]
    assert (noisy, len(rows)) == ([11, 10, 9, 8, 7], 11)


def test_a_chunk_of_another_boxs_track(store):
    box, thief = SimBox(), SimBox(seed=2, box="thief")
    track = box.track(box.new_id())
    rig = Rig(store)
    rig.take([track.manifest])
    rig.take([(wire.chunk_topic("site", "thief", track.id, 0), b"false sound"), thief.press(track=track.id)])
    assert kinds(store) == ["foreign_track", "foreign_track"]
    own = queries.list_presses(store, PressFilter(box="thief")).presses[0]
    assert own.track_state is None
    assert queries.press(store, own.id).tracks == ()
    rig.take(track.chunks)
    assert len(rig.link.received("track")) == 1
    assert rig.link.received("chunk", box="thief") == []


_CHUNK = re.compile(r"earshot/1/[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*/track/[0-9a-f]{32}/(0|[1-9][0-9]*)")


@given(st.text(max_size=80) | st.from_regex(r"earshot/1/[a-z]/[a-z]/(event|status|health|track/[0-9a-f]{32}(/[0-9])?)"))
def test_parse_never_raises_for_topics(topic):
    item = parse(incoming(topic, b"{}"))
    # Only the manifest can say that these are not the bytes of a chunk.
    assert isinstance(item, ChunkItem if _CHUNK.fullmatch(topic) else Bad)


@given(
    st.sampled_from(["event", "status", "health", f"track/{'a' * 32}"]),
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()),
)
def test_parse_never_raises_for_payloads(channel, payload):
    item = parse(incoming(f"earshot/1/s/b/{channel}", payload))
    assert isinstance(item, Bad) or (not payload and channel in {"status", "health"})


_EVENT = json.loads(SimBox().press()[1])


@given(st.data())
def test_an_event_with_one_wrong_value_is_stored_or_quarantined(data):
    tree = json.loads(json.dumps(_EVENT))
    place = data.draw(st.sampled_from([tree, tree["data"], tree["data"]["stamp"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(
        st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    )
    item = parse(incoming("earshot/1/site/box/event", json.dumps(tree).encode()))
    assert not isinstance(item, Bad) or item.kind in {BadKind.PAYLOAD, BadKind.SOURCE, BadKind.RANGE}


@given(messages=st.lists(st.tuples(st.sampled_from(["event", "status", "x"]), st.binary(max_size=30)), max_size=5))
def test_junk_never_stops_the_worker(messages, junk_store):
    rig = Rig(junk_store)
    rig.take([(f"earshot/1/s/b/{channel}", payload) for channel, payload in messages])
    assert len(rig.link.acknowledged) == len(messages)
    assert dump(junk_store)["event"] == []


@pytest.fixture(scope="module")
def junk_store(sqlite_template, tmp_path_factory):
    import shutil

    from cloud_bridge.store.engine import open_store

    path = tmp_path_factory.mktemp("junk") / "bridge.db"
    shutil.copyfile(sqlite_template, path)
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()
