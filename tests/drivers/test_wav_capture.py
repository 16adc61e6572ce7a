"""The wav driver: content, stamps, pace, injected drift and loss."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wav_files import noise, write_wav

from drivers.contract import Block, DriverError, EndOfStream, Loss, LossReason
from drivers.wav_capture import WavCapture

T0 = 5_000_000_007


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now_ns = T0

    def clock_ns(self):
        return self.now_ns

    def sleep(self, seconds):
        self.now_ns += round(seconds * 1e9)


def capture(path, time=None, **options):
    time = time or Time()
    options = {"rate_hz": 16000, "channels": 1, "period_frames": 320, "speed": 0, **options}
    return WavCapture(path, clock_ns=time.clock_ns, sleep=time.sleep, **options)


def blocks_of(source, count):
    blocks = [source.read() for _ in range(count)]
    assert all(isinstance(block, Block) for block in blocks)
    return blocks


def test_it_says_that_it_is_simulated(tmp_path):
    source = capture(write_wav(tmp_path / "a.wav", noise(1000)))
    assert source.simulated
    assert source.source == f"wav:{tmp_path / 'a.wav'}"


def test_content_is_exact_and_repeats_without_a_seam(tmp_path):
    samples = noise(1000, 2)
    source = capture(write_wav(tmp_path / "a.wav", samples), channels=2)
    got = np.concatenate([block.samples for block in blocks_of(source, 10)])
    assert np.array_equal(got, np.concatenate([samples] * 4)[:3200])


def test_without_loop_it_ends_after_the_last_frame(tmp_path):
    samples = noise(1000)
    source = capture(write_wav(tmp_path / "a.wav", samples), loop=False)
    blocks = blocks_of(source, 4)
    assert [len(block.samples) for block in blocks] == [320, 320, 320, 40]
    assert blocks[-1].end_mono_ns == T0 + 62_500_000
    with pytest.raises(EndOfStream, match=r"ear\.loop"):
        source.read()


@given(
    rate_hz=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    drift_ppm=st.floats(-200, 200),
    period_frames=st.integers(1, 999),
)
def test_stamps_are_exact_to_the_nanosecond(tmp_path_factory, rate_hz, drift_ppm, period_frames):
    path = write_wav(tmp_path_factory.getbasetemp() / f"{rate_hz}.wav", noise(500), rate_hz=rate_hz)
    source = capture(path, rate_hz=rate_hz, drift_ppm=drift_ppm, period_frames=period_frames)
    true_rate = rate_hz * (1 + Fraction(drift_ppm) / 10**6)
    for n, block in enumerate(blocks_of(source, 20), 1):
        assert block.end_mono_ns == T0 + round(n * period_frames * 10**9 / true_rate)
        assert block.uncertainty_ns == 0


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_pace_follows_the_speed_and_stamps_the_file(tmp_path, speed):
    time = Time()
    source = capture(write_wav(tmp_path / "a.wav", noise(1000)), time, speed=speed)
    for n in range(1, 51):
        assert source.read().end_mono_ns == T0 + n * 20_000_000
        assert abs(time.now_ns - (T0 + n * 20_000_000 / speed)) <= 50


def test_a_late_reader_catches_up_and_loses_nothing(tmp_path):
    time = Time()
    samples = noise(16000)
    source = capture(write_wav(tmp_path / "a.wav", samples), time, speed=1)
    first = blocks_of(source, 1)
    time.now_ns += 300_000_000
    late = blocks_of(source, 15)
    assert time.now_ns == T0 + 320_000_000
    assert late[-1].end_mono_ns == T0 + 320_000_000
    assert np.array_equal(np.concatenate([block.samples for block in first + late]), samples[:5120])


def test_an_overrun_loses_frames_of_the_file_and_their_time(tmp_path):
    samples = noise(4000)
    source = capture(write_wav(tmp_path / "a.wav", samples), overruns=[(500, 100)])
    one, two, loss, three = (source.read() for _ in range(4))
    assert np.array_equal(np.concatenate([one.samples, two.samples]), samples[:500])
    assert isinstance(loss, Loss)
    assert loss.reason is LossReason.OVERRUN
    assert np.array_equal(three.samples, samples[600:920])
    assert three.end_mono_ns == T0 + 920 * 62_500


def test_another_rate_is_refused_with_the_remedy(tmp_path):
    path = write_wav(tmp_path / "a.wav", noise(1000), rate_hz=8000)
    with pytest.raises(DriverError, match=r"8000 Hz.*16000 Hz.*set ear\.rate_hz = 8000"):
        capture(path)
    with pytest.raises(DriverError, match=r"ear\.channels = 1"):
        capture(path, rate_hz=8000, channels=2)
