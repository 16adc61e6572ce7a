"""The ear's loop in virtual time: what sources do, and what the ring says of it afterwards."""

import threading

import numpy as np
import pytest
from wav_files import noise, write_wav

from drivers.contract import Block, DeviceLost, DriverError, EndOfStream, Loss, LossReason
from edge import ear as ear_module
from edge.config import decode
from edge.ear import run_ear
from ringbuffer.audio_ring import AudioRing, GapReason

RATE_HZ = 16000
PERIOD = 320
PERIOD_NS = 20_000_000
T0 = 1_000_000_000_000


class World:
    """Virtual time, and a sound whose frame k is captured at T0 + k / rate whether somebody listens or not."""

    def __init__(self):
        self.now_ns = T0
        self.sound = noise(RATE_HZ * 60)[:, 0]
        self.stop = StopInVirtualTime(self)
        self.notified = []
        self.status_at_ready = None
        self.opened = 0

    def clock_ns(self):
        return self.now_ns

    def frame(self, mono_ns):
        return (mono_ns - T0) * RATE_HZ // 10**9

    # edge.sdnotify.Notify
    def ready(self, status):
        self.notified.append("ready")
        self.status_at_ready = status

    def alive(self):
        self.notified.append("alive")

    def status(self, status):
        self.notified.append(status)

    def stopping(self):
        self.notified.append("stopping")


class StopInVirtualTime(threading.Event):
    def __init__(self, world):
        super().__init__()
        self.world = world

    def wait(self, timeout=None):
        if not self.is_set():
            self.world.now_ns += round((timeout or 0) * 1e9)
        return self.is_set()


class ScriptedCapture:
    """Plays a script: an int reads so many periods; a Loss or exception happens; ('away', s) lets time pass first."""

    rate_hz, channels, source, simulated = RATE_HZ, 1, "scripted", True

    def __init__(self, world, script):
        self.world = world
        self.script = self.steps(script)
        self.closed = False
        world.opened += 1

    def steps(self, script):
        for step in script:
            match step:
                case int():
                    for _ in range(step):
                        first = self.world.frame(self.world.now_ns)
                        self.world.now_ns += PERIOD_NS
                        samples = self.world.sound[first : first + PERIOD].reshape(-1, 1)
                        yield Block(samples, self.world.now_ns, 0)
                case ("away", seconds):
                    self.world.now_ns += round(seconds * 1e9)
                case _:
                    yield step
        self.world.stop.set()
        yield Loss(LossReason.OVERRUN, "the script is over")

    def read(self):
        item = next(self.script)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed = True


def config_for(tmp_path, **ear):
    ear = {"driver": "wav", "file": "x.wav", "depth_s": 60, **ear}
    tracks = {"windows": {"incident": {"before_s": 1, "after_s": 1}}}
    box = {"site": "s", "name": "b", "ring": str(tmp_path / "audio.ring")}
    return decode({"box": box, "ear": ear, "tracks": tracks}, "test")


@pytest.fixture
def world():
    return World()


def record(tmp_path, world, *openings):
    """Run the ear on `openings`: each a script, or the exception that opening raises."""
    todo = list(openings)

    def open_capture():
        opening = todo.pop(0)
        if isinstance(opening, Exception):
            raise opening
        return ScriptedCapture(world, opening)

    config = config_for(tmp_path)
    run_ear(config, world.stop, open_capture=open_capture, notify=world, clock_ns=world.clock_ns)
    return AudioRing(config.box.ring)


def heard(ring, world, start_ns, end_ns):
    """Return a cut after checking that all of it that is no gap is the sound of just that time."""
    cut = ring.cut(start_ns, end_ns)
    expected = world.sound[world.frame(start_ns) : world.frame(start_ns) + len(cut.samples)].copy()
    for gap in cut.gaps:
        at = gap.first_frame - cut.first_frame
        expected[max(0, at) : at + gap.frames] = 0
    assert np.array_equal(cut.samples, expected)
    return cut


def seconds(gap):
    return round(gap.frames / RATE_HZ, 4)


def named(ring):
    return [(gap.reason, seconds(gap)) for _, gap in ring.gaps_since(0) if gap.frames]


def test_what_is_captured_is_in_the_ring(tmp_path, world):
    ring = record(tmp_path, world, [100])
    cut = heard(ring, world, T0, T0 + 100 * PERIOD_NS)
    assert cut.gaps == ()
    assert named(ring) == []


@pytest.mark.parametrize("reason", [LossReason.OVERRUN, LossReason.SHORT_READ, LossReason.SUSPEND, LossReason.STALLED])
def test_each_loss_becomes_one_gap_of_its_name_and_history_is_not_shifted(tmp_path, world, reason):
    ring = record(tmp_path, world, [100, ("away", 0.7), Loss(reason, "test"), ("away", 0.3), 100])
    cut = heard(ring, world, T0, world.now_ns)
    assert {gap.reason for gap in cut.gaps} == {GapReason(reason)}
    assert sum(gap.frames for gap in cut.gaps) == RATE_HZ
    assert sum(missing for _, missing in named(ring)) == 1.0


