"""Frame <-> time over stretches and gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringbuffer import Gap, GapReason, Stamps, Timeline

START_NS = 5_000_000_000_000
FRAME_NS = 62_500


def stretch(first_frame, blocks, start_ns):
    """Exact stamps of a card at its nominal rate."""
    frames = first_frame + np.arange(1, blocks + 1, dtype=np.int64) * 320
    return Stamps(first_frame, frames, start_ns + (frames - first_frame) * FRAME_NS, np.zeros(blocks, np.int64))


def gap(first_frame, frames, start_ns):
    return Gap(first_frame, frames, GapReason.OVERRUN, start_ns, start_ns + frames * FRAME_NS)


@pytest.fixture
def timeline():
    """Gap 0..800, sound ..16800, gap ..20000, sound ..36000, gap ..52000."""
    return Timeline(
        [stretch(20000, 50, START_NS + 20000 * FRAME_NS), stretch(800, 50, START_NS + 800 * FRAME_NS)],
        [
            gap(36000, 16000, START_NS + 36000 * FRAME_NS),
            gap(0, 800, START_NS),
            gap(16800, 3200, START_NS + 16800 * FRAME_NS),
            gap(20000, 0, START_NS + 20000 * FRAME_NS),
        ],
        16000,
    )


@given(st.integers(-100_000, 200_000))
def test_with_exact_stamps_it_is_one_straight_line(frame):
    line = Timeline([stretch(0, 40, START_NS)], [gap(12800, 16000, START_NS + 12800 * FRAME_NS)], 16000)
    assert line.mono_at(frame) == pytest.approx(START_NS + frame * FRAME_NS, abs=2)
    assert line.frame_at(START_NS + frame * FRAME_NS) == pytest.approx(frame, abs=1e-3)


def test_over_gaps_before_between_and_after(timeline):
    for frame in (-900, 0, 400, 800, 9000, 16799, 16800, 18000, 20000, 30000, 36000, 40000, 52000, 60000):
        assert timeline.mono_at(frame) == pytest.approx(START_NS + frame * FRAME_NS, abs=2)
        assert timeline.frame_at(START_NS + frame * FRAME_NS) == pytest.approx(frame, abs=1e-3)
        assert timeline.error_ns(frame) < 30_000_000
    assert (timeline.first_frame, timeline.end_frame) == (0, 52000)
    assert timeline.rate_hz == pytest.approx(16000)
    assert timeline.drift_ppm == pytest.approx(0, abs=1e-3)
    assert timeline.max_error_ns(0, 52000) < 100_000


def test_a_wrongly_estimated_gap_shifts_nothing():
    """The gap took 3200 numbers, but 250 ms had passed: both stretches keep their own true times."""
    line = Timeline(
        [stretch(0, 50, START_NS), stretch(19200, 50, START_NS + 16000 * FRAME_NS + 250_000_000)],
        [gap(16000, 3200, START_NS + 16000 * FRAME_NS)],
        16000,
    )
    assert line.mono_at(15000) == pytest.approx(START_NS + 15000 * FRAME_NS, abs=2)
    assert line.mono_at(20000) == pytest.approx(START_NS + 1_250_000_000 + 800 * FRAME_NS, abs=2)
    assert line.mono_at(17600) == pytest.approx(START_NS + 1_125_000_000, abs=2)
    assert line.frame_at(START_NS + 1_125_000_000) == pytest.approx(17600, abs=1e-3)


def test_stretches_that_overlap_in_time_stay_defined():
    line = Timeline([stretch(0, 50, START_NS), stretch(16000, 50, START_NS + 900_000_000)], [], 16000)
    assert line.frame_at(START_NS + 899_000_000) == pytest.approx(14384, abs=1e-3)
    assert line.frame_at(START_NS + 950_000_000) == pytest.approx(16800, abs=1e-3)


def test_a_hole_without_a_recorded_gap():
    line = Timeline([stretch(0, 50, START_NS), stretch(32000, 50, START_NS + 32000 * FRAME_NS)], [], 16000)
    assert line.mono_at(24000) == pytest.approx(START_NS + 24000 * FRAME_NS, abs=2)
    assert line.frame_at(START_NS + 24000 * FRAME_NS) == pytest.approx(24000, abs=1e-3)


def test_gaps_alone():
    line = Timeline([], [gap(0, 1600, START_NS), gap(1600, 1600, START_NS + 1600 * FRAME_NS)], 16000)
    assert line.frame_at(START_NS + 2400 * FRAME_NS) == pytest.approx(2400)
    assert line.mono_at(-160) == pytest.approx(START_NS - 160 * FRAME_NS)
    assert line.error_ns(1000) == 0
    nothing_lost = Timeline([], [gap(0, 0, START_NS)], 16000)
    assert nothing_lost.frame_at(START_NS + 100 * FRAME_NS) == pytest.approx(100, abs=1e-3)
    assert nothing_lost.mono_at(-100) == pytest.approx(START_NS - 100 * FRAME_NS, abs=2)
    with pytest.raises(ValueError, match="at least one"):
        Timeline([], [], 16000)
