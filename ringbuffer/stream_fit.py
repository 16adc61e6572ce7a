"""One uninterrupted stretch of a card's frames, fitted to monotonic time, with a bound that holds.

What is known. Frame F of the stretch was captured at T(F); the card's period b = dT/dF lies in [b_lo, b_hi], the
nominal period -/+ `MAX_DRIFT_PPM`. A stamp (F_i, s_i, u_i) says when F_i was captured. It is never early beyond its
uncertainty, T(F_i) <= s_i + u_i, but it can be late without limit (interrupts and scheduling delay it), except that

    of any `PUNCTUAL_RUN` consecutive stamps at least one is punctual: T(F_i) >= s_i - u_i.

Frames that vanish silently make T jump upwards, never downwards. Hence, also across such a jump, for any frame F:

    upper: T(F) <= min over stamps i at or after F of  s_i + u_i - (F_i - F) b_lo
    lower: T(F) >= max over runs R of PUNCTUAL_RUN stamps before F of  min over i in R of  s_i - u_i + (F - F_i) b_lo

since between F and a later F_i at least (F_i - F) b_lo passes, and since the punctual stamp of R, whichever it is,
gives at least the minimum. Both need only y_i = s_i - b_lo F_i: a suffix minimum of y_i + u_i, and a prefix maximum of
a sliding minimum of y_i - u_i. Before the first run is complete the lower bound uses that run itself, with b_hi for its
later stamps. Beyond the last stamp the upper bound goes on with b_hi. These two hold unless frames vanished right
there. A stretch of fewer than PUNCTUAL_RUN stamps with a non-zero uncertainty proves no punctual stamp; its claim is
widened by `UNPROVEN_LATENESS_NS`.

The estimate is one line through the middle of the two bounds (slope: `robust_slope`, which outliers and a jump do not
tilt; offset: median), clipped into them. Both
bounds rise at least with b_lo, so the clipped line rises too and can be inverted. The claimed error is the distance
from the estimate to the farther bound.

The lower envelope as the way to read late-only stamps: Moon, Skelly, Towsley, "Estimation and Removal of Clock Skew
from Network Delay Measurements", INFOCOM 1999; bounded-error estimation: Milanese, Vicino, Automatica 27 (1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Cards are specified to 200 ppm at worst; the rest is for temperature.
MAX_DRIFT_PPM = 250.0
PUNCTUAL_RUN = 16
UNPROVEN_LATENESS_NS = 20_000_000
# Slopes are taken over this fraction of a stretch: long, so that jitter hardly counts, yet a jump spoils only a few.
SLOPE_SHARE = 8

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamps of one stretch: frame `frames[i]` (the one after a block) was captured at `mono_ns[i]`.

    Arrays of one length >= 1, frames strictly rising and greater than `first_frame`, the first frame of the stretch.
    An uncertainty of 0 declares that the stamp is exact by construction, hence never late.
    """

    first_frame: int
    frames: Ints
    mono_ns: Ints
    uncertainty_ns: Ints


def robust_slope(slopes: Floats, tolerance: float) -> tuple[float, float]:
    """The slope that most of `slopes` (at least one) agree on, and their spread.

    The median of slopes over equal distances (Theil and Sen), then, since coarse stamps make few different slopes, the
    mean of those that are within the spread (3 sigma from the median absolute deviation) plus `tolerance` of it.
    """
    median = float(np.median(slopes))
    spread = 3 * 1.4826 * float(np.median(np.abs(slopes - median)))
    return float(slopes[np.abs(slopes - median) <= spread + tolerance].mean()), spread


