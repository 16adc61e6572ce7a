"""From ring to file: the right sound of the right moment, whole where it can be, named where it can't, never wrong."""

import errno
import itertools
import math
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from box_parts import S, counting_ids, stamp
from fake_clock import BOOT_A, BOOT_B, FakeClock

from edge import faultpoint, pre_roll
from edge.codec import decode
from edge.config import Tracks
from edge.cutter import Cutter, CutterDied, PreRollSaved, TrackFailed, TrackFinished
from edge.plan import OpenTrack, PlannedTrack
from edge.wire import Trigger
from ringbuffer import AudioRing, AudioRingWriter, GapReason

RATE = 8000
PERIOD = 160
PERIOD_NS = PERIOD * S // RATE
GRACE_S = 5.0
PRESS = 100 * S + 1234
ids = counting_ids()


def true_sound(start_ns, frames, seed=0):
    """What a perfect microphone hears: one fixed value for each 1/8000 s since time 0."""
    first = round(start_ns * RATE / S)
    n = np.arange(first, first + frames, dtype=np.uint64)
    return (((n + seed) * 2654435761) >> 7 & 0xFFFF).astype(np.uint16).view(np.int16)


class Room:
    """An ear that hears `true_sound`, and a box's cutter beside it, both under a test's clock."""

    def __init__(self, folder, depth_s=60, boot_id=BOOT_A):
        self.folder = folder
        self.path = folder / "ring"
        self.tracks = folder / "tracks"
        self.tracks.mkdir()
        self.clock = FakeClock(mono_ns=90 * S, boot_id=boot_id)
        self.depth_s = depth_s
        self.heard_ns = 90 * S
        self.facts = []
        self.ear = self.listen()
        self.cutter = self.box()

    def listen(self, rate_hz=RATE, boot_id=BOOT_A, period_frames=PERIOD):
        return AudioRingWriter(
            self.path,
            boot_id=boot_id,
            source="perfect",
            simulated=True,
            rate_hz=rate_hz,
            depth_s=self.depth_s,
            period_frames=period_frames,
        )

    def box(self, fault=faultpoint.no_fault, **config):
        return Cutter(
            lambda: AudioRing(self.path),
            self.tracks,
            Tracks(tail_grace_s=GRACE_S, **config),
            self.clock,
            self.facts.append,
            fault=fault,
        )

    def hear_until(self, mono_ns):
        """The ear appends whole periods up to `mono_ns`, or the one before."""
        while self.heard_ns + PERIOD_NS <= mono_ns:
            self.ear.append(true_sound(self.heard_ns, PERIOD), self.heard_ns + PERIOD_NS, 0)
            self.heard_ns += PERIOD_NS

    def hear_unsteadily_until(self, mono_ns, rng, uncertainty_ns):
        """As from a sound server, which says late when each period was captured."""
        while self.heard_ns + PERIOD_NS <= mono_ns:
            late_ns = round(uncertainty_ns * (0.5 + 0.4 * math.sin(self.heard_ns / 3e9) + 0.1 * rng.random()))
            self.ear.append(true_sound(self.heard_ns, PERIOD), self.heard_ns + PERIOD_NS + late_ns, uncertainty_ns)
            self.heard_ns += PERIOD_NS

    def deaf_until(self, mono_ns, reason=GapReason.OVERRUN):
        self.ear.gap(reason, self.heard_ns, mono_ns)
        self.heard_ns = mono_ns

    def now(self, mono_ns):
        self.clock.advance(mono_ns - self.clock.mono_ns())

    def work(self):
        """Everything that is due now; returns what came of it."""
        self.facts.clear()
        while (due := self.cutter.step(self.clock.mono_ns())) is not None and due <= self.clock.mono_ns():
            pass
        return list(self.facts)

    def close(self):
        self.cutter.close()
        self.ear.close()


@pytest.fixture
def room(tmp_path):
    room = Room(tmp_path)
    yield room
    room.close()


def track(before_s=2.0, after_s=1.0, mono_ns=PRESS, boot_id=BOOT_A):
    plan = PlannedTrack(ids(), ids(), Trigger.INCIDENT, mono_ns, 1000, before_s, after_s)
    return OpenTrack(plan, stamp(mono_ns, boot_id))


def press(room, job, late_ns=0):
    room.hear_until(job.plan.mono_ns)
    room.now(job.plan.mono_ns + late_ns)
    room.cutter.save_pre_roll(job)
    (fact,) = room.work()
    return fact


