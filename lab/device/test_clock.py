"""The wall clock jumps within a window: order, durations and offsets stay right, and wall time is repaired."""

import time

import pytest

from edge.wire import TimeData
from lab.device.counter import BEFORE_S, sound
from lab.device.evidence import OFFSET_MS_MAX
from lab.device.installation import BOX
from lab.device.loopback import RATE_HZ, Playing
from lab.device.waiting import wait_until
from lab.device.wall_clock import WallClock, set_synced, step

TEN_YEARS_S = 10 * 365.25 * 86400
REPAIR_MS_MAX = 50.0


@pytest.fixture
def unsynced(counter):
    """The clock is right and nobody vouches for it, and the box has told nobody the time of this boot yet."""
    with WallClock() as clock:
        set_synced(synced=False)
        counter.box.stop(BOX)
        counter.box.forget_outbox()
        counter.box.start(BOX)
        counter.box.wait_for_sound()
        yield clock
        clock.set_right()
        set_synced(synced=False)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, -TEN_YEARS_S], ids=["plus-1h", "minus-1h", "minus-10y"])
def test_a_step_within_a_window_moves_nothing_and_is_repaired_later(counter, unsynced, seconds, say):
    begun = len(counter.bridge.of(TimeData))
    with Playing(sound(150, seed=31)) as playing:
        playing.wait_for(BEFORE_S + 1)
        first = counter.touch_red()
        time.sleep(0.5)
        step(seconds)
        second = counter.touch_appeal()
        heard = [counter.heard(first, "red", playing), counter.heard(second, "appeal", playing)]
    for press, manifest, measured in heard:
        off_s = (press.stamp.wall_ns - unsynced.true_ns(press.stamp.mono_ns)) / 1e9
        say(f"{press.button}: {measured}; wall time wrong by {off_s:+.3f} s, synced: {press.stamp.synced}")
        assert (measured.gaps, manifest.partial) == ((), False)
        assert abs(measured.offset_ms) <= OFFSET_MS_MAX
        assert abs(measured.frames - 5 * RATE_HZ) <= 80
        assert not press.stamp.synced
    assert len(counter.bridge.of(TimeData)) == begun
    apart_ms = (heard[1][0].stamp.mono_ns - heard[0][0].stamp.mono_ns) / 1e6
    assert 500 <= apart_ms <= 5000
    unsynced.set_right()
    set_synced(synced=True)
    told = wait_until(lambda: counter.bridge.of(TimeData)[begun:], "the box tells the time of this boot")[0].data.stamp
    for press, _, _ in heard:
        assert press.stamp.boot_id == told.boot_id
        repaired_ns = told.wall_ns + press.stamp.mono_ns - told.mono_ns
        off_ms = (repaired_ns - unsynced.true_ns(press.stamp.mono_ns)) / 1e6
        say(f"{press.button}: repaired to within {off_ms:+.3f} ms")
        assert abs(off_ms) <= REPAIR_MS_MAX
    assert told.synced


def test_a_record_after_a_step_of_a_synchronised_clock_says_that_nobody_vouches_for_it(counter, unsynced, say):
    set_synced(synced=True)
    before = counter.press_of(counter.touch_red(), "red").data.stamp
    step(-3600)
    after = counter.press_of(counter.touch_red(), "red").data.stamp
    say(f"before: synced {before.synced} ± {before.uncertainty_ms:.3f} ms; after the step: synced {after.synced}")
    assert (before.synced, after.synced) == (True, False)
    assert after.mono_ns > before.mono_ns
    assert after.wall_ns < before.wall_ns
