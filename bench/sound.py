"""Made-up speech-like sound for benchmarks: FLAC must have something to compress, and nothing to compress away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
PERIOD_FRAMES = 320


def speech_like(seconds: float, seed: int = 1) -> npt.NDArray[np.int16]:
    """Voiced syllables with noise, int16 (n,), about -20 dBFS."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * 120 * k * t + random.uniform(0, 6)) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t) + 0.3, 0, 1)
    sound = 1800 * voice * syllables + random.normal(0, 60, t.size)
    return np.clip(sound, -32768, 32767).astype(np.int16)
