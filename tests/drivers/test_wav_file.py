"""WAV files with sound and broken headers."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wav_files import noise, write_wav

from drivers.contract import DriverError
from drivers.wav_file import read_wav


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_file_is_read_exactly(tmp_path, channels):
    samples = noise(1000, channels)
    wav = read_wav(write_wav(tmp_path / "a.wav", samples, rate_hz=8000))
    assert (wav.rate_hz, wav.channels, wav.repaired) == (8000, channels, "")
    assert np.array_equal(wav.samples, samples)


@pytest.mark.parametrize("lie", [0, 0xFFFFFFFF, 5000, 2002])
def test_a_wrong_data_size_is_repaired_and_said(tmp_path, lie):
    samples = noise(1000)
    wav = read_wav(write_wav(tmp_path / "a.wav", samples, data_bytes=lie))
    assert np.array_equal(wav.samples, samples)
    assert "data size" in wav.repaired


def test_half_a_frame_at_the_end_is_left_out(tmp_path):
    samples = noise(10, 2)
    path = write_wav(tmp_path / "a.wav", samples, data_bytes=0, tail=b"\x01\x02\x03")
    assert np.array_equal(read_wav(path).samples, samples)
    assert "3 bytes of an unfinished frame" in read_wav(path).repaired


def test_other_chunks_and_their_padding_are_skipped(tmp_path):
    samples = noise(10)
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    wav = read_wav(write_wav(tmp_path / "a.wav", samples, before_data=odd, tail=b"LIST" + struct.pack("<I", 0)))
    assert np.array_equal(wav.samples, samples)
    assert wav.repaired == ""


def test_extensible_pcm_is_read(tmp_path):
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + struct.pack("<H", 1)
    fmt += bytes.fromhex("000000001000800000aa00389b71")
    samples = noise(10)
    assert np.array_equal(read_wav(write_wav(tmp_path / "a.wav", samples, fmt=fmt)).samples, samples)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a WAV file"),
        (b"RIFF", "not a WAV file"),
        (b"ID3\x04" + bytes(100), "not a WAV file"),
        (b"RIFF\x04\0\0\0WAVE", "no 'fmt ' chunk"),
        (b"RIFF\x04\0\0\0WAVEdata\x04\0\0\0abcd", "before its 'fmt ' chunk"),
        (b"RIFF\x04\0\0\0WAVEfmt \x04\0\0\0abcd", "no 'data' chunk|'fmt ' chunk of 4 bytes"),
    ],
)
def test_what_is_no_wav_is_refused_with_the_reason(tmp_path, content, says):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DriverError, match=says):
        read_wav(path)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ((3, 1, 16000, 64000, 4, 32), "format 0x0003 of 32 bits"),
        ((1, 1, 16000, 16000, 1, 8), "of 8 bits"),
        ((1, 6, 16000, 192000, 12, 16), "6 channels"),
        ((1, 1, 96000, 192000, 2, 16), "96000 Hz"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path, fields, says):
    path = write_wav(tmp_path / "a.wav", noise(10), fmt=struct.pack("<HHIIHH", *fields))
    with pytest.raises(DriverError, match=says):
        read_wav(path)


def test_missing_and_silent_files_are_refused(tmp_path):
    with pytest.raises(DriverError, match="cannot be read"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(DriverError, match="no sound"):
        read_wav(write_wav(tmp_path / "a.wav", noise(0)))


@given(damage=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6), cut=st.integers(0, 200))
def test_any_damage_gives_sound_or_a_clear_refusal(tmp_path_factory, damage, cut):
    path = write_wav(tmp_path_factory.getbasetemp() / "damaged.wav", noise(64))
    content = bytearray(path.read_bytes())
    for at, value in damage:
        content[at] = value
    path.write_bytes(content[: len(content) - cut])
    try:
        wav = read_wav(path)
    except DriverError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert wav.samples.dtype == np.int16
        assert wav.samples.shape[1] == wav.channels
