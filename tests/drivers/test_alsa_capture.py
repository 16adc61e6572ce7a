"""What the ALSA driver makes of each thing a sound card can do; the library's real code runs in tests/ear."""

import errno
import itertools

import alsaaudio
import numpy as np
import pytest
from fake_alsa import FakePcm
from hypothesis import given
from hypothesis import strategies as st
from wav_files import noise

from drivers.alsa_capture import AlsaCapture
from drivers.contract import Block, DeviceLost, DriverError, Loss, LossReason

NOW_NS = 100_000_000_000
SOUND = noise(3200)


def at(ns, avail=0):
    return ns // 10**9, ns % 10**9, avail


def opened(*pcms, now_ns=NOW_NS, device="mic", read_timeout_s=0.03, **options):
    """Return a capture on the first of `pcms`; opening again takes the next one. Strings are errors of opening."""
    todo = list(pcms)
    asked = []

    def factory(**arguments):
        asked.append(arguments)
        pcm = todo.pop(0)
        if isinstance(pcm, str):
            raise alsaaudio.ALSAAudioError(pcm)
        return pcm

    options = {"rate_hz": 16000, "channels": 1, "period_frames": 320, **options}
    clock = (lambda: now_ns) if isinstance(now_ns, int) else now_ns
    capture = AlsaCapture(device, pcm_factory=factory, clock_ns=clock, read_timeout_s=read_timeout_s, **options)
    capture.asked = asked
    return capture


