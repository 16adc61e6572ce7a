"""Sound that betrays itself wherever it goes: a spread-spectrum code under unique noise, and the search for it.

The code (±1 chips, one a sample, period `CODE_FRAMES`) lies in every stretch of the sound. It is found by correlation,
so it survives another level, a constant offset, other noise on top and coding; the noise tells which stretch it is.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
# Shorter than a slot of the ring, so that a copy of the ring with its headers in between is found as well.
CODE_FRAMES = 256
_CODE = np.random.default_rng(7).choice([-1.0, 1.0], CODE_FRAMES)
_CODE_SPECTRUM = np.conj(np.fft.rfft(_CODE))
_CHIP = 500
_NOISE = 300
# Correlation of the code with other sound of as many frames: zero mean, deviation 1/sqrt(CODE_FRAMES) = 0.06.
THRESHOLD = 0.4
_HEADS = (b"fLaC", b"RIFF", b"OggS")


def watermarked(seconds: float, seed: int = 1) -> np.ndarray:
    """int16 mono at `RATE_HZ`; no stretch of it occurs twice."""
    frames = round(seconds * RATE_HZ)
    noise = np.random.default_rng(seed).normal(0, _NOISE, frames)
    code = np.resize(_CODE, frames) * _CHIP
    return np.round(noise + code).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16", format="WAV")
    return path


def marked_frames(samples: np.ndarray) -> int:
    """How many frames of `samples` lie in blocks that hold the code (blocks of `CODE_FRAMES`, half overlapping)."""
    if len(samples) < CODE_FRAMES:
        samples = np.pad(samples, (0, CODE_FRAMES - len(samples)))
    step = CODE_FRAMES // 2
    blocks = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), CODE_FRAMES)[::step]
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    # Circular: any window of the periodic code is a rotation of it.
    correlation = np.fft.irfft(np.fft.rfft(blocks) * _CODE_SPECTRUM, CODE_FRAMES)
    norms = np.linalg.norm(blocks, axis=1) * np.sqrt(CODE_FRAMES)
    peaks = np.abs(correlation).max(axis=1) / np.maximum(norms, 1e-9)
    return int((peaks > THRESHOLD).sum()) * step


@dataclass(frozen=True)
class Find:
    """Marked sound in a piece of bytes: bare PCM, or what an embedded sound file decodes to (`is_file`)."""

    where: str
    samples: np.ndarray
    is_file: bool


def search(content: bytes, where: str) -> list[Find]:
    """Every form in which `content` holds the watermark: PCM of any byte order and alignment, embedded sound files."""
    found = []
    for shift in (0, 1):
        for order in ("<i2", ">i2"):
            usable = max(len(content) - shift, 0) // 2 * 2
            samples = np.frombuffer(content, order, usable // 2, shift) if usable else np.zeros(0, np.int16)
            if usable and marked_frames(samples):
                found.append(Find(f"{where}: PCM {order} at byte {shift}", samples.astype(np.int16), is_file=False))
    for head in _HEADS:
        at = content.find(head)
        while at >= 0:
            decoded = _decode(content[at:])
            if decoded is not None and marked_frames(decoded):
                found.append(Find(f"{where}: {head.decode()} at byte {at}", decoded, is_file=True))
            at = content.find(head, at + 1)
    return found


def _decode(content: bytes) -> np.ndarray | None:
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            samples = file.read(dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return samples[:, 0] if len(samples) else None
