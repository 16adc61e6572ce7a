"""Files of tracks: exact to the sample where promised, in the right place everywhere, whole or refused."""

import io

import numpy as np
import pytest
import soundfile
from box_parts import S, config, stamp
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.codec import decode, encode
from edge.config import OPUS_RATES_HZ, ConfigError
from edge.durable import write_durable
from edge.faultpoint import no_fault
from edge.plan import OpenTrack, PlannedTrack, PreRoll
from edge.pre_roll import PreRollDamaged, pack, read
from edge.tracks import build, chunks
from edge.window import Sound
from edge.wire import GapSpan, TrackData, Trigger

TRACK = "b" * 32


def noise(frames, channels=1, seed=1):
    return np.random.default_rng(seed).integers(-32768, 32768, (frames, channels), dtype=np.int16)


def planned(**more):
    return OpenTrack(PlannedTrack(TRACK, "a" * 32, Trigger.INCIDENT, 100 * S, 250_000, 2, 1, **more), stamp(100 * S))


def sound(samples, gaps=(), rate_hz=16000):
    return Sound(samples, rate_hz, 32000.4, 1_000_000, 12.5, tuple(gaps), "mic", simulated=True)


@given(
    st.sampled_from(["flac", "wav"]),
    st.integers(1, 20_000),
    st.integers(1, 2),
    st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    st.integers(0, 9),
)
def test_flac_and_wav_are_exact_to_the_sample(codec, frames, channels, rate_hz, seed):
    samples = noise(frames, channels, seed)
    found, found_hz = decode(encode(samples, rate_hz, codec))
    assert found_hz == rate_hz
    assert np.array_equal(found, samples)


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
@pytest.mark.parametrize("frames", [1, 959, 16000, 48017])
def test_opus_keeps_the_count_and_within_two_frames_the_place_of_the_samples(rate_hz, frames):
    smooth = np.convolve(noise(frames)[:, 0].astype(float), np.hanning(24), "same")
    samples = (smooth / (np.abs(smooth).max() + 1) * 16000).astype(np.int16)[:, None]
    found, _ = decode(encode(samples, rate_hz, "opus"))
    assert found.shape == samples.shape
    if frames > 10_000:
        lags = range(-50, 51)
        middle = samples[1000:-1000, 0].astype(float)
        match = [middle @ found[1000 + lag : frames - 1000 + lag, 0].astype(float) for lag in lags]
        assert abs(lags[int(np.argmax(match))]) <= 2


def test_opus_refuses_a_rate_that_it_cannot_hold():
    with pytest.raises(ValueError, match="44100 Hz, only 8000"):
        encode(noise(10), 44100, "opus")


def test_such_a_rate_stops_the_start():
    with pytest.raises(ConfigError, match=r"ear\.rate_hz = 44100"):
        config(tracks={"codec": "opus"}, ear={"rate_hz": 44100})


@pytest.mark.parametrize("samples", [noise(0), noise(5)[:, 0], noise(5).astype(np.float64)])
def test_what_is_no_sound_is_refused(samples):
    with pytest.raises(ValueError, match="int16"):
        encode(samples, 16000, "flac")


def test_what_is_no_file_is_refused():
    with pytest.raises(ValueError, match="no sound file"):
        decode(b"RIFFnonsense")


@pytest.mark.parametrize("codec", ["flac", "wav", "opus"])
def test_a_manifest_describes_its_file(codec):
    samples = noise(48000)
    data, manifest = build(planned(), sound(samples), codec)
    assert wire.decode(wire.encode(manifest), TrackData) == manifest
    assert (manifest.bytes, manifest.sha256) == (len(data), wire.sha256(data))
    pieces = chunks(data, manifest.chunk_bytes)
    assert b"".join(pieces) == data
    assert [wire.sha256(piece) for piece in pieces] == list(manifest.chunk_sha256)
    assert soundfile.info(io.BytesIO(data)).frames == manifest.frames == 48000
    assert manifest.press_offset_frames == 32000
    assert (manifest.partial, manifest.partial_reason) == (False, None)


def test_the_alignment_error_adds_ring_stamp_and_rounding():
    for codec, frames in (("flac", 0.5), ("wav", 0.5), ("opus", 2.5)):
        _, manifest = build(planned(), sound(noise(48000)), codec)
        assert manifest.align_error_ms == pytest.approx(1.0 + 0.25 + frames / 16)


def test_gaps_make_a_track_partial_and_say_how_much_is_missing():
    gaps = [
        GapSpan(offset_frames=0, frames=16000, reason="absent"),
        GapSpan(offset_frames=20000, frames=160, reason="overrun"),
    ]
    _, manifest = build(planned(extends="e" * 32), sound(noise(48000), gaps), "flac")
    assert manifest.partial
    assert manifest.partial_reason == "missing: absent 1.000 s, overrun 0.010 s"
    assert manifest.extends == "e" * 32


def test_a_track_in_a_thousand_pieces_still_fits_its_message():
    gaps = [GapSpan(offset_frames=20 * n, frames=10, reason="overrun") for n in range(2000)]
    _, manifest = build(planned(), sound(noise(48000), gaps), "flac")
    assert len(manifest.gaps) == 500
    assert manifest.gaps[-1].reason == "broken"
    assert manifest.gaps[-1].offset_frames + manifest.gaps[-1].frames == 20 * 1999 + 10


def head(frames, **more):
    return PreRoll(
        track=TRACK,
        boot_id="c" * 32,
        generation=5,
        rate_hz=16000,
        channels=1,
        window_frame=100,
        first_frame=100,
        frames=frames,
        start_ns=1,
        end_ns=2,
        press_frame=5000.5,
        align_error_ns=1000,
        gaps=(GapSpan(offset_frames=1, frames=2, reason="overrun"),),
        capture="mic",
        simulated=False,
        **more,
    )


def test_a_pre_roll_explains_itself(tmp_path):
    samples = noise(5000)
    path = tmp_path / "x.pre"
    path.write_bytes(pack(head(5000), samples))
    saved = read(path, TRACK)
    assert np.array_equal(saved.samples, samples)
    assert saved.head.press_frame == 5000.5
    assert saved.head.gaps == head(5000).gaps


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[:50],
        lambda _: b"",
        lambda data: data[:-10] + bytes(10),
        lambda data: data.replace(b'"frames":5000', b'"frames":5001'),
        lambda data: data.replace(TRACK.encode(), b"d" * 32),
    ],
)
def test_a_damaged_or_foreign_pre_roll_is_refused(tmp_path, spoil):
    path = tmp_path / "x.pre"
    path.write_bytes(spoil(pack(head(5000), noise(5000))))
    with pytest.raises(PreRollDamaged, match=r"x\.pre"):
        read(path, TRACK)


class Crash(Exception):
    pass


STEPS = ("before_fsync", "after_fsync", "after_rename", "after_folder_fsync")


@pytest.mark.parametrize("step", STEPS)
def test_a_durable_file_is_the_old_one_or_the_new_one(tmp_path, step):
    def fault(name):
        if name == f"track.{step}":
            raise Crash

    path = tmp_path / "file"
    write_durable(path, b"old", "track", no_fault)
    with pytest.raises(Crash):
        write_durable(path, b"new", "track", fault)
    assert path.read_bytes() == (b"old" if STEPS.index(step) < 2 else b"new")
    assert list(tmp_path.iterdir()) == [path]
