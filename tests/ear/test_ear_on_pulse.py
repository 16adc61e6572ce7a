"""The ear on ALSA's real code in real time: pyalsaaudio, alsa-lib, its pulse plug-in, a PulseAudio of our own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pulse import RATE_HZ, SOUND, Feeder, Pulse, die_with_parent, place_in_sound, require_pulse, wait_until

from ringbuffer.audio_ring import AudioRing, GapReason, NotYet
from ringbuffer.errors import RingAbsent

SECOND_NS = 1_000_000_000
ROOT = Path(__file__).parents[2]
CONFIG = """
[box]
site = "s"
name = "b"
ring = "{ring}"
[ear]
device = "mic"
depth_s = 60
stall_ms = 1000
[tracks.windows.incident]
before_s = 1
after_s = 1
"""


class Ear:
    """The ear's process, and a reader of its ring."""

    def __init__(self, folder, env):
        self.ring_path = folder / "audio.ring"
        self.log = folder / "ear.log"
        config = folder / "earshot.toml"
        config.write_text(CONFIG.format(ring=self.ring_path))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests/support/run_ear.py"), str(config)],
                env=env,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads of ours hold locks yet
            )

    def ring(self):
        def opened():
            assert self.process.poll() is None, self.log.read_text()
            try:
                return AudioRing(self.ring_path)
            except RingAbsent:
                return None

        return wait_until(opened, "the ring")

    def cut_when_captured(self, ring, start_ns, end_ns):
        def cut():
            try:
                return ring.cut(start_ns, end_ns)
            except NotYet:
                assert self.process.poll() is None, self.log.read_text()
                return None

        return wait_until(cut, "the capture")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def ear(tmp_path, room):
    pulse, _ = room
    ears = []

    def start():
        ears.append(Ear(tmp_path, pulse.env))
        return ears[-1]

    yield start
    for started in ears:
        started.kill()


@pytest.fixture
def room(tmp_path):
    """A PulseAudio that is not started yet, and the sound in the room."""
    require_pulse()
    pulse = Pulse(tmp_path)
    feeder = Feeder(pulse.fifo)
    yield pulse, feeder
    feeder.close()
    pulse.kill()


def newest_sound_ns(ring):
    now_ns = time.monotonic_ns()
    return now_ns - ring.stalled_for_ns(now_ns)


def check_placed(cut, first, count, feeder):
    """Frames first..first+count are sound of one piece, captured when the cut says, within what it claims."""
    assert feeder.dropped_chunks == 0
    piece = cut.samples[first : first + count]
    assert np.all(piece != 0)
    at = place_in_sound(piece)
    said_ns = cut.start_ns + first * SECOND_NS / RATE_HZ
    true_ns = feeder.t0_ns + at * SECOND_NS / RATE_HZ
    assert abs(said_ns - true_ns) <= cut.align_error_ns, (said_ns - true_ns, cut.align_error_ns)
    return said_ns - true_ns


def test_sound_is_exact_and_of_the_right_moment(room, ear):
    pulse, feeder = room
    pulse.start()
    ear = ear()
    ring = ear.ring()
    start_ns = wait_until(ring.oldest_ns, "the first sound") + SECOND_NS
    cut = ear.cut_when_captured(ring, start_ns, start_ns + 4 * SECOND_NS)
    assert cut.gaps == ()
    assert not cut.simulated
    assert len(cut.samples) == pytest.approx(4 * RATE_HZ, abs=32)
    error_ns = check_placed(cut, 0, len(cut.samples), feeder)
    print(f"alignment error {error_ns / 1e6:.3f} ms, claimed {cut.align_error_ns / 1e6:.3f} ms")
    assert cut.align_error_ns < 100_000_000
    assert ear.terminate() == 0


