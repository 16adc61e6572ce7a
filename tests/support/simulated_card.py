"""A sound card of which the truth is known: drift, lateness, granularity, silent losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ringbuffer import Stamps
from ringbuffer.stream_fit import PUNCTUAL_RUN

START_NS = 7_000_000_000_000_000


@dataclass(frozen=True)
class Jitter:
    """How a driver stamps: `uncertainty_ns` is what it claims, the rest is what happens."""

    uncertainty_ns: int
    late_ns: int = 0
    early_ns: int = 0
    granularity_ns: int = 0
    outliers: float = 0.0
    outlier_ns: int = 60_000_000


EXACT = Jitter(0)
ALSA = Jitter(100_000, late_ns=100_000, outliers=0.05)
# A stamp that is only made when the device moves on, each 4 ms.
COARSE = Jitter(4_000_000, granularity_ns=4_000_000, outliers=0.05)
PULSE = Jitter(10_000_000, late_ns=10_000_000, early_ns=8_000_000, outliers=0.1)
ALL = {"exact": EXACT, "alsa": ALSA, "coarse": COARSE, "pulse": PULSE}


class Card:
    """One stretch of `blocks` blocks; before the blocks in `drops` a block vanishes without a word."""

    def __init__(self, seed, blocks, ppm, jitter, *, drops=(), block_frames=320, rate_hz=16000, wander_ppm=0.0):
        rng = np.random.default_rng(seed)
        self.frames = np.arange(1, blocks + 1, dtype=np.int64) * block_frames
        self.block_frames = block_frames
        period = 1e9 / rate_hz * (1 + ppm * 1e-6)
        self.periods = period * (1 + wander_ppm * 1e-6 * np.sin(np.arange(blocks) / blocks * 6))
        jumps = np.zeros(blocks)
        jumps[list(drops)] = block_frames * period
        self.block_starts = np.cumsum(jumps + np.concatenate(([0], self.periods[:-1] * block_frames)))
        self.ends = self.block_starts + self.periods * block_frames
        late = rng.uniform(-jitter.early_ns, jitter.late_ns, blocks)
        outlying = rng.random(blocks) < jitter.outliers
        # What the bound assumes: one punctual stamp in each run.
        outlying[:: PUNCTUAL_RUN // 2] = False
        stamps = self.ends + late + outlying * rng.uniform(0, jitter.outlier_ns, blocks)
        if jitter.granularity_ns:
            stamps = np.ceil(stamps / jitter.granularity_ns) * jitter.granularity_ns
        self.mono_ns = START_NS + np.rint(stamps).astype(np.int64)
        self.uncertainty_ns = jitter.uncertainty_ns

    def true_ns(self, frame):
        """When `frame` (0 .. all) was captured; what vanished lies before its block."""
        at = min(int(frame // self.block_frames), len(self.frames) - 1)
        return START_NS + self.block_starts[at] + (frame - at * self.block_frames) * self.periods[at]

    def stamps(self, first=0, end=None):
        part = slice(first, end)
        frames = self.frames[part]
        return Stamps(
            int(frames[0]) - self.block_frames,
            frames,
            self.mono_ns[part],
            np.full(len(frames), self.uncertainty_ns, np.int64),
        )