def end(room, job):
    room.now(job.plan.end_ns + S // 10)
    room.cutter.finish(job)
    return room.work()


def finish(room, job):
    (fact,) = end(room, job)
    assert isinstance(fact, TrackFinished), fact
    return fact


def samples_of(fact):
    assert fact.manifest.bytes == fact.path.stat().st_size
    samples, rate_hz = decode(fact.path.read_bytes())
    assert (len(samples), rate_hz) == (fact.manifest.frames, fact.manifest.rate_hz)
    return samples[:, 0]


def expected(job):
    return true_sound(job.plan.start_ns, round((job.plan.end_ns - job.plan.start_ns) * RATE / S))


def assert_true_but_for_gaps(fact, job):
    """Outside of its gaps the track is exactly what was heard; in them it is silent."""
    found, want = samples_of(fact), expected(job)
    assert len(found) == len(want)
    silent = np.zeros(len(want), bool)
    for gap in fact.manifest.gaps:
        silent[gap.offset_frames : gap.offset_frames + gap.frames] = True
    assert not found[silent].any()
    assert np.array_equal(found[~silent], want[~silent])
    true_offset = (job.plan.mono_ns - job.plan.start_ns) * RATE / S
    error_frames = fact.manifest.align_error_ms / 1000 * RATE
    assert abs(fact.manifest.press_offset_frames - true_offset) <= error_frames


def test_stamps_that_are_not_exact_make_no_gap_that_is_not_there(room):
    rng = random.Random(1)
    for n in range(40):
        job = track(before_s=20.0, mono_ns=PRESS + (20 + n * 4) * S + rng.randrange(S))
        room.hear_unsteadily_until(job.plan.mono_ns, rng, 40_000_000)
        press(room, job)
        room.hear_unsteadily_until(job.plan.end_ns + S // 10, rng, 40_000_000)
        fact = finish(room, job)
        assert fact.manifest.gaps == ()
        assert not fact.manifest.partial


def gaps(fact):
    return [(gap.offset_frames, gap.frames, gap.reason) for gap in fact.manifest.gaps]


def test_a_window_becomes_a_file_exact_to_the_sample(room):
    job = track()
    saved = press(room, job)
    assert isinstance(saved, PreRollSaved)
    assert saved.path is not None
    room.hear_until(job.plan.end_ns + S)
    fact = finish(room, job)
    assert_true_but_for_gaps(fact, job)
    assert gaps(fact) == []
    manifest = fact.manifest
    assert (manifest.track, manifest.press, manifest.partial) == (job.plan.track, job.plan.press, False)
    assert (manifest.before_s, manifest.after_s, manifest.rate_hz, manifest.channels) == (2.0, 1.0, RATE, 1)
    assert (manifest.capture, manifest.simulated, manifest.stamp) == ("perfect", True, job.stamp)
    assert manifest.align_error_ms < 1
    assert abs(manifest.drift_ppm) < 1


@pytest.mark.parametrize("before_s", [0.0, 0.5])
@pytest.mark.parametrize("after_s", [0.0, 0.013])
def test_small_windows_too(room, before_s, after_s):
    job = track(before_s, after_s)
    press(room, job)
    room.hear_until(job.plan.end_ns + S)
    facts = end(room, job)
    if before_s or after_s:
        assert_true_but_for_gaps(facts[0], job)
        assert not facts[0].manifest.partial
    else:
        assert isinstance(facts[0], TrackFailed)


def test_a_press_before_the_ear_is_named_and_the_window_comes_whole_later(room):
    job = track(before_s=0.0)
    room.now(PRESS)
    room.cutter.save_pre_roll(job)
    (fact,) = room.work()
    assert fact.path is None
    assert fact.reason
    room.heard_ns = 100 * S
    room.hear_until(job.plan.end_ns + S)
    assert_true_but_for_gaps(finish(room, job), job)


def test_without_an_ear_there_is_a_reason_at_once(tmp_path):
    facts = []
    cutter = Cutter(lambda: AudioRing(tmp_path / "none"), tmp_path, Tracks(), FakeClock(), facts.append)
    cutter.save_pre_roll(track())
    cutter.step(0)
    assert facts[0].path is None
    assert "no ring" in facts[0].reason


def test_a_restarted_box_goes_on_where_the_old_one_was(room):
    job = track()
    press(room, job)
    room.cutter.close()
    room.hear_until(job.plan.end_ns + S)
    room.cutter = room.box()
    fact = finish(room, job)
    assert_true_but_for_gaps(fact, job)
    assert not fact.manifest.partial


def test_a_pre_roll_that_is_there_is_not_cut_again(room):
    job = track()
    first = press(room, job)
    before = first.path.stat().st_mtime_ns
    room.cutter.save_pre_roll(job)
    assert room.work() == [first]
    assert first.path.stat().st_mtime_ns == before


def test_after_a_reboot_the_pre_roll_is_delivered_as_partial(room):
    job = track()
    press(room, job)
    room.cutter.close()
    room.ear.close()
    room.path.unlink()
    room.ear = room.listen(boot_id=BOOT_B)
    room.clock = FakeClock(mono_ns=5 * S, boot_id=BOOT_B)
    room.ear.append(true_sound(0, 5 * RATE), 5 * S, 0)
    room.cutter = room.box()
    room.cutter.finish(job)
    (fact,) = room.work()
    assert_true_but_for_gaps(fact, job)
    ((offset, frames, reason),) = gaps(fact)
    assert reason == "absent"
    assert 2 * RATE - PERIOD <= offset <= 2 * RATE + 1
    assert offset + frames == 3 * RATE
    assert fact.manifest.partial
    assert "absent" in fact.manifest.partial_reason


def test_a_stale_ring_of_another_boot_is_never_taken(room):
    job = track(boot_id=BOOT_B)
    room.clock.boot_id = BOOT_B
    room.hear_until(job.plan.end_ns + S)
    room.now(job.plan.mono_ns)
    room.cutter.save_pre_roll(job)
    (saved,) = room.work()
    assert saved.path is None
    room.now(job.plan.end_ns + 10 * S)
    room.cutter.finish(job)
    (fact,) = room.work()
    assert isinstance(fact, TrackFailed)
    assert not fact.disk_full


def test_nothing_at_all_is_a_failed_track(room):
    job = track()
    room.ear.close()
    room.path.unlink()
    room.now(job.plan.end_ns + round(GRACE_S * S))
    room.cutter.finish(job)
    (fact,) = room.work()
    assert isinstance(fact, TrackFailed)
    assert not fact.disk_full
    assert list(room.tracks.iterdir()) == []


def test_a_microphone_that_was_away_all_the_window_is_a_failed_track(room):
    job = track()
    room.hear_until(97 * S)
    room.deaf_until(105 * S, GapReason.DISCONNECT)
    (fact,) = end(room, job)
    assert isinstance(fact, TrackFailed)
    assert "disconnect 3.000 s" in fact.reason


def test_late_sound_is_waited_for_without_holding_up_others(room):
    late, done = track(after_s=3.0), track(mono_ns=PRESS - S)
    room.hear_until(PRESS + 2 * S)
    room.now(late.plan.end_ns + S)
    room.cutter.finish(late)
    room.cutter.finish(done)
    (fact,) = room.work()
    assert fact.track == done.plan.track
    room.hear_until(late.plan.end_ns + S)
    room.clock.advance(S)
    (fact,) = room.work()
    assert fact.track == late.plan.track
    assert not fact.manifest.partial
    assert_true_but_for_gaps(fact, late)


def test_after_the_grace_what_there_is_is_taken_and_the_rest_named(room):
    job = track(after_s=3.0)
    press(room, job)
    room.hear_until(PRESS + S)
    room.now(job.plan.end_ns + round(GRACE_S * S) - 1)
    room.cutter.finish(job)
    assert room.work() == []
    room.clock.advance(S)
    (fact,) = room.work()
    assert_true_but_for_gaps(fact, job)
    ((offset, frames, reason),) = gaps(fact)
    assert reason == "absent"
    assert 3 * RATE - PERIOD - 2 <= offset <= 3 * RATE + 1
    assert offset + frames == 5 * RATE
    assert fact.manifest.partial


def test_a_gap_over_the_press_is_one_gap_of_its_name(room):
    job = track()
    room.hear_until(PRESS - S // 2)
    room.deaf_until(PRESS - S // 10)
    room.deaf_until(PRESS + S // 2)
    room.now(PRESS)
    room.cutter.save_pre_roll(job)
    (saved,) = room.work()
    assert saved.path is not None
    room.heard_ns = -(-(PRESS + S // 2) // PERIOD_NS) * PERIOD_NS
    room.hear_until(job.plan.end_ns + S)
    fact = finish(room, job)
    found = gaps(fact)
    assert len(found) == 1
    assert found[0][2] == "overrun"
    assert fact.manifest.partial


def test_sound_before_the_ear_began_is_absent(room):
    job = track(before_s=20.0)
    press(room, job)
    room.hear_until(job.plan.end_ns + S)
    fact = finish(room, job)
    assert_true_but_for_gaps(fact, job)
    ((offset, frames, reason),) = gaps(fact)
    assert (offset, reason) == (0, "absent")
    assert abs(frames - 10 * RATE) <= 1


def test_what_the_ring_lost_before_the_press_was_heard_of_is_named(tmp_path):
    room = Room(tmp_path, depth_s=10)
    job = track(before_s=8.0, after_s=1.0)
    room.hear_until(PRESS + 6 * S)
    room.now(PRESS + 6 * S)
    room.cutter.save_pre_roll(job)
    room.cutter.finish(job)
    saved, fact = room.work()
    assert saved.path is not None
    assert_true_but_for_gaps(fact, job)
    ((offset, frames, reason),) = gaps(fact)
    assert (offset, reason) == (0, "overwritten")
    assert RATE < frames < 5 * RATE
    room.close()


def test_a_box_that_comes_back_too_late_names_the_tail_overwritten(tmp_path):
    room = Room(tmp_path, depth_s=10)
    job = track()
    press(room, job)
    room.hear_until(PRESS + 100 * S)
    room.now(PRESS + 100 * S)
    room.cutter.finish(job)
    (fact,) = room.work()
    assert_true_but_for_gaps(fact, job)
    assert [reason for _, _, reason in gaps(fact)] == ["overwritten"]
    room.close()


def test_a_new_ring_within_the_window_is_joined_at_its_time(room):
    job = track(after_s=3.0)
    press(room, job)
    room.ear.close()
    room.ear = room.listen(period_frames=PERIOD // 2)
    room.heard_ns = 101 * S
    room.hear_until(job.plan.end_ns + S)
    fact = finish(room, job)
    assert_true_but_for_gaps(fact, job)
    ((offset, frames, reason),) = gaps(fact)
    assert reason == "absent"
    assert abs(offset - 2 * RATE) <= PERIOD
    assert abs(offset + frames - 3 * RATE) <= 1


def test_a_new_microphone_of_another_format_is_not_mixed_in(room):
    job = track()
    press(room, job)
    room.ear.close()
    room.ear = room.listen(rate_hz=16000)
    room.ear.append(np.ones(160000, np.int16), 112 * S, 0)
    fact = finish(room, job)
    assert_true_but_for_gaps(fact, job)
    assert fact.manifest.partial


def test_pre_rolls_come_before_finishing(room):
    done, fresh = track(mono_ns=PRESS - 2 * S), track()
    room.hear_until(PRESS + S)
    room.now(PRESS + S)
    room.cutter.finish(done)
    room.cutter.save_pre_roll(fresh)
    assert [type(fact) for fact in room.work()] == [PreRollSaved, TrackFinished]


def full_at(point):
    def fault(name):
        if name == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    return fault


def test_a_full_disk_at_the_press_is_a_reason_and_the_track_still_comes(room):
    job = track()
    room.cutter = room.box(full_at("pre_roll.before_fsync"))
    saved = press(room, job)
    assert saved.path is None
    assert "disk is full" in saved.reason
    room.hear_until(job.plan.end_ns + S)
    assert_true_but_for_gaps(finish(room, job), job)


@pytest.mark.parametrize("point", ["manifest.before_fsync", "track.before_fsync"])
def test_a_full_disk_at_the_end_can_be_tried_again(room, point):
    job = track()
    press(room, job)
    room.hear_until(job.plan.end_ns + S)
    room.cutter = room.box(full_at(point))
    (fact,) = end(room, job)
    assert isinstance(fact, TrackFailed)
    assert fact.disk_full
    assert not any(path.suffix == ".tmp" for path in room.tracks.iterdir())
    room.cutter = room.box()
    assert_true_but_for_gaps(finish(room, job), job)


def test_a_failing_disk_is_not_survived(room):
    def fault(_):
        raise OSError(errno.EIO, "Input/output error")

    room.hear_until(PRESS)
    room.now(PRESS)
    room.cutter = room.box(fault)
    room.cutter.save_pre_roll(track())
    with pytest.raises(OSError, match="Input/output"):
        room.work()


class Crash(Exception):
    pass


FILES = [name for name in faultpoint.NAMES if name.startswith(("pre_roll.", "manifest.", "track."))]


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("point", FILES)
def test_a_crash_at_any_step_loses_nothing_that_was_durable(room, point, reboot):
    def fault(name):
        if name == point:
            raise Crash

    job = track()
    room.cutter = room.box(fault)
    room.hear_until(PRESS)
    try:
        press(room, job)
        room.hear_until(job.plan.end_ns + S)
        end(room, job)
    except Crash:
        room.hear_until(job.plan.end_ns + S)
    if reboot:
        room.ear.close()
        room.path.unlink()
        room.clock = FakeClock(mono_ns=5 * S, boot_id=BOOT_B)
    else:
        room.now(job.plan.end_ns + S // 10)
    room.cutter = room.box()
    room.cutter.finish(job)
    (fact,) = room.work()
    had_pre_roll = FILES.index(point) >= FILES.index("pre_roll.after_rename")
    had_all = FILES.index(point) >= FILES.index("track.after_rename")
    if not reboot or had_pre_roll:
        assert_true_but_for_gaps(fact, job)
        assert fact.manifest.partial == (reboot and not had_all)
    else:
        assert isinstance(fact, TrackFailed)


@pytest.mark.parametrize("codec", ["wav", "opus"])
def test_other_formats_by_choice(room, codec):
    job = track()
    room.cutter = room.box(codec=codec)
    press(room, job)
    room.hear_until(job.plan.end_ns + S)
    fact = finish(room, job)
    assert fact.path.suffix == f".{codec}"
    assert len(samples_of(fact)) == 3 * RATE
    if codec == "wav":
        assert_true_but_for_gaps(fact, job)


def test_the_thread_does_the_same_and_ends_when_it_is_told(room):
    job = track()
    arrived = threading.Semaphore(0)
    facts = []

    def emit(fact):
        facts.append(fact)
        arrived.release()

    room.hear_until(job.plan.end_ns + S)
    room.now(job.plan.end_ns + S)
    cutter = Cutter(lambda: AudioRing(room.path), room.tracks, Tracks(), room.clock, emit)
    cutter.start()
    cutter.save_pre_roll(job)
    assert arrived.acquire(timeout=10)
    cutter.finish(job)
    assert arrived.acquire(timeout=10)
    cutter.close()
    cutter.close()
    assert [type(fact) for fact in facts] == [PreRollSaved, TrackFinished]
    assert_true_but_for_gaps(facts[1], job)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_is_told(room):
    told = threading.Event()
    facts = []

    def emit(fact):
        facts.append(fact)
        told.set()

    def fault(_):
        raise Crash

    room.hear_until(PRESS)
    cutter = Cutter(lambda: AudioRing(room.path), room.tracks, Tracks(), room.clock, emit, fault=fault)
    cutter.start()
    cutter.save_pre_roll(track())
    assert told.wait(10)
    cutter.close()
    (fact,) = facts
    assert isinstance(fact, CutterDied)
    assert isinstance(fact.error, Crash)


def test_a_track_that_takes_long_to_make_holds_up_no_other_press(room):
    slow, other = track(), track(mono_ns=PRESS + S)
    begun, go_on, saved = threading.Event(), threading.Event(), threading.Event()
    facts = []

    def emit(fact):
        facts.append(fact)
        if isinstance(fact, PreRollSaved):
            saved.set()

    def fault(name):
        if name == "track.before_fsync":
            begun.set()
            assert go_on.wait(20)

    room.hear_until(slow.plan.end_ns + 10 * S)
    room.now(slow.plan.end_ns + 10 * S)
    cutter = Cutter(lambda: AudioRing(room.path), room.tracks, Tracks(), room.clock, emit, fault=fault)
    cutter.start()
    try:
        cutter.finish(slow)
        assert begun.wait(10)
        cutter.save_pre_roll(other)
        assert saved.wait(10)
        assert [type(fact) for fact in facts] == [PreRollSaved]
        assert facts[0].track == other.plan.track
    finally:
        go_on.set()
        cutter.close()
    assert [type(fact) for fact in facts] == [PreRollSaved, TrackFinished]


def test_a_track_is_finished_after_its_own_pre_roll_however_long_that_takes(room):
    job = track()

    def fault(name):
        if name == "pre_roll.after_fsync":
            # Meanwhile the other thread comes to the same track.
            room.cutter.step(room.clock.mono_ns())
            assert room.facts == []

    room.hear_until(job.plan.end_ns + 10 * S)
    room.now(job.plan.end_ns + 10 * S)
    room.cutter = room.box(fault)
    room.cutter.save_pre_roll(job)
    room.cutter.finish(job)
    assert [type(fact) for fact in room.work()] == [PreRollSaved]
    room.now(room.clock.mono_ns() + S // 10)
    assert [type(fact) for fact in room.work()] == [TrackFinished]


def test_many_overlapping_presses_are_as_many_exact_tracks(room):
    jobs = [track(before_s=1.0, after_s=0.5, mono_ns=PRESS + n * 37_000_001) for n in range(40)]
    for at in itertools.count(PRESS, 100_000_000):
        room.hear_until(at)
        room.now(at)
        for job in jobs:
            if at - 100_000_000 < job.plan.mono_ns <= at:
                room.cutter.save_pre_roll(job)
            if at - 100_000_000 < job.plan.end_ns + S // 10 <= at:
                room.cutter.finish(job)
        for fact in room.work():
            if isinstance(fact, TrackFinished):
                job = next(job for job in jobs if job.plan.track == fact.track)
                assert gaps(fact) == []
                assert_true_but_for_gaps(fact, job)
                jobs.remove(job)
        if not jobs:
            break
        assert at < PRESS + 10 * S


@pytest.mark.parametrize("uncertainty_ns", [0, 4_000_000])
def test_joining_two_rings_claims_what_the_join_may_be_off(room, uncertainty_ns):
    """The claim for the sound after the join adds up both rings' own, and the rounding of the join to a frame."""
    job = track(after_s=3.0)
    saved = press(room, job)
    first_error_ns = pre_roll.read(saved.path, job.plan.track).head.align_error_ns
    room.ear.close()
    room.ear = room.listen(period_frames=PERIOD // 2)
    half_ns = PERIOD_NS // 2
    for n in range(1, round(4 * S / half_ns)):
        start_ns = 101 * S + (n - 1) * half_ns
        # Stamps as late as they may be, but for one in eight.
        late_ns = 0 if n % 8 == 0 else uncertainty_ns
        room.ear.append(true_sound(start_ns, PERIOD // 2), start_ns + half_ns + late_ns, uncertainty_ns)
    reader = AudioRing(room.path)
    _, second_error_ns = reader.frame_at(pre_roll.read(saved.path, job.plan.track).head.end_ns)
    reader.close()
    fact = finish(room, job)
    own_ns = job.plan.uncertainty_ns + S // (2 * RATE)
    claimed_ns = fact.manifest.align_error_ms * 1e6
    assert claimed_ns == pytest.approx(first_error_ns + second_error_ns + S // RATE + own_ns, abs=2)
    # And the claim holds on both sides of the join: where each sample of the track is in what was really heard.
    found = samples_of(fact)
    offset = fact.manifest.press_offset_frames
    whole = true_sound(job.plan.start_ns - S, 8 * RATE)
    true_offset = (job.plan.mono_ns - job.plan.start_ns + S) * RATE / S
    for at in (offset - 4000, len(found) - 4000):
        (place,) = np.flatnonzero(
            np.all(np.lib.stride_tricks.sliding_window_view(whole, 32) == found[at : at + 32], axis=1)
        )
        off_ns = abs((place - at) - (true_offset - offset)) * S / RATE
        assert off_ns <= claimed_ns


def test_a_rate_that_the_codec_cannot_hold_is_kept_in_one_that_can(tmp_path):
    """The configuration was changed to Opus while a track of 44.1 kHz was open: nothing to stumble over for ever."""
    room = Room(tmp_path)
    room.ear.close()
    room.ear = room.listen(rate_hz=44100)
    room.cutter = room.box(codec="opus")
    job = track()
    room.ear.append(np.arange(44100 * 8, dtype=np.int16), 104 * S, 0)
    room.now(job.plan.end_ns + S)
    fact = finish(room, job)
    assert (fact.path.suffix, fact.manifest.codec, fact.manifest.rate_hz) == (".flac", "flac", 44100)
    room.close()


@pytest.mark.parametrize("suffix", [".pre", ".flac"])
def test_a_file_that_the_disk_has_lost_stops_nothing(room, monkeypatch, suffix):
    job = track()
    press(room, job)
    room.hear_until(job.plan.end_ns + S)
    finish(room, job)
    real = Path.read_bytes

    def read_bytes(path):
        if path.suffix == suffix:
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    fact = finish(room, job)
    monkeypatch.undo()
    assert_true_but_for_gaps(fact, job)
    assert not fact.manifest.partial
