"""Round trips, strictness, and hostile input of the wire contract."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import commands, events, hex32, names, receipts

from edge import wire

ANY = (wire.Status, wire.Health, wire.Receipt, wire.Command, wire.Reply, wire.BridgeState)


@given(events())
def test_event_round_trip_gives_equal_objects_and_bytes(event):
    payload = wire.encode_event(event)
    again = wire.decode_event(payload)
    assert again == event
    assert wire.encode_event(again) == payload


@given(receipts(), commands())
def test_plain_round_trip(receipt, command):
    assert wire.decode(wire.encode(receipt), wire.Receipt) == receipt
    assert wire.decode(wire.encode(command), wire.Command) == command


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_wire_error(payload):
    for kind in ANY:
        with pytest.raises(wire.WireError):
            wire.decode(payload, kind)
    with pytest.raises(wire.WireError):
        wire.decode_event(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _paths(tree, prefix=()):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*prefix, key)
            yield from _paths(value, (*prefix, key))


@given(events(), st.data())
def test_one_changed_value_is_valid_or_a_wire_error_never_another_exception(event, data):
    tree = json.loads(wire.encode_event(event))
    path = data.draw(st.sampled_from(sorted(_paths(tree))))
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(json_values)
    payload = json.dumps(tree).encode()
    try:
        decoded = wire.decode_event(payload)
    except wire.WireError:
        return
    assert wire.decode_event(wire.encode_event(decoded)) == decoded


@given(events(), st.text(min_size=1, max_size=8))
def test_unknown_fields_are_refused_in_envelope_and_data(event, key):
    for where in ((), ("data",)):
        tree = json.loads(wire.encode_event(event))
        inner = tree
        for step in where:
            inner = inner[step]
        if key in inner:
            continue
        inner[key] = 1
        with pytest.raises(wire.WireError, match="unknown field"):
            wire.decode_event(json.dumps(tree).encode())


@pytest.mark.parametrize("hostile", ["red\n", "red\x00", "../red", "Red", "", "r" * 64, "rød"])
def test_names_that_could_break_topics_are_refused(hostile):
    payload = json.dumps({"command": "press", "id": "0" * 32, "button": hostile}).encode()
    with pytest.raises(wire.WireError):
        wire.decode(payload, wire.Command)


@pytest.mark.parametrize("hostile", ["a\x00b", "\x1b[2J", "x" * 501, "\x7f"])
def test_texts_that_break_databases_or_terminals_are_refused(hostile):
    payload = json.dumps({"command": "press", "id": "0" * 32, "button": "red", "employee": hostile}).encode()
    with pytest.raises(wire.WireError):
        wire.decode(payload, wire.Command)


def test_a_payload_over_the_limit_is_refused_before_it_is_parsed():
    with pytest.raises(wire.WireError, match=str(wire.JSON_BYTES_MAX)):
        wire.decode_event(b"[" * (wire.JSON_BYTES_MAX + 1))


def test_deep_nesting_is_a_wire_error():
    with pytest.raises(wire.WireError):
        wire.decode(
            b'{"id":"' + b"0" * 32 + b'","ok":true,"result":{"a":' + b"[" * 60_000 + b"]" * 60_000 + b"}}", wire.Reply
        )


@given(names, names, hex32, st.integers(0, 999_999))
def test_topics_round_trip(site, box, track, n):
    if site == "bridge":
        return
    assert wire.parse_topic(wire.topic(site, box, "event")) == wire.BoxTopic(site, box, "event")
    assert wire.parse_topic(wire.manifest_topic(site, box, track)) == wire.BoxTopic(site, box, "manifest", track)
    assert wire.parse_topic(wire.chunk_topic(site, box, track, n)) == wire.BoxTopic(site, box, "chunk", track, n)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "earshot/2/a/b/event",
        "earshot/1/a/b/event/x",
        "earshot/1/a/b/events",
        "earshot/1/a/b/event\n",
        "earshot/1/A/b/event",
        "earshot/1/bridge/state",
        "earshot/1/bridge/box/event",
        f"earshot/1/a/b/track/{'a' * 31}",
        f"earshot/1/a/b/track/{'a' * 32}/01",
        f"earshot/1/a/b/track/{'a' * 32}/-1",
        f"earshot/1/a/b/track/{'a' * 32}/1000000",
    ],
)
def test_foreign_topics_are_refused(foreign):
    with pytest.raises(wire.WireError):
        wire.parse_topic(foreign)


def test_a_full_manifest_fits_a_128_kib_broker():
    chunk = "f" * 64
    one_hour_wav_bytes = 3600 * 16_000 * 2
    chunks = -(-one_hour_wav_bytes // wire.CHUNK_BYTES_MAX)
    assert chunks * (len(chunk) + 3) + 4096 < wire.JSON_BYTES_MAX