def test_the_end_of_a_block_is_the_pointers_time_less_what_is_unread():
    pcm = FakePcm([SOUND[:320]])
    pcm.stamp = at(NOW_NS - 5_000_000, avail=160)
    block = opened(pcm).read()
    assert block.end_mono_ns == NOW_NS - 5_000_000 - 10_000_000
    assert block.uncertainty_ns == 8_000_000
    assert np.array_equal(block.samples, SOUND[:320])


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_whatever_the_device_gives_at_once_blocks_are_whole_periods_with_their_own_stamps(sizes):
    edges = np.cumsum([0, *sizes])
    frames = noise(int(edges[-1]))
    pcm = FakePcm([frames[a:b] for a, b in itertools.pairwise(edges)])
    pcm.stamps = [at(NOW_NS - 10**9 + int(end) * 62_500) for end in edges[1:]]
    capture = opened(pcm)
    for n in range(1, int(edges[-1]) // 320 + 1):
        block = capture.read()
        assert np.array_equal(block.samples, frames[(n - 1) * 320 : n * 320])
        assert block.end_mono_ns == NOW_NS - 10**9 + n * 320 * 62_500
    capture.close()


def test_stereo_frames_stay_together():
    frames = noise(320, 2)
    pcm = FakePcm([frames[:100], frames[100:]], channels=2)
    pcm.stamp = at(NOW_NS)
    assert np.array_equal(opened(pcm, channels=2).read().samples, frames)


def test_waiting_ends_when_the_device_is_ready():
    pcm = FakePcm([SOUND[:100], 0, SOUND[100:320]])
    pcm.stamp = at(NOW_NS)
    pcm.ready()
    assert np.array_equal(opened(pcm).read().samples, SOUND[:320])
    assert pcm.cleared == 1


def test_an_overrun_comes_after_the_frames_before_it():
    pcm = FakePcm([SOUND[:100], -errno.EPIPE, SOUND[400:720]])
    pcm.stamps = [at(NOW_NS - 10**9), at(NOW_NS)]
    capture = opened(pcm)
    before, loss, after = capture.read(), capture.read(), capture.read()
    assert np.array_equal(before.samples, SOUND[:100])
    assert before.end_mono_ns == NOW_NS - 10**9
    assert isinstance(loss, Loss)
    assert loss.reason is LossReason.OVERRUN
    assert np.array_equal(after.samples, SOUND[400:720])


@pytest.mark.parametrize(
    ("step", "reason"),
    [("ESTRPIPE", LossReason.SUSPEND), (0, LossReason.STALLED), ((320, b"ab"), LossReason.SHORT_READ)],
)
def test_other_losses_are_named_and_sound_goes_on(step, reason):
    first = FakePcm([SOUND[:320], step, SOUND[320:640]])
    second = FakePcm([SOUND[320:640]])
    first.stamp = second.stamp = at(NOW_NS)
    capture = opened(first, second)
    assert isinstance(capture.read(), Block)
    loss = capture.read()
    assert isinstance(loss, Loss)
    assert loss.reason is reason
    assert "alsa:mic" in loss.detail
    assert np.array_equal(capture.read().samples, SOUND[320:640])
    # A suspended or stalled stream is opened anew, one that only read short goes on.
    assert first.closed is (reason is not LossReason.SHORT_READ)


@pytest.mark.parametrize("code", ["ENODEV", "EIO", "EBADFD"])
def test_a_device_that_goes_is_lost_and_closed(code):
    pcm = FakePcm([SOUND[:320], code])
    pcm.stamp = at(NOW_NS)
    capture = opened(pcm)
    capture.read()
    with pytest.raises(DeviceLost, match="alsa:mic stopped"):
        capture.read()
    assert pcm.closed
    capture.close()


@pytest.mark.parametrize(
    "message",
    ["No such device [x]", "No such file or directory [x]", "Connection refused [x]", "Device or resource busy [x]"],
)
def test_what_may_come_back_is_lost_and_not_wrong(message):
    with pytest.raises(DeviceLost, match="cannot be opened"):
        opened(message)


@pytest.mark.parametrize(
    ("message", "says"), [("Permission denied [x]", "'audio'"), ("Invalid argument [x]", "arecord -L")]
)
def test_what_a_person_has_to_change_says_what(message, says):
    with pytest.raises(DriverError, match=says) as caught:
        opened(message)
    assert not isinstance(caught.value, DeviceLost)


@pytest.mark.parametrize(
    ("described", "says"),
    [({"rate": 44100}, "got 44100 Hz"), ({"channels": 2}, "got 16000 Hz, 2 channels"), ({"fmt": "S32_LE"}, "S32_LE")],
)
def test_another_format_is_refused_with_what_was_asked_and_got(described, says):
    pcm = FakePcm([], **described)
    with pytest.raises(DriverError, match=f"asked for 16000 Hz, 1 channels, S16_LE, .*{says}.*plughw"):
        opened(pcm)
    assert pcm.closed


def test_an_absent_card_is_not_even_asked_for(tmp_path):
    with pytest.raises(DeviceLost, match="no sound card 'Device'"):
        opened(device="plughw:CARD=Device,DEV=0", proc_asound=tmp_path)
    (tmp_path / "Device").mkdir()
    capture = opened(FakePcm([]), device="plughw:CARD=Device,DEV=0", proc_asound=tmp_path)
    assert capture.asked[0]["device"] == "plughw:CARD=Device,DEV=0"
    capture.close()


def test_a_stamp_of_another_clock_is_not_believed():
    for stamp in (at(0), at(NOW_NS + 1), at(1_700_000_000 * 10**9)):
        pcm = FakePcm([SOUND[:320]], card_no=-1)
        pcm.stamp = stamp
        block = opened(pcm).read()
        assert (block.end_mono_ns, block.uncertainty_ns) == (NOW_NS, 40_000_000)


def test_a_backlog_behind_a_plug_in_is_dated_late_and_says_so():
    """A sound server that stood for a while: its plug-in reports at most a full buffer, whatever more is behind it."""
    periods = [SOUND[n * 320 : (n + 1) * 320] for n in range(10)]
    pcm = FakePcm(periods, card_no=-1)
    live = [at(NOW_NS - 4 * 10**9 + n * 20_000_000) for n in range(1, 5)]
    woken = [at(NOW_NS - 3 * 10**9, avail) for avail in (2559, 2559, 2559, 2240, 1920, 1600)]
    pcm.stamps = live + woken
    capture = opened(pcm)
    for n in range(1, 11):
        block = capture.read()
        true_ns = NOW_NS - 4 * 10**9 + n * 20_000_000
        late_ns = block.end_mono_ns - true_ns
        if 5 <= n <= 7:
            assert late_ns > 40_000_000
        assert block.uncertainty_ns == max(40_000_000, late_ns)
    capture.close()


def test_a_process_that_stood_still_itself_does_not_call_the_device_stalled():
    pcm = FakePcm([0, 0, SOUND[:320]])
    pcm.stamp = at(NOW_NS)
    # Read begins; it is stopped for 5 s before the wait, looks again, finds nothing yet, waits, and is woken.
    times = iter([0, 5 * 10**9, 5 * 10**9, 5 * 10**9])
    pcm.ready()
    block = opened(pcm, now_ns=lambda: next(times, NOW_NS)).read()
    assert np.array_equal(block.samples, SOUND[:320])
    assert pcm.cleared == 1
