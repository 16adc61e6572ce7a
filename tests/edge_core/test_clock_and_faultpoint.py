"""Stamps carry the wall time of their own instant; fault points kill where they are told to and nowhere else."""

import signal
import subprocess
import sys
import time

import pytest
from fake_clock import FakeClock

from edge import faultpoint
from edge.clock import SystemClock, boot_id, stamp


def test_a_stamp_dates_its_own_instant_not_the_moment_of_stamping():
    clock = FakeClock(mono_ns=5_000, wall_ns=1_000_000)
    early = stamp(clock, 2_000)
    assert early.mono_ns == 2_000
    assert early.wall_ns == 997_000
    assert early.synced
    assert early.uncertainty_ms == 1.0


def test_an_unsynchronised_clock_is_said():
    clock = FakeClock()
    clock.is_synced = False
    assert not stamp(clock, clock.mono_ns()).synced


def test_a_preempted_reading_is_taken_again():
    class Preempted(FakeClock):
        readings = 0

        def mono_ns(self):
            self.readings += 1
            if self.readings == 2:
                self.advance(10**9)
            return super().mono_ns()

    clock = Preempted(mono_ns=0, wall_ns=77)
    assert stamp(clock, 0).wall_ns == 77


def test_the_system_clock_is_the_machines():
    clock = SystemClock()
    assert len(clock.boot_id) == 32
    assert clock.boot_id == boot_id()
    before = time.monotonic_ns()
    assert before <= clock.mono_ns() <= time.monotonic_ns()
    now = stamp(clock, clock.mono_ns())
    assert abs(now.wall_ns - time.time_ns()) < 10**9
    synced, error_ms = clock.synced()
    assert isinstance(synced, bool)
    assert error_ms > 0


def test_no_setting_means_no_fault():
    assert faultpoint.from_environment({}) is faultpoint.no_fault


@pytest.mark.parametrize(
    "setting", ["nonsense", "track.before_fsync:0", "track.before_fsync:x", "track.before_fsync:-1"]
)
def test_a_fault_that_would_never_strike_is_refused(setting):
    with pytest.raises(ValueError, match="EARSHOT_FAULT"):
        faultpoint.from_environment({"EARSHOT_FAULT": setting})


def test_the_names_are_unique():
    assert len(set(faultpoint.NAMES)) == len(faultpoint.NAMES)


def test_the_process_ends_at_the_nth_passing():
    program = (
        "from edge.faultpoint import from_environment as f\n"
        "p = f()\n"
        "for n in (1, 2, 3):\n"
        "    p('track.after_rename'); p('track.before_fsync'); print(n, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"EARSHOT_FAULT": "track.before_fsync:2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "1\n"
