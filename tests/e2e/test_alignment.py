"""The press offset in a finished track points at the moment of the press: hundreds of presses in virtual time."""

import random

import numpy as np
import pytest
import soundfile
from virtual_chain import NS, RATE_HZ, VirtualBox, VirtualBroker, box_config
from watermark import watermarked, write_wav

from demo.locate import Source, stretches

WINDOW = (0.8, 0.6)
SOURCE_S = 20.0


@pytest.fixture(scope="module")
def sound():
    return watermarked(SOURCE_S, seed=3)


def tracks_of(box: VirtualBox):
    """(manifest, samples) of every finished track."""
    for track, manifest in box.manifests.items():
        samples, rate_hz = soundfile.read(box.outbox.files.folder / f"{track}.{manifest.codec}", dtype="int16")
        assert (len(samples), rate_hz) == (manifest.frames, manifest.rate_hz)
        yield manifest, samples


def errors_ms(box: VirtualBox, source: Source) -> list[tuple[float, float]]:
    """(true offset error, claimed bound) of each track, by the stretch of sound that is nearest to the press."""
    found = []
    for manifest, samples in tracks_of(box):
        gaps = [(gap.offset_frames, gap.frames) for gap in manifest.gaps]
        pieces = [piece for piece in stretches(len(samples), gaps) if piece[1] - piece[0] >= 64]
        offset = manifest.press_offset_frames
        first, end = min(pieces, key=lambda piece: max(piece[0] - offset, offset - piece[1] + 1, 0))
        position = source.position(samples[first:end])
        assert position is not None, f"frames {first} to {end} of {manifest.track} are not the source's"
        true = float((box.source_frame(manifest.stamp.mono_ns) - position + first + source.frames // 2) % source.frames)
        off = offset - (true - source.frames // 2)
        found.append((off / RATE_HZ * 1000, manifest.align_error_ms))
    return found


def press_for(box: VirtualBox, seconds: float, rng: random.Random, every_s: float = 0.2) -> int:
    """Press at random instants, some of them reported late; returns how often."""
    box.advance(2.0)
    count = round(seconds / every_s)
    for _ in range(count):
        box.advance(rng.uniform(0.5, 1.5) * every_s)
        box.press("incident", box.clock.mono_ns() - rng.randrange(30_000_000))
    box.advance(WINDOW[1] + 2)
    return count


def test_every_press_points_at_its_click(tmp_path):
    """The plainest proof: a click at a known instant, a press at that instant, the click at the offset."""
    clicks = np.round(np.random.default_rng(4).normal(0, 30, RATE_HZ * 10)).astype(np.int16)
    clicks[::8000] = 30000
    box = VirtualBox(
        box_config(tmp_path, {"incident": WINDOW}), write_wav(tmp_path / "s.wav", clicks), VirtualBroker(None)
    )
    for _ in range(100):
        box.advance(0.5)
        click_ns = int(box.source_frame(box.clock.mono_ns())) // 8000 * 8000 * NS // RATE_HZ
        box.press("incident", box._origin_ns + click_ns)
    box.advance(3)
    off_ms = []
    for manifest, samples in tracks_of(box):
        found = np.flatnonzero(samples > 20000)
        off_ms.append(np.abs(found - manifest.press_offset_frames).min() / RATE_HZ * 1000)
    box.close()
    assert len(off_ms) == 100
    assert np.percentile(off_ms, 99, method="higher") <= 1.0


@pytest.mark.parametrize(("drift_ppm", "codec"), [(-200.0, "flac"), (0.0, "wav"), (200.0, "flac")])
def test_exact_stamps_give_a_millisecond(tmp_path, sound, drift_ppm, codec):
    wav = write_wav(tmp_path / "s.wav", sound)
    box = VirtualBox(box_config(tmp_path, {"incident": WINDOW}, codec), wav, VirtualBroker(None), drift_ppm=drift_ppm)
    count = press_for(box, 8, random.Random(5), 0.1)
    errors = errors_ms(box, Source(sound))
    gaps = [manifest.gaps for manifest, _ in tracks_of(box) if manifest.gaps]
    box.close()
    assert len(errors) == count
    assert not gaps
    assert np.percentile([abs(off) for off, _ in errors], 99, method="higher") <= 1.0
    assert all(abs(off) <= claimed for off, claimed in errors)
    assert max(claimed for _, claimed in errors) <= 1.0


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
@pytest.mark.parametrize("stamp_noise_ns", [0, 4_000_000])
def test_overruns_and_late_stamps_stay_within_the_claim(tmp_path, sound, drift_ppm, stamp_noise_ns):
    rng = random.Random(6)
    wav = write_wav(tmp_path / "s.wav", sound)
    overruns = []
    frame = 20_000
    while frame < 15 * RATE_HZ:
        lost = rng.randrange(200, 6000)
        overruns.append((frame, lost))
        frame += lost + rng.randrange(8_000, 40_000)
    box = VirtualBox(
        box_config(tmp_path, {"incident": WINDOW}),
        wav,
        VirtualBroker(None),
        drift_ppm=drift_ppm,
        overruns=overruns,
        stamp_noise_ns=stamp_noise_ns,
    )
    count = press_for(box, 12, rng, 0.15)
    errors = errors_ms(box, Source(sound))
    named = [gap.reason for manifest, _ in tracks_of(box) for gap in manifest.gaps]
    box.close()
    assert len(errors) + len(box.lost) == count
    assert not box.lost
    assert "overrun" in named
    wrong = [(off, claimed) for off, claimed in errors if abs(off) > claimed]
    assert not wrong


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_step_of_the_wall_clock_mid_track_changes_nothing(tmp_path, sound, hours):
    wav = write_wav(tmp_path / "s.wav", sound)
    box = VirtualBox(box_config(tmp_path, {"incident": WINDOW}), wav, VirtualBroker(None))
    box.advance(2)
    for _ in range(20):
        before_ns = box.clock.wall_ns() - box.clock.mono_ns()
        press = box.press("incident")
        box.advance(WINDOW[1] / 2)
        box.clock.step_wall(hours * 3600 * NS)
        box.advance(WINDOW[1] + 1)
        manifest = box.manifests[press.track_id]
        # The press keeps the wall time that the box believed in when it was made.
        assert manifest.stamp.wall_ns - manifest.stamp.mono_ns == before_ns
        assert not manifest.partial
        assert manifest.frames == round(sum(WINDOW) * RATE_HZ)
    errors = errors_ms(box, Source(sound))
    box.close()
    assert len(errors) == 20
    assert all(abs(off) <= min(claimed, 1.0) for off, claimed in errors)