def test_an_unplugged_device_leaves_a_gap_and_is_taken_back_within_the_retry(tmp_path, world):
    lost = DeviceLost("gone")
    ring = record(tmp_path, world, [100, ("away", 0.1), lost], lost, lost, lost, [100])
    heard(ring, world, T0, world.now_ns)
    assert {reason for reason, _ in named(ring)} == {GapReason.DISCONNECT}
    assert sum(missing for _, missing in named(ring)) == pytest.approx(0.1 + 4 * 0.5)
    assert world.opened == 2


def test_a_device_that_is_absent_at_the_start_comes_later(tmp_path, world):
    lost = DeviceLost("not there")
    ring = record(tmp_path, world, lost, lost, lost, [50])
    cut = heard(ring, world, T0, world.now_ns)
    assert {gap.reason for gap in cut.gaps} == {GapReason.ABSENT}
    assert named(ring) == [(GapReason.ABSENT, 0.5)] * 3


def test_an_absence_is_visible_to_readers_while_it_lasts(tmp_path, world):
    def look(capture_unused=None):
        with_ring = AudioRing(tmp_path / "audio.ring")
        seen.append([gap.reason for _, gap in with_ring.gaps_since(0)])
        with_ring.close()
        if len(seen) == 3:
            world.stop.set()
        raise DeviceLost("not there")

    seen = []
    config = config_for(tmp_path)
    run_ear(config, world.stop, open_capture=look, notify=world, clock_ns=world.clock_ns)
    assert seen == [[], [GapReason.ABSENT], [GapReason.ABSENT] * 2]


def test_a_restarted_ear_names_the_time_between(tmp_path, world):
    record(tmp_path, world, [100]).close()
    world.now_ns += 3_000_000_000
    world.stop.clear()
    ring = record(tmp_path, world, [100])
    heard(ring, world, T0, world.now_ns)
    assert [(reason, missing) for reason, missing in named(ring) if reason is GapReason.RESTART] == [
        (GapReason.RESTART, 3.0)
    ]


def test_a_device_with_other_parameters_ends_the_ear(tmp_path, world):
    with pytest.raises(DriverError, match="44100"):
        record(tmp_path, world, DriverError("got 44100 Hz"))


def test_the_end_of_a_recording_ends_the_ear(tmp_path, world):
    ring = record(tmp_path, world, [100, EndOfStream("over")])
    heard(ring, world, T0, T0 + 100 * PERIOD_NS)
    assert world.notified[-1] == "stopping"


def test_systemd_hears_ready_once_and_alive_while_frames_advance(tmp_path, world):
    record(tmp_path, world, [100])
    assert world.notified[:2] == ["ready", "alive"]
    assert world.notified.count("ready") == 1
    # Two seconds of frames: at most one a second.
    assert world.notified.count("alive") == 2


def test_an_absent_device_is_ready_and_alive_while_it_is_tried(tmp_path, world):
    """A restart brings no microphone back, so a box without one must not restart its ear for ever."""
    lost = DeviceLost("not there")
    record(tmp_path, world, *[lost] * 20, [100])
    assert world.notified[:2] == ["ready", "alive"]
    assert world.status_at_ready == "not there"
    # Ten seconds of trying, two of frames.
    assert world.notified.count("alive") == 12
    assert world.notified.count("ready") == 1


def test_an_unplugged_device_is_alive_while_it_is_tried(tmp_path, world):
    lost = DeviceLost("gone")
    record(tmp_path, world, [100, lost], *[lost] * 20, [100])
    assert world.notified.count("alive") >= 13
    assert world.notified.count("gone") == 1
    assert world.notified.count("recording scripted") == 1


def test_a_stream_that_gives_no_frames_is_not_alive(tmp_path, world):
    stalled = [Loss(LossReason.STALLED, "test"), ("away", 2)] * 5
    record(tmp_path, world, [100, *stalled, 100])
    # Two seconds of frames, ten without, two of frames.
    assert world.notified.count("alive") == 4
    assert world.notified.count("stalled: test") == 1


def test_a_read_that_hangs_feeds_nothing(tmp_path, world):
    record(tmp_path, world, [100, ("away", 60), 100])
    assert world.notified.count("alive") == 4


def test_a_device_that_stalls_from_the_start_is_ready_and_not_alive(tmp_path, world):
    record(tmp_path, world, [Loss(LossReason.STALLED, "test"), ("away", 10)])
    assert world.notified[0] == "ready"
    assert "alive" not in world.notified


def test_the_configured_driver_is_opened_and_says_what_it_is(tmp_path):
    path = write_wav(tmp_path / "a.wav", noise(1600))
    config = config_for(tmp_path, file=str(path), loop=False, speed=0)
    run_ear(config, threading.Event())
    ring = AudioRing(config.box.ring)
    assert ring.format.simulated
    assert ring.format.source == f"wav:{path}"
    cut = ring.cut(ring.oldest_ns(), ring.newest_ns())
    assert np.array_equal(cut.samples, noise(1600)[:, 0])


def test_alsa_is_what_alsa_configures(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(ear_module, "AlsaCapture", lambda device, **options: asked.update(device=device, **options))
    ear_module.capture_opener(config_for(tmp_path, driver="alsa", device="hw:CARD=X", stall_ms=1500).ear, print)()
    assert asked == {
        "device": "hw:CARD=X",
        "rate_hz": 16000,
        "channels": 1,
        "period_frames": 320,
        "read_timeout_s": 1.5,
    }
