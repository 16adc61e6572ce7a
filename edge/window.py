"""The sound of a press's window, put together from the ring and from the pre-roll that was saved at the press.

What is missing is zero and named. Nothing outside of the window is ever taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.codec import Samples
from edge.plan import NS, OpenTrack, PreRoll
from edge.pre_roll import SavedPreRoll
from edge.wire import GapSpan
from ringbuffer import AudioRing, Cut, NotYet, Overwritten

# The writer may overwrite the ring's oldest slots, or the ear may make a new ring, while a cut is made.
_ATTEMPTS = 5
_OVERWRITTEN = "overwritten"
_ABSENT = "absent"


class NoSound(Exception):
    """There is no sound of the window; the message says why."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A whole window: int16 (n, channels), gaps zero and named, the press at `press_offset` frames (not rounded).

    The ring's idea of the press's frame is right to ± `align_error_ns`, without the press's own uncertainty.
    """

    samples: Samples
    rate_hz: int
    press_offset: float
    align_error_ns: int
    drift_ppm: float
    gaps: tuple[GapSpan, ...]
    capture: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    first_frame: int
    samples: Samples
    gaps: tuple[GapSpan, ...]

    @property
    def end_frame(self) -> int:
        return self.first_frame + len(self.samples)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a window lies in a row of frame numbers."""

    first: int
    end: int
    press: float
    error_ns: int
    drift_ppm: float


def first_part(ring: AudioRing, track: OpenTrack) -> SavedPreRoll:
    """The window up to the press, or up to where the ring is; raises `NoSound`."""
    plan = track.plan
    # Looking at the ring makes it the one that is there now; only then its boot counts.
    ring.newest_ns()
    if ring.boot_id != track.stamp.boot_id:
        raise NoSound("the ring holds another boot's sound")
    for _ in range(_ATTEMPTS):
        generation = ring.generation
        cut, is_whole = _cut_until_press(ring, track)
        press_frame, error_ns = ring.frame_at(plan.mono_ns)
        begin, _ = ring.frame_at(plan.start_ns)
        if cut.generation == generation == ring.generation:
            break
    else:
        raise NoSound("the ear made new rings again and again while the pre-roll was cut")
    samples = _two_dimensional(cut.samples)
    head = PreRoll(
        track=plan.track,
        boot_id=track.stamp.boot_id,
        generation=cut.generation,
        rate_hz=cut.rate_hz,
        channels=samples.shape[1],
        # Two estimates of one instant differ; that alone is no sound that is missing.
        window_frame=cut.first_frame if is_whole else min(round(begin), cut.first_frame),
        first_frame=cut.first_frame,
        frames=len(samples),
        start_ns=cut.start_ns,
        end_ns=cut.end_ns,
        press_frame=press_frame,
        align_error_ns=error_ns,
        gaps=_spans(cut),
        capture=ring.format.source,
        simulated=cut.simulated,
    )
    return SavedPreRoll(head, samples)


def whole(ring: AudioRing | None, track: OpenTrack, saved: SavedPreRoll | None, *, wait: bool) -> Sound:
    """The whole window. `ring` None: there is none of the press's boot.

    Raises `NotYet` while the end is not captured and `wait` is set, `NoSound` where nothing of the window is left.
    """
    if ring is not None and ring.newest_ns() is None:
        if wait:
            raise NotYet(track.plan.end_ns, None)
        ring = None
    if ring is not None and saved is not None and _format(ring) != (saved.head.rate_hz, saved.head.channels):
        # The microphone was changed within the window: two formats are no one file, the part with the press counts.
        ring = None
    if ring is None:
        return _from_pre_roll(track, saved)
    for _ in range(_ATTEMPTS):
        generation = ring.generation
        pieces, frame = _lie(ring, track, saved)
        rest = _rest(ring, pieces[-1].end_frame if pieces else frame.first, frame.end, wait=wait)
        if generation == ring.generation and (rest is None or rest.generation == generation):
            break
    else:
        raise NoSound("the ear made new rings again and again while the track was cut")
    if rest is not None:
        pieces.append(_Piece(rest.first_frame, _two_dimensional(rest.samples), _spans(rest)))
    simulated = ring.format.simulated or (saved is not None and saved.head.simulated)
    oldest_ns = ring.oldest_ns()
    tail = _OVERWRITTEN if oldest_ns is not None and oldest_ns >= track.plan.end_ns else _ABSENT
    return _assemble(frame, pieces, _format(ring), ring.format.source, simulated=simulated, tail=tail)


def _cut_until_press(ring: AudioRing, track: OpenTrack) -> tuple[Cut, bool]:
    """What the ring has of the window up to the press, and whether that is from its beginning on."""
    plan = track.plan
    start_ns = plan.start_ns
    newest_ns = ring.newest_ns()
    if newest_ns is None:
        raise NoSound("nothing is captured yet")
    end_ns = min(plan.mono_ns, newest_ns)
    for _ in range(_ATTEMPTS):
        start_ns = max(start_ns, end_ns - ring.format.depth_s * NS)
        if end_ns <= start_ns:
            raise NoSound("the ring holds nothing of the time before the press")
        try:
            return ring.cut(start_ns, end_ns), start_ns == plan.start_ns
        except Overwritten as error:
            start_ns = max(start_ns, error.available_from_ns)
        except NotYet as error:
            end_ns = min(end_ns - 1, error.available_until_ns or start_ns)
    raise NoSound("the ring was overwritten faster than it could be cut")


