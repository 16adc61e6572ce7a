"""Frame <-> monotonic time over a stream with gaps.

Frame numbers are the card's time including what was lost: a gap takes as many numbers as frames are estimated to be
missing, so nothing that was recorded before is ever renumbered. Each uninterrupted stretch is fitted by itself
(`stream_fit`, where the error bound is derived); in a gap the map is the straight line between its neighbours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ringbuffer.gaps import Gap
from ringbuffer.stream_fit import Stamps, StreamFit


@dataclass(frozen=True, slots=True)
class _Span:
    first_frame: int
    end_frame: int
    start_ns: float
    end_ns: float
    fit: StreamFit | None


class Timeline:
    """The map of a piece of the stream, made of its stretches and gaps (in any order, at least one of either)."""

    def __init__(self, stretches: Sequence[Stamps], gaps: Sequence[Gap], nominal_hz: float) -> None:
        self.nominal_hz = nominal_hz
        fits = [StreamFit(stamps, nominal_hz) for stamps in stretches]
        longest = max(fits, key=lambda fit: fit.end_frame - fit.first_frame, default=None)
        self._period_ns = 1e9 / nominal_hz if longest is None else longest.period_ns
        self._spans = _ordered(fits, gaps)
        if not self._spans:
            raise ValueError("a timeline needs at least one stamp or gap")
        self._first_frames = [span.first_frame for span in self._spans]
        # A late first stamp may let a stretch seem to begin before its predecessor ends; the later one then counts.
        self._starts_ns = list(accumulate((span.start_ns for span in self._spans), max))

    @property
    def rate_hz(self) -> float:
        """The card's rate, measured on the longest stretch against the monotonic clock."""
        return 1e9 / self._period_ns

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the card runs."""
        return (self.rate_hz / self.nominal_hz - 1) * 1e6

    @property
    def first_frame(self) -> int:
        """The first frame that is mapped, not extrapolated."""
        return self._spans[0].first_frame

    @property
    def end_frame(self) -> int:
        """The frame after the last one that is mapped."""
        return self._spans[-1].end_frame

    def frame_at(self, mono_ns: float) -> float:
        """The frame that was (or would have been) captured at `mono_ns`."""
        at = bisect_right(self._starts_ns, mono_ns) - 1
        span = self._spans[max(at, 0)]
        following = self._spans[at + 1] if 0 <= at < len(self._spans) - 1 else None
        if following is not None and mono_ns > span.end_ns:
            share = (mono_ns - span.end_ns) / (following.start_ns - span.end_ns)
            return span.end_frame + share * (following.first_frame - span.end_frame)
        if span.fit is not None:
            return span.fit.frame_at(mono_ns)
        if at < 0:
            return span.first_frame + (mono_ns - span.start_ns) / self._period_ns
        if mono_ns >= span.end_ns:
            return span.end_frame + (mono_ns - span.end_ns) / self._period_ns
        share = (mono_ns - span.start_ns) / (span.end_ns - span.start_ns)
        return span.first_frame + share * (span.end_frame - span.first_frame)

    def mono_at(self, frame: float) -> float:
        """When `frame` was (or would have been) captured, ns of CLOCK_MONOTONIC."""
        at = bisect_right(self._first_frames, frame) - 1
        span = self._spans[max(at, 0)]
        following = self._spans[at + 1] if 0 <= at < len(self._spans) - 1 else None
        if following is not None and frame > span.end_frame:
            share = (frame - span.end_frame) / (following.first_frame - span.end_frame)
            return span.end_ns + share * (following.start_ns - span.end_ns)
        if span.fit is not None:
            return span.fit.mono_at(frame)
        if at < 0:
            return span.start_ns + (frame - span.first_frame) * self._period_ns
        if frame >= span.end_frame:
            return span.end_ns + (frame - span.end_frame) * self._period_ns
        share = (frame - span.first_frame) / (span.end_frame - span.first_frame)
        return span.start_ns + share * (span.end_ns - span.start_ns)

    def error_ns(self, frame: float) -> float:
        """A bound on |true capture instant of `frame` - `mono_at(frame)`|.

        In a gap that of the neighbouring sound and one frame more: a gap is numbered in whole frames, so the straight
        line through it may be a frame off the card's own count.
        """
        at = max(bisect_right(self._first_frames, frame) - 1, 0)
        fit = self._spans[at].fit
        if fit is not None and (frame <= fit.end_frame or at == len(self._spans) - 1):
            return fit.error_ns(frame)
        before = next((span.fit for span in reversed(self._spans[: at + 1]) if span.fit is not None), None)
        after = next((span.fit for span in self._spans[at + 1 :] if span.fit is not None), None)
        errors = [] if before is None else [before.error_ns(before.end_frame)]
        errors += [] if after is None else [after.error_ns(after.first_frame)]
        return max(errors) + self._period_ns if errors else 0.0

    def max_error_ns(self, first_frame: float, end_frame: float) -> float:
        """The greatest `error_ns` of the captured frames from `first_frame` to `end_frame`."""
        errors = [
            span.fit.max_error_ns(max(first_frame, span.first_frame), min(end_frame, span.end_frame))
            for span in self._spans
            if span.fit is not None and span.end_frame > first_frame and span.first_frame < end_frame
        ]
        return max(errors, default=max(self.error_ns(first_frame), self.error_ns(end_frame)))


def _ordered(fits: Sequence[StreamFit], gaps: Sequence[Gap]) -> list[_Span]:
    """Stretches and gaps by frame; the ends of a gap are those of its neighbours where it has any."""
    parts: list[StreamFit | Gap] = [*fits, *(gap for gap in gaps if gap.frames > 0)]
    # A gap of no frames still says which frame is next when, if nothing else does.
    parts = parts or list(gaps[-1:])
    parts.sort(key=lambda part: part.first_frame)
    spans: list[_Span] = []
    for i, part in enumerate(parts):
        if isinstance(part, StreamFit):
            start, end = part.mono_at(part.first_frame), part.mono_at(part.end_frame)
            spans.append(_Span(part.first_frame, part.end_frame, start, end, part))
            continue
        end_frame = part.first_frame + part.frames
        start = spans[-1].end_ns if spans and spans[-1].end_frame == part.first_frame else float(part.start_ns)
        following = parts[i + 1] if i + 1 < len(parts) else None
        touches = isinstance(following, StreamFit) and following.first_frame == end_frame
        end = following.mono_at(end_frame) if touches and isinstance(following, StreamFit) else float(part.end_ns)
        # Not shorter than a nanosecond, so that both directions of the map stay defined.
        spans.append(_Span(part.first_frame, end_frame, start, max(end, start + 1), None))
    return spans