def test_an_ear_that_was_held_up_loses_nothing_and_dates_it_right(room, ear):
    pulse, feeder = room
    pulse.start()
    ear = ear()
    ring = ear.ring()
    wait_until(ring.oldest_ns, "the first sound")
    start_ns = time.monotonic_ns() + SECOND_NS // 2
    ear.cut_when_captured(ring, start_ns, start_ns + SECOND_NS)
    ear.process.send_signal(signal.SIGSTOP)
    # More than the buffer of a second that the driver has asked for.
    wait_until(lambda: ring.stalled_for_ns(time.monotonic_ns()) > SECOND_NS * 13 // 10, "the hold-up")
    ear.process.send_signal(signal.SIGCONT)
    cut = ear.cut_when_captured(ring, start_ns, time.monotonic_ns() + SECOND_NS // 2)
    assert cut.gaps == ()
    error_ns = check_placed(cut, 0, len(cut.samples), feeder)
    print(f"alignment error {error_ns / 1e6:.3f} ms, claimed {cut.align_error_ns / 1e6:.3f} ms")
    assert ear.terminate() == 0


def test_a_stream_that_stands_is_a_named_fault_and_goes_on(room, ear):
    pulse, feeder = room
    pulse.start()
    ear = ear()
    ring = ear.ring()
    wait_until(ring.oldest_ns, "the first sound")
    before_ns = time.monotonic_ns()
    ear.cut_when_captured(ring, before_ns, before_ns + SECOND_NS)
    pulse.freeze()
    wait_until(lambda: GapReason.STALLED in {gap.reason for _, gap in ring.gaps_since(0)}, "the fault")
    pulse.thaw()
    thawed_ns = time.monotonic_ns()
    wait_until(lambda: newest_sound_ns(ring) > thawed_ns, "sound after the return")
    assert time.monotonic_ns() - thawed_ns < 2 * SECOND_NS
    start_ns = time.monotonic_ns() + SECOND_NS // 2
    cut = ear.cut_when_captured(ring, start_ns, start_ns + SECOND_NS)
    assert cut.gaps == ()
    check_placed(cut, 0, len(cut.samples), feeder)
    assert ear.terminate() == 0


def test_a_dead_sound_server_leaves_a_named_gap_and_sound_is_back_within_two_seconds(room, ear):
    pulse, feeder = room
    ear = ear()
    ring = ear.ring()
    wait_until(lambda: ring.gaps_since(0), "the gap of the absent device")
    assert {gap.reason for _, gap in ring.gaps_since(0)} == {GapReason.ABSENT}
    pulse.start()
    wait_until(lambda: ring.stalled_for_ns(time.monotonic_ns()) is not None, "the first sound")
    before_ns = time.monotonic_ns()
    ear.cut_when_captured(ring, before_ns, before_ns + SECOND_NS)
    killed_ns = time.monotonic_ns()
    pulse.kill()
    wait_until(lambda: GapReason.DISCONNECT in {gap.reason for _, gap in ring.gaps_since(0)}, "the gap")
    pulse.start()
    returned_ns = time.monotonic_ns()
    wait_until(lambda: newest_sound_ns(ring) > returned_ns, "sound after the return")
    back_ns = time.monotonic_ns()
    print(f"sound is back {(back_ns - returned_ns) / 1e9:.2f} s after its server")
    assert back_ns - returned_ns < 2 * SECOND_NS
    cut = ear.cut_when_captured(ring, before_ns, back_ns + SECOND_NS)
    assert {gap.reason for gap in cut.gaps} == {GapReason.DISCONNECT}
    first_gap, last_gap = cut.gaps[0], cut.gaps[-1]
    assert abs(first_gap.start_ns - killed_ns) < SECOND_NS // 2
    assert last_gap.end_ns < back_ns
    after = last_gap.first_frame + last_gap.frames - cut.first_frame
    before_error_ns = check_placed(cut, 0, first_gap.first_frame - cut.first_frame, feeder)
    after_error_ns = check_placed(cut, after, len(cut.samples) - after, feeder)
    print(
        f"errors {before_error_ns / 1e6:.3f} and {after_error_ns / 1e6:.3f} ms, claimed {cut.align_error_ns / 1e6:.3f}"
    )
    for gap in cut.gaps:
        silent = cut.samples[gap.first_frame - cut.first_frame :][: gap.frames]
        assert not silent.any()
    assert len(SOUND) / RATE_HZ > (back_ns - feeder.t0_ns) / SECOND_NS
    assert ear.terminate() == 0
