"""Sound as a file's bytes and back: FLAC and WAV exact to the sample, Opus exact in count, to two frames in place."""

from __future__ import annotations

import io
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import soundfile

from edge.config import OPUS_RATES_HZ

Codec = Literal["flac", "wav", "opus"]
Samples = npt.NDArray[np.int16]

_FORMATS: dict[Codec, tuple[str, str]] = {"flac": ("FLAC", "PCM_16"), "wav": ("WAV", "PCM_16"), "opus": ("OGG", "OPUS")}


def can_hold(codec: Codec, rate_hz: int) -> bool:
    """Whether a file of this format can have this rate."""
    return codec != "opus" or rate_hz in OPUS_RATES_HZ


def encode(samples: Samples, rate_hz: int, codec: Codec) -> bytes:
    """The file for `samples`, int16 (n, channels), n > 0. Raises ValueError for a rate that the codec can't hold.

    Opus delays the sound by its pre-skip; the file says by how much and readers take it off, so offsets stay.
    """
    if samples.dtype != np.int16 or samples.ndim != 2 or not len(samples):
        raise ValueError(f"sound has to be int16 of shape (n > 0, channels), not {samples.dtype} {samples.shape}")
    if not can_hold(codec, rate_hz):
        rates = ", ".join(map(str, OPUS_RATES_HZ))
        raise ValueError(f"opus can't hold {rate_hz} Hz, only {rates}; set ear.rate_hz or tracks.codec")
    container, subtype = _FORMATS[codec]
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def decode(data: bytes) -> tuple[Samples, int]:
    """Samples, int16 (n, channels), and rate in Hz of a file's bytes. Raises ValueError for anything else."""
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{len(data)} bytes are no sound file: {error}") from error
    return cast("Samples", samples), int(rate_hz)
