"""The privacy proof's own detector: it must find what it is asked to find, and nothing else."""

import io

import numpy as np
import pytest
import soundfile
from watermark import RATE_HZ, marked_frames, search, watermarked


@pytest.fixture(scope="module")
def sound():
    return watermarked(4)


def encoded(samples, form, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=form, subtype=subtype)
    return file.getvalue()


def test_finds_any_quarter_of_a_second(sound):
    for start in range(0, len(sound) - 4000, 1777):
        assert marked_frames(sound[start : start + 4000])


def test_finds_it_quieter_and_under_other_sound(sound):
    random = np.random.default_rng(5)
    assert marked_frames(np.round(sound * 0.1).astype(np.int16))
    assert marked_frames(sound + np.round(random.normal(0, 800, len(sound))).astype(np.int16))


@pytest.mark.parametrize("order", ["<i2", ">i2"])
@pytest.mark.parametrize("before", [0, 1, 333])
def test_finds_bare_samples_inside_other_bytes(sound, order, before):
    random = np.random.default_rng(6)
    content = random.bytes(before) + sound[:8000].astype(order).tobytes() + random.bytes(1000)
    assert search(content, "leak")


@pytest.mark.parametrize(("form", "subtype"), [("FLAC", "PCM_16"), ("WAV", "PCM_16"), ("OGG", "OPUS")])
def test_finds_it_inside_sound_files_behind_a_foreign_head(sound, form, subtype):
    found = search(b"{json head}" + encoded(sound, form, subtype), "leak")
    assert any(find.is_file for find in found)


def test_finds_nothing_in_other_sound_text_and_noise():
    random = np.random.default_rng(8)
    other = np.round(random.normal(0, 3000, 200_000)).astype(np.int16)
    tone = np.round(8000 * np.sin(np.arange(200_000) * 0.2)).astype(np.int16)
    for samples in (other, tone, np.zeros(50_000, np.int16)):
        assert not search(samples.tobytes(), "other")
        assert not search(encoded(samples, "FLAC", "PCM_16"), "other")
    assert not search(b'{"press": 1, "time": "noon"}' * 5000, "text")
    assert not search(random.bytes(500_000), "noise")
