"""A finished track: its file's bytes, its manifest, its chunks."""

from __future__ import annotations

from edge.codec import Codec, encode
from edge.plan import OpenTrack
from edge.window import Sound, describe
from edge.wire import CHUNK_BYTES_MAX, GapSpan, TrackData, sha256

# Beyond this a manifest would outgrow its message: what follows is told as one span.
_GAPS_MAX = 500
_BROKEN = "broken"
_TEXT_MAX = 500
# libsndfile takes Opus' pre-skip off; the resamplers within Opus still shift the sound by up to 1.3 frames (measured).
_SHIFT_FRAMES: dict[Codec, float] = {"flac": 0, "wav": 0, "opus": 2}


def build(track: OpenTrack, sound: Sound, codec: Codec) -> tuple[bytes, TrackData]:
    """The file and the manifest of a window's sound. Raises ValueError for a rate that the codec can't hold.

    `align_error_ms` adds up what the ring, the press's stamp, the codec and the rounding to a frame may be off.
    """
    plan = track.plan
    data = encode(sound.samples, sound.rate_hz, codec)
    error_ns = sound.align_error_ns + plan.uncertainty_ns + (0.5 + _SHIFT_FRAMES[codec]) * 1e9 / sound.rate_hz
    manifest = TrackData(
        track=plan.track,
        press=plan.press,
        trigger=plan.trigger,
        stamp=track.stamp,
        codec=codec,
        rate_hz=sound.rate_hz,
        channels=sound.samples.shape[1],
        frames=len(sound.samples),
        before_s=plan.before_s,
        after_s=plan.after_s,
        press_offset_frames=round(sound.press_offset),
        align_error_ms=error_ns / 1e6,
        drift_ppm=sound.drift_ppm,
        gaps=_bounded(sound.gaps),
        partial=bool(sound.gaps),
        partial_reason=f"missing: {describe(sound.gaps, sound.rate_hz)}"[:_TEXT_MAX] if sound.gaps else None,
        capture="".join(c if c.isprintable() else "?" for c in sound.capture)[:_TEXT_MAX],
        simulated=sound.simulated,
        bytes=len(data),
        sha256=sha256(data),
        chunk_bytes=CHUNK_BYTES_MAX,
        chunk_sha256=tuple(sha256(chunk) for chunk in chunks(data, CHUNK_BYTES_MAX)),
        extends=plan.extends,
    )
    return data, manifest


def chunks(data: bytes, chunk_bytes: int) -> list[bytes]:
    """The file in pieces of `chunk_bytes`, the last one shorter."""
    return [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]


def _bounded(gaps: tuple[GapSpan, ...]) -> tuple[GapSpan, ...]:
    if len(gaps) <= _GAPS_MAX:
        return gaps
    kept, rest = gaps[: _GAPS_MAX - 1], gaps[_GAPS_MAX - 1 :]
    first, last = rest[0].offset_frames, rest[-1].offset_frames + rest[-1].frames
    return (*kept, GapSpan(offset_frames=first, frames=last - first, reason=_BROKEN))
