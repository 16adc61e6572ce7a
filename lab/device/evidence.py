"""What arrived at the bridge, compared with what was really played and touched."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from demo.locate import Source, stretches
from edge.wire import GapSpan, TrackData
from lab.device.board import Touch
from lab.device.loopback import Playing

# The kernel's tick, by which snd-aloop moves its pointers (HZ=250).
STAMP_MS = 4.0
OFFSET_MS_MAX = 1.0 + STAMP_MS


@dataclass(frozen=True, slots=True)
class Measured:
    """What a track is worth.

    `exact_frames` are those that are what was played, `silent_frames` those before the player began. `offset_ms`: how
    far the press offset is from the truth, signed, positive: it points too late. `seam_ms`: how much the pieces on the
    two sides of a gap lie nearer together or farther apart than they were played.
    """

    frames: int
    exact_frames: int
    silent_frames: int
    gaps: tuple[GapSpan, ...]
    offset_ms: float
    seam_ms: float

    def __str__(self) -> str:
        missing = ", ".join(f"{gap.reason} {gap.frames} frames at {gap.offset_frames}" for gap in self.gaps) or "none"
        return (
            f"{self.exact_frames} of {self.frames} frames are what was played, {self.silent_frames} silent before; "
            f"gaps: {missing}; press offset wrong by {self.offset_ms:+.3f} ms, seams by {self.seam_ms:.3f} ms"
        )


def measure(content: bytes, manifest: TrackData, playing: Playing, touch: Touch) -> Measured:
    """Compare a track with its truth.

    Every frame outside of its named gaps has to be what was played, in one piece or in pieces around the gaps, or
    silence before the player's first frame; every frame in a gap has to be zero. Raises `AssertionError` otherwise. The
    offset is measured on the piece nearest to the press.
    """
    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
    assert (len(samples), rate_hz) == (manifest.frames, manifest.rate_hz), "the file is not what its manifest says"
    for gap in manifest.gaps:
        first, end = gap.offset_frames, gap.offset_frames + gap.frames
        assert not np.any(samples[first:end]), f"track {manifest.track} has sound in its gap {gap}"
    source = Source(playing.samples)
    press = manifest.press_offset_frames
    silent = 0
    # Of each piece with sound: how far it lies from the press, and which of the player's frames the track's first is.
    shifts: list[tuple[int, int]] = []
    for first, end in stretches(len(samples), [(gap.offset_frames, gap.frames) for gap in manifest.gaps]):
        lead, shift = _place(samples[first:end], playing.samples, source)
        assert shift is not None, f"frames {first} to {end} of track {manifest.track} were never played so"
        silent += lead
        if lead < end - first:
            shifts.append((max(first + lead - press, press - end, 0), shift - first))
    assert shifts, f"track {manifest.track} has no sound of the player"
    _, shift = min(shifts)
    true_frame = playing.frame_at(touch.mono_ns)
    told_ns = touch.mono_ns + (press + shift - true_frame) * 1e9 / rate_hz
    missing = sum(gap.frames for gap in manifest.gaps)
    seam = max(other for _, other in shifts) - min(other for _, other in shifts)
    return Measured(
        frames=len(samples),
        exact_frames=len(samples) - missing - silent,
        silent_frames=silent,
        gaps=manifest.gaps,
        offset_ms=touch.off_ms(told_ns),
        seam_ms=seam * 1000 / rate_hz,
    )


def _place(piece: npt.NDArray[np.int16], played: npt.NDArray[np.int16], source: Source) -> tuple[int, int | None]:
    """How many frames of silence `piece` begins with, and the player's frame of its first one; None: never played."""
    sounding = np.flatnonzero(piece)
    if len(sounding) == 0:
        return len(piece), 0
    lead = int(sounding[0])
    if len(piece) - lead < 64:
        return len(piece), 0
    at = source.position(piece[lead:])
    if at is None:
        return lead, None
    # A sound may well have a zero of its own; before its first frame there is nothing but zeros.
    own = min(lead, at)
    if np.any(played[at - own : at]):
        return lead, None
    return lead - own, at - lead
