"""Where in the source file a piece of recorded sound comes from, sample by sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.int16]
_NEEDLE_FRAMES = 64


class Source:
    """The sound that a looping WAV microphone plays: mono int16. Every `_NEEDLE_FRAMES` frames of it are unique."""

    def __init__(self, samples: Samples) -> None:
        self.frames = len(samples)
        # Once around and a little more, so that a needle over the seam is found too.
        self._samples = samples
        self._bytes = np.concatenate([samples, samples[:_NEEDLE_FRAMES]]).astype("<i2").tobytes()

    @classmethod
    def read(cls, path: Path) -> Source:
        """The source in a mono PCM16 file."""
        samples, _ = soundfile.read(path, dtype="int16")
        return cls(samples)

    def position(self, piece: Samples) -> int | None:
        """The frame of the source at which `piece` begins, None unless every sample is equal (around the seam too).

        Raises ValueError for a piece too short to be unique.
        """
        if len(piece) < _NEEDLE_FRAMES:
            raise ValueError(f"a piece of {len(piece)} frames is no proof; {_NEEDLE_FRAMES} are needed")
        needle = piece[:_NEEDLE_FRAMES].astype("<i2").tobytes()
        at = self._bytes.find(needle)
        while at % 2:
            at = self._bytes.find(needle, at + 1)
        if at < 0:
            return None
        frame = at // 2
        same = np.take(self._samples, np.arange(frame, frame + len(piece)), mode="wrap")
        return frame if np.array_equal(same, piece) else None


def stretches(frames: int, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The (first, end) frames between gaps given as (offset, frames)."""
    found = []
    at = 0
    for offset, length in sorted(gaps):
        if offset > at:
            found.append((at, offset))
        at = max(at, offset + length)
    if at < frames:
        found.append((at, frames))
    return found
