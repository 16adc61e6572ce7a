"""The device suite's judge: it accepts what was played, and refuses a frame too many, another sound, noise in a gap."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from watermark import watermarked

from edge.wire import GapSpan, Stamp, TrackData, Trigger
from lab.device.board import Touch
from lab.device.evidence import measure

RATE_HZ = 16000
ORIGIN_NS = 1_000_000_000
TOUCH = Touch(before_ns=4_000_000_000, after_ns=4_000_200_000)
# The player's frame at the middle of the touch.
TRUE_FRAME = round((TOUCH.mono_ns - ORIGIN_NS) * RATE_HZ / 1e9)
PLAYED = watermarked(10, seed=3)
PLAYING = SimpleNamespace(samples=PLAYED, frame_at=lambda mono_ns: (mono_ns - ORIGIN_NS) * RATE_HZ / 1e9)


def judged(samples, press_offset_frames, gaps=()):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, subtype="PCM_16", format="WAV")
    manifest = TrackData(
        track="a" * 32,
        press="b" * 32,
        trigger=Trigger.INCIDENT,
        stamp=Stamp(boot_id="c" * 32, mono_ns=TOUCH.mono_ns, wall_ns=0, synced=False, uncertainty_ms=0),
        codec="wav",
        rate_hz=RATE_HZ,
        channels=1,
        frames=len(samples),
        before_s=2,
        after_s=2,
        press_offset_frames=press_offset_frames,
        align_error_ms=1,
        drift_ppm=0,
        gaps=tuple(GapSpan(offset_frames=first, frames=count, reason="restart") for first, count in gaps),
        partial=bool(gaps),
        partial_reason=None,
        capture="test",
        simulated=False,
        bytes=1,
        sha256="d" * 64,
        chunk_bytes=1,
        chunk_sha256=("d" * 64,),
    )
    return measure(file.getvalue(), manifest, PLAYING, TOUCH)


def window():
    """Two seconds before and after the touch, as they were played."""
    return PLAYED[TRUE_FRAME - 2 * RATE_HZ : TRUE_FRAME + 2 * RATE_HZ].copy()


def test_what_was_played_is_exact_and_its_press_is_where_it_was():
    found = judged(window(), 2 * RATE_HZ)
    assert (found.exact_frames, found.silent_frames, found.gaps) == (4 * RATE_HZ, 0, ())
    assert found.offset_ms == 0
    assert found.seam_ms == 0


@pytest.mark.parametrize("frames", [-160, 160])
def test_an_offset_that_points_elsewhere_is_told_with_its_sign(frames):
    # A touch has a length: within it no moment is wrong.
    assert judged(window(), 2 * RATE_HZ + frames).offset_ms == pytest.approx(
        frames / 16 - np.sign(frames) * 0.1, abs=0.07
    )


def test_one_wrong_sample_is_refused():
    samples = window()
    samples[40000] ^= 1
    with pytest.raises(AssertionError, match="never played"):
        judged(samples, 2 * RATE_HZ)


def test_a_frame_that_is_missing_without_a_gap_is_refused():
    samples = window()
    with pytest.raises(AssertionError, match="never played"):
        judged(np.delete(samples, 40000), 2 * RATE_HZ)


def test_a_gap_that_is_zero_is_accepted_and_its_length_is_judged():
    samples = window()
    samples[1000:3000] = 0
    found = judged(samples, 2 * RATE_HZ, [(1000, 2000)])
    assert (found.exact_frames, found.seam_ms) == (4 * RATE_HZ - 2000, 0)
    shorter = np.delete(samples, slice(1000, 1160))
    found = judged(shorter, 2 * RATE_HZ - 160, [(1000, 1840)])
    assert found.seam_ms == pytest.approx(10)
    assert found.offset_ms == 0


def test_sound_in_a_gap_is_refused():
    with pytest.raises(AssertionError, match="sound in its gap"):
        judged(window(), 2 * RATE_HZ, [(1000, 2000)])


def test_silence_before_the_player_began_is_no_loss_and_silence_later_is():
    samples = np.concatenate([np.zeros(5000, np.int16), PLAYED[: 8 * RATE_HZ]])
    found = judged(samples, 5000 + TRUE_FRAME)
    assert (found.silent_frames, found.offset_ms) == (5000, 0)
    samples = window()
    samples[:5000] = 0
    with pytest.raises(AssertionError, match="never played"):
        judged(samples, 2 * RATE_HZ)


def test_silence_alone_is_no_evidence():
    with pytest.raises(AssertionError, match="no sound"):
        judged(np.zeros(4 * RATE_HZ, np.int16), 2 * RATE_HZ)