def _lie(ring: AudioRing, track: OpenTrack, saved: SavedPreRoll | None) -> tuple[list[_Piece], _Frame]:
    """Where the window lies in the ring's numbers, and the pre-roll as a piece there."""
    plan = track.plan
    press, error_ns = ring.frame_at(plan.mono_ns)
    first, end = ring.frame_at(plan.start_ns)[0], ring.frame_at(plan.end_ns)[0]
    rate = (end - first) * NS / (plan.end_ns - plan.start_ns) if plan.end_ns > plan.start_ns else ring.format.rate_hz
    drift_ppm = (rate / ring.format.rate_hz - 1) * 1e6
    if saved is None:
        return [], _Frame(round(first), round(end), press, error_ns, drift_ppm)
    head = saved.head
    shift = 0
    if head.generation != ring.generation:
        # A new ring counts anew: the two are joined where the pre-roll ends, as exactly as the new one knows that time.
        joint, joint_error_ns = ring.frame_at(head.end_ns)
        shift = round(joint) - (head.first_frame + head.frames)
        press, error_ns = head.press_frame + shift, head.align_error_ns + joint_error_ns + NS // head.rate_hz
    elif head.align_error_ns < error_ns:
        press, error_ns = head.press_frame, head.align_error_ns
    piece = _Piece(head.first_frame + shift, saved.samples, head.gaps)
    return [piece], _Frame(head.window_frame + shift, round(end), press, error_ns, drift_ppm)


def _rest(ring: AudioRing, first_frame: int, end_frame: int, *, wait: bool) -> Cut | None:
    """The frames that the ring still has; None where it has none of them."""
    first_frame = max(first_frame, end_frame - ring.format.depth_s * ring.format.rate_hz)
    for _ in range(_ATTEMPTS):
        if end_frame <= first_frame:
            return None
        try:
            return ring.cut_frames(first_frame, end_frame - first_frame)
        except Overwritten as error:
            first_frame = max(first_frame + 1, math.ceil(ring.frame_at(error.available_from_ns)[0]))
        except NotYet as error:
            if wait:
                raise
            if error.available_until_ns is None:
                return None
            end_frame = min(end_frame - 1, math.floor(ring.frame_at(error.available_until_ns)[0]))
    return None


def _from_pre_roll(track: OpenTrack, saved: SavedPreRoll | None) -> Sound:
    if saved is None:
        raise NoSound("the ring of that time is gone and no pre-roll was saved")
    head = saved.head
    drift_ppm = 0.0
    if head.frames >= head.rate_hz:
        drift_ppm = (head.frames * NS / (head.end_ns - head.start_ns) / head.rate_hz - 1) * 1e6
    end = round(head.press_frame + track.plan.after_s * head.rate_hz * (1 + drift_ppm / 1e6))
    frame = _Frame(head.window_frame, end, head.press_frame, head.align_error_ns, drift_ppm)
    piece = _Piece(head.first_frame, saved.samples, head.gaps)
    return _assemble(frame, [piece], (head.rate_hz, head.channels), head.capture, simulated=head.simulated)


def _assemble(
    frame: _Frame,
    pieces: Sequence[_Piece],
    form: tuple[int, int],
    capture: str,
    *,
    simulated: bool,
    tail: str = _ABSENT,
) -> Sound:
    rate_hz, channels = form
    total = max(0, frame.end - frame.first)
    samples = np.zeros((total, channels), np.int16)
    gaps: list[GapSpan] = []
    at = 0
    for piece in pieces:
        begin = max(piece.first_frame - frame.first, at)
        end = min(piece.end_frame - frame.first, total)
        if end <= begin:
            continue
        _add(gaps, at, begin, _OVERWRITTEN)
        offset = piece.first_frame - frame.first
        samples[begin:end] = piece.samples[begin - offset : end - offset]
        for gap in piece.gaps:
            first = offset + gap.offset_frames
            _add(gaps, max(first, begin), min(first + gap.frames, end), gap.reason)
        at = end
    _add(gaps, at, total, tail)
    if sum(gap.frames for gap in gaps) == total:
        raise NoSound(f"nothing of the window was captured: {describe(gaps, rate_hz)}")
    return Sound(
        samples=samples,
        rate_hz=rate_hz,
        press_offset=frame.press - frame.first,
        align_error_ns=frame.error_ns,
        drift_ppm=frame.drift_ppm,
        gaps=tuple(gaps),
        capture=capture,
        simulated=simulated,
    )


def describe(gaps: Sequence[GapSpan], rate_hz: int) -> str:
    """How much is missing for what, for people: 'absent 12.000 s, overrun 0.020 s'."""
    frames: dict[str, int] = {}
    for gap in gaps:
        frames[gap.reason] = frames.get(gap.reason, 0) + gap.frames
    return ", ".join(f"{reason} {count / rate_hz:.3f} s" for reason, count in frames.items()) or "it is empty"


def _add(gaps: list[GapSpan], first: int, end: int, reason: str) -> None:
    if end <= first:
        return
    last = gaps[-1] if gaps else None
    if last is not None and last.reason == reason and last.offset_frames + last.frames == first:
        gaps[-1] = GapSpan(offset_frames=last.offset_frames, frames=end - last.offset_frames, reason=reason)
    else:
        gaps.append(GapSpan(offset_frames=first, frames=end - first, reason=reason))


def _spans(cut: Cut) -> tuple[GapSpan, ...]:
    return tuple(
        GapSpan(offset_frames=gap.first_frame - cut.first_frame, frames=gap.frames, reason=gap.reason.value)
        for gap in cut.gaps
        if gap.frames > 0
    )


def _two_dimensional(samples: Samples) -> Samples:
    return samples.reshape(len(samples), -1)


def _format(ring: AudioRing) -> tuple[int, int]:
    return ring.format.rate_hz, ring.format.channels
