"""Looking into a finished track's file: does it decode to what the manifest promised, and what does it look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from msgspec import Struct

from edge.wire import TrackData

PEAKS = 1000
"""Pairs (minimum, maximum) of a waveform; more than the pixels of a player."""

_BLOCK_FRAMES = 65_536


class Sound(Struct, frozen=True):
    """`damaged` says what is wrong (None: nothing); `peaks` are int8 pairs, None where nothing could be decoded."""

    damaged: str | None
    peaks: bytes | None


def examine(path: Path, manifest: TrackData) -> Sound:
    """Decode a track's file once, in blocks. Never raises for what the file holds."""
    try:
        with soundfile.SoundFile(path) as file:
            total = max(file.frames, 1)
            lows = np.zeros(PEAKS, np.float32)
            highs = np.zeros(PEAKS, np.float32)
            frames = 0
            while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                _add_peaks(lows, highs, block, frames, total)
                frames += len(block)
            found = (file.samplerate, file.channels, frames)
    except soundfile.LibsndfileError as error:
        # Without the path, so that everybody who looks says the same.
        return Sound(f"does not decode: {error.error_string}"[:500], None)
    except (RuntimeError, MemoryError) as error:
        return Sound(f"does not decode: {error}"[:500], None)
    problem = None
    # Opus always decodes at one of its own rates; its frames are counted at that rate.
    wanted = (manifest.rate_hz, manifest.channels, manifest.frames)
    if manifest.codec == "opus":
        found = (manifest.rate_hz, found[1], round(found[2] * manifest.rate_hz / found[0]))
    if found != wanted:
        problem = f"decodes to (rate_hz, channels, frames) = {found}, the manifest promised {wanted}"
    pairs = np.stack([lows, highs], axis=1)
    return Sound(problem, np.clip(np.round(pairs * 127), -127, 127).astype(np.int8).tobytes())


def _add_peaks(
    lows: npt.NDArray[np.float32],
    highs: npt.NDArray[np.float32],
    block: npt.NDArray[np.float32],
    first_frame: int,
    total_frames: int,
) -> None:
    """Fold a block into the extremes of the bins that its frames fall into."""
    bins = np.minimum((np.arange(first_frame, first_frame + len(block)) * PEAKS) // total_frames, PEAKS - 1)
    # Frames of one bin stand together, so each run of them is reduced at once.
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    touched = bins[starts]
    lows[touched] = np.minimum(lows[touched], np.minimum.reduceat(block.min(axis=1), starts))
    highs[touched] = np.maximum(highs[touched], np.maximum.reduceat(block.max(axis=1), starts))