class StreamFit:
    """The fit of one stretch. Frames and instants outside of it are extrapolated."""

    def __init__(self, stamps: Stamps, nominal_hz: float) -> None:
        self.first_frame = stamps.first_frame
        self.end_frame = int(stamps.frames[-1])
        self._base_ns = int(stamps.mono_ns[0])
        nominal_ns = 1e9 / nominal_hz
        self._b_lo = nominal_ns * (1 - MAX_DRIFT_PPM * 1e-6)
        self._b_hi = nominal_ns * (1 + MAX_DRIFT_PPM * 1e-6)
        # Relative to the start of the stretch, so that a float holds them to the nanosecond.
        self._f: Floats = (stamps.frames - stamps.first_frame).astype(np.float64)
        s = (stamps.mono_ns - self._base_ns).astype(np.float64)
        u = stamps.uncertainty_ns.astype(np.float64)
        self._set_bounds(s, u)
        self.period_ns, offset = self._line(u)
        self._knots_f = np.concatenate(([0.0], self._f))
        knots_lower = np.concatenate(([self._lower(0.0)], self._lower_at_stamps()))
        knots_upper = np.concatenate(([self._upper(0.0)], self._suffix + self._b_lo * self._f))
        line = offset + self.period_ns * self._knots_f
        self._knots_t: Floats = np.clip(line, np.fmin(knots_lower, knots_upper), np.fmax(knots_lower, knots_upper))
        proven = len(s) >= PUNCTUAL_RUN or not u.any()
        self._unproven_ns = 0.0 if proven else float(UNPROVEN_LATENESS_NS)

    def mono_at(self, frame: float) -> float:
        """When `frame` was captured, ns after `base_ns`'s epoch (CLOCK_MONOTONIC)."""
        return self._base_ns + self._estimate(frame - self.first_frame)

    def frame_at(self, mono_ns: float) -> float:
        """The frame that was captured at `mono_ns`."""
        t = mono_ns - self._base_ns
        if t <= self._knots_t[0]:
            return self.first_frame + (t - float(self._knots_t[0])) / self.period_ns
        if t >= self._knots_t[-1]:
            return self.end_frame + (t - float(self._knots_t[-1])) / self.period_ns
        return self.first_frame + float(np.interp(t, self._knots_t, self._knots_f))

    def error_ns(self, frame: float) -> float:
        """A bound on |true instant - `mono_at(frame)`|."""
        f = frame - self.first_frame
        estimate = self._estimate(f)
        late, early = self._upper(f) - estimate, estimate - self._lower(f) + self._unproven_ns
        return max(abs(late), abs(early))

    def max_error_ns(self, first_frame: float, end_frame: float) -> float:
        """The greatest `error_ns` of the frames from `first_frame` to `end_frame`."""
        first, end = first_frame - self.first_frame, end_frame - self.first_frame
        worst = max(self.error_ns(first_frame), self.error_ns(end_frame))
        # Between stamps everything is straight, so the extremes are at the stamps, on either side of each.
        inside = np.flatnonzero((self._f >= first) & (self._f <= end))
        if inside.size == 0:
            return worst
        base = self._b_lo * self._f[inside]
        t = self._knots_t[1:][inside]
        upper_after = np.append(self._suffix[1:], self._suffix[-1])[inside] + base
        lower = self._lower_at_stamps()
        lower_before = np.concatenate(([self._lower(float(self._f[0]))], lower[:-1] + self._b_lo * np.diff(self._f)))
        early = t - np.fmin(lower_before[inside], lower[inside]) + self._unproven_ns
        return max(worst, float(np.abs(upper_after - t).max()), float(np.abs(early).max()))

    def _set_bounds(self, s: Floats, u: Floats) -> None:
        y = s - self._b_lo * self._f
        self._suffix: Floats = np.minimum.accumulate((y + u)[::-1])[::-1]
        run = 1 if not u.any() else min(PUNCTUAL_RUN, len(y))
        low = y - u
        runs = np.lib.stride_tricks.sliding_window_view(low, run).min(axis=1)
        # _prefix[k]: the lower bound that the runs ending at or before stamp run - 1 + k give.
        self._prefix: Floats = np.maximum.accumulate(runs)
        self._run = run
        self._head_s_less_u: Floats = (s - u)[:run]

    def _lower(self, f: float) -> float:
        complete = int(np.searchsorted(self._f, f, side="right")) - self._run
        if complete >= 0:
            return float(self._prefix[complete]) + self._b_lo * f
        away = f - self._f[: self._run]
        return float((self._head_s_less_u + away * np.where(away >= 0, self._b_lo, self._b_hi)).min())

    def _lower_at_stamps(self) -> Floats:
        head = [self._lower(float(f)) for f in self._f[: self._run - 1]]
        return np.concatenate((head, self._prefix + self._b_lo * self._f[self._run - 1 :]))

    def _upper(self, f: float) -> float:
        at = int(np.searchsorted(self._f, f, side="left"))
        if at < len(self._f):
            return float(self._suffix[at]) + self._b_lo * f
        last = float(self._f[-1])
        return float(self._suffix[-1]) + self._b_lo * last + self._b_hi * (f - last)

    def _line(self, u: Floats) -> tuple[float, float]:
        middle = (self._lower_at_stamps() + self._suffix + self._b_lo * self._f) / 2
        slope = (self._b_lo + self._b_hi) / 2
        lag = len(middle) // SLOPE_SHARE
        if lag:
            rise, run = middle[lag:] - middle[:-lag], self._f[lag:] - self._f[:-lag]
            slope, _ = robust_slope(rise / run, 2 * float(np.median(u)) / float(np.median(run)))
            slope = min(max(slope, self._b_lo), self._b_hi)
        return slope, float(np.median(middle - slope * self._f))

    def _estimate(self, f: float) -> float:
        if f < 0:
            return float(self._knots_t[0]) + f * self.period_ns
        if f > self._knots_f[-1]:
            return float(self._knots_t[-1]) + (f - float(self._knots_f[-1])) * self.period_ns
        return float(np.interp(f, self._knots_f, self._knots_t))
