"""Making WAV files for tests, sound and broken."""

import struct
from pathlib import Path

import numpy as np


def write_wav(
    path: Path,
    samples: np.ndarray,
    *,
    rate_hz: int = 16000,
    data_bytes: int | None = None,
    fmt: bytes | None = None,
    before_data: bytes = b"",
    tail: bytes = b"",
) -> Path:
    """Write int16 `samples` of shape (n,) or (n, channels); `data_bytes` lies about the size of the data."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    body = samples.astype("<i2").tobytes()
    if fmt is None:
        fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * 2 * channels, 2 * channels, 16)
    size = len(body) if data_bytes is None else data_bytes
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + before_data + b"data" + struct.pack("<I", size) + body + tail
    path.write_bytes(b"RIFF" + struct.pack("<I", min(4 + len(chunks), 0xFFFFFFFF)) + b"WAVE" + chunks)
    return path


def noise(frames: int, channels: int = 1, seed: int = 1) -> np.ndarray:
    """Return white noise of shape (frames, channels): every few samples of it are unique."""
    return np.random.default_rng(seed).integers(-30000, 30000, (frames, channels), dtype=np.int16)
