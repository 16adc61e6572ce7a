"""Whether a track's press offset points at the moment of the press: measured against the source file, not believed.

The WAV microphone plays frame k of its file at exactly `origin_ns` + k / rate. So the source's frame at the instant of
a press is known without the ring's timeline, and the frame that the track shows there is found by its samples.
"""

from __future__ import annotations

from pathlib import Path

from demo.ledger import StoredTrack
from demo.locate import Source, stretches
from ringbuffer.audio_blocks import BLOCK_PREFIX, KIND_SOUND
from ringbuffer.slot_ring import SlotRingReader


class WrongSoundError(Exception):
    """A track's samples are not the source's; the message says which."""


def origin_ns(ring: Path, rate_hz: int) -> float:
    """When the microphone's first frame was captured, from one raw stamp of the ring's first stretch.

    Raises LookupError while the ring holds no sound, or when a gap has renumbered its oldest.
    """
    reader = SlotRingReader(ring)
    table = reader.table
    oldest = table.oldest_seq(table.newest_seq())
    for seq in range(oldest, oldest + 64):
        slot = table.read(seq)
        if slot is not None and slot.kind == KIND_SOUND and slot.tag == 0:
            first_frame, frames, _, _ = BLOCK_PREFIX.unpack_from(slot.payload)
            return float(slot.mono_ns - (first_frame + frames) * 1e9 / rate_hz)
    raise LookupError(f"{ring} has no sound of its first stretch")


def align_error_ms(track: StoredTrack, source: Source, origin: float) -> float:
    """How far the press offset of `track` is from the truth, in ms, signed: positive points too late.

    Every sample outside of the named gaps has to be the source's, in one piece; raises `WrongSoundError` otherwise,
    ValueError for a file that is not its manifest's.
    """
    samples = track.samples()
    manifest = track.manifest
    if manifest is None:
        raise ValueError(f"track {track.id} has no manifest")
    begins = set()
    for first, end in stretches(len(samples), [(gap.offset_frames, gap.frames) for gap in manifest.gaps]):
        position = source.position(samples[first:end])
        if position is None:
            raise WrongSoundError(f"track {track.id}: frames {first} to {end} are not the source's")
        begins.add((position - first) % source.frames)
    if len(begins) != 1:
        raise WrongSoundError(f"track {track.id}: its pieces lie at {sorted(begins)} of the source, not in one place")
    shown = (begins.pop() + manifest.press_offset_frames) % source.frames
    true = (manifest.stamp.mono_ns - origin) * manifest.rate_hz / 1e9
    off = (shown - true + source.frames / 2) % source.frames - source.frames / 2
    return float(off / manifest.rate_hz * 1000)
