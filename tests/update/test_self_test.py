"""The box's own press goes the way of every press, but counts as none and keeps no sound."""

import msgspec
import numpy as np
import pytest
from box_parts import S, config, stamp
from desk import Desk
from fake_clock import BOOT_A, FakeClock

from drivers.contract import Press, Source
from edge import pre_roll, wire
from edge.actions import AcceptPress, FinishTrack, Refuse
from edge.codec import decode
from edge.config import ConfigError, Tracks
from edge.cutter import Cutter, PreRollSaved, TrackFinished
from edge.plan import OpenTrack
from edge.session import Session
from edge.wire import SelfTestData, Trigger
from ringbuffer import AudioRing, AudioRingWriter

RATE = 8000
PERIOD = 160
PRESS_NS = 1000 * S


def self_press(mono_ns, source=Source.SELF_TEST, button="self_test"):
    return Press(button, mono_ns, 0, source, simulated=False, request_id=f"update {mono_ns}")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def test_it_is_an_event_of_its_own_with_a_track_and_no_press(desk):
    (action,) = desk.recorder.take(self_press(PRESS_NS), PRESS_NS)
    assert isinstance(action, AcceptPress)
    (row,) = desk.outbox._db.execute("select payload from event").fetchall()
    data = wire.decode_event(row[0]).data
    assert data == SelfTestData(test=action.id, track=action.track_id, reason=f"update {PRESS_NS}", stamp=data.stamp)
    assert desk.outbox.recent_presses() == []
    assert desk.written == []
    plan = desk.outbox.track(action.track_id).plan
    assert (plan.trigger, plan.before_s, plan.after_s) == (Trigger.SELF_TEST, 1, 1)
    assert desk.recorder.next_deadline_ns() is not None
    assert (desk.lit, desk.refused) == ([], [])
    desk.recorder.pre_roll_saved(PreRollSaved(action.track_id, None, "none"))
    assert desk.lit == []


def test_nobody_else_can_make_one(desk):
    for source in (Source.LOCAL_WEB, Source.MQTT, Source.USB):
        (action,) = desk.recorder.take(self_press(PRESS_NS, source), PRESS_NS)
        assert isinstance(action, Refuse)
        assert "self_test" not in action.reason.partition("there are:")[2]
    (action,) = desk.recorder.take(self_press(PRESS_NS, button="red"), PRESS_NS)
    assert isinstance(action, Refuse)


def test_its_name_window_and_trigger_are_not_to_be_configured():
    button = {"name": "self_test", "driver": "virtual", "trigger": "incident"}
    with pytest.raises(ConfigError, match="the box's own"):
        config(buttons=[button])
    with pytest.raises(ConfigError, match="the box's own"):
        config(buttons=[button | {"name": "x", "trigger": "self_test"}])
    with pytest.raises(ConfigError, match=r"tracks\.windows\.self_test"):
        config(tracks={"windows": {"self_test": {}}})


def test_a_client_may_press_while_it_runs():
    session = Session(config(), iter([f"{n:032x}" for n in range(9)]).__next__)
    session.handle(self_press(PRESS_NS), PRESS_NS)
    (action,) = session.handle(Press("red", PRESS_NS, 0, Source.USB, simulated=False), PRESS_NS)
    assert action.track.before_s == 120
    assert [type(a) for a in session.tick(PRESS_NS + 2 * S)] == [FinishTrack]


def test_its_track_has_the_length_and_the_gaps_of_the_sound_and_is_silence(tmp_path):
    clock = FakeClock(mono_ns=90 * S)
    ring = tmp_path / "ring"
    facts = []
    ear = AudioRingWriter(
        ring, boot_id=BOOT_A, source="s", simulated=True, rate_hz=RATE, depth_s=60, period_frames=PERIOD
    )
    cutter = Cutter(lambda: AudioRing(ring), tmp_path, Tracks(), clock, facts.append)

    def hear(seconds):
        for _ in range(seconds * RATE // PERIOD):
            clock.advance(PERIOD * S // RATE)
            ear.append(np.full(PERIOD, 12345, np.int16), clock.mono_ns(), 0)

    try:
        hear(5)
        now_ns = clock.mono_ns()
        session = Session(config(), iter([f"{n:032x}" for n in range(9)]).__next__)
        (press,) = session.handle(self_press(now_ns), now_ns)
        track = OpenTrack(press.track, stamp(now_ns))
        cutter.save_pre_roll(track)
        cutter.step(now_ns)
        assert isinstance(facts[-1], PreRollSaved)
        saved = pre_roll.read(facts[-1].path, track.plan.track)
        assert (len(saved.samples), saved.samples.any()) == (RATE, False)
        hear(2)
        cutter.finish(track)
        cutter.step(clock.mono_ns())
        finished = facts[-1]
        assert isinstance(finished, TrackFinished)
        samples, rate = decode(finished.path.read_bytes())
        assert (len(samples), rate, samples.any()) == (2 * RATE, RATE, False)
        assert (finished.manifest.trigger, finished.manifest.partial) == (Trigger.SELF_TEST, False)
        msgspec.json.encode(finished.manifest)
        loud = np.full(PERIOD, 12345, np.int16).tobytes()
        assert all(loud not in path.read_bytes() for path in tmp_path.iterdir() if path != ring)
    finally:
        cutter.close()
        ear.close()
