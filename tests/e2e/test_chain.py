"""The whole chain as real processes with a real broker: one run, judged at its ends."""

import hashlib

import pytest
from real_run import AFTER_S, BEFORE_S
from watermark import RATE_HZ

from demo.alignment import align_error_ms
from demo.chain import BOX, BUTTONS, SITE
from demo.http import RefusedError, get_json, post_json
from demo.locate import Source
from edge.wire import PressData, TrackData, decode_event, parse_topic


def test_every_press_is_there_once_with_its_own_time(run):
    presses = {press.id: press for press in run.ledger.presses()}
    assert len(presses) == len(BUTTONS)
    for press, before_ns, after_ns in run.answers.values():
        assert before_ns <= presses[press].mono_ns <= after_ns
    assert run.ledger.missing_seqs() == 0
    assert run.ledger.quarantined() == []


def test_the_events_say_who_pressed_what(run):
    passed = [decode_event(m.payload) for m in run.messages if m.topic.endswith("/event")]
    events = {event.id: event.data for event in passed if isinstance(event.data, PressData)}
    for button in BUTTONS:
        data = events[run.answers[button.name][0]]
        assert (data.button, data.trigger, data.employee, data.rating) == (
            button.name,
            button.trigger,
            button.employee,
            button.rating,
        )


def test_the_sound_is_the_source_at_the_moment_of_the_press(run):
    source = Source.read(run.wav)
    uncertainty_ms = {press.id: press.stamp_uncertainty_ms for press in run.ledger.presses()}
    for track in run.ledger.tracks().values():
        manifest = track.manifest
        assert not manifest.gaps
        assert not manifest.partial
        assert manifest.simulated
        assert manifest.frames == round((BEFORE_S + AFTER_S) * RATE_HZ)
        error_ms = abs(align_error_ms(track, source, run.origin))
        assert error_ms <= 1.0
        assert error_ms <= manifest.align_error_ms - uncertainty_ms[track.press]


def test_what_the_bridge_holds_is_what_crossed_the_broker(run):
    chunks = {}
    for message in run.messages:
        topic = parse_topic(message.topic) if "/bridge/" not in message.topic else None
        if topic is not None and topic.channel == "chunk":
            chunks[topic.track, topic.n] = message.payload
    for track in run.ledger.tracks().values():
        whole = b"".join(chunks[track.id, n] for n in range(len(track.manifest.chunk_sha256)))
        assert hashlib.sha256(whole).hexdigest() == track.manifest.sha256
        assert track.file.read_bytes() == whole


def test_the_box_kept_nothing_that_is_delivered(run):
    assert list((run.chain.data_dir / "tracks").iterdir()) == []


def test_a_repeated_request_is_the_same_press(run):
    first, _, _ = run.answers["red"]
    assert run.chain.press("red", "chain-0") == first
    assert len(run.ledger.presses()) == len(BUTTONS)


def test_the_box_refuses_strangers_and_unknown_buttons(run):
    with pytest.raises(RefusedError) as refused:
        post_json(run.chain.box_url + "press", {"button": "red"}, "wrong")
    assert refused.value.status in {401, 403}
    with pytest.raises(RefusedError) as refused:
        run.chain.press("doorbell", "chain-unknown")
    assert refused.value.status in {400, 404, 409, 422}


def test_the_bridge_shows_nothing_without_login(run):
    with pytest.raises(RefusedError) as refused:
        get_json(run.chain.web_url + "api/v1/presses")
    assert refused.value.status in {302, 303, 401, 403}


def test_manifests_name_their_press(run):
    manifests = [decode_event(m.payload).data for m in run.messages if parse_manifest(m.topic)]
    assert {manifest.press for manifest in manifests if isinstance(manifest, TrackData)} == {
        press for press, _, _ in run.answers.values()
    }


def parse_manifest(topic):
    return topic.startswith(f"earshot/1/{SITE}/{BOX}/track/") and parse_topic(topic).channel == "manifest"
