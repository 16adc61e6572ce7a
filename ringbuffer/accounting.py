"""Sample accounting: whether the frames that were counted explain the time that passed.

Over a stream `captured + lost = elapsed x rate` has to hold; between known gaps, `counted = elapsed x rate`. A driver
or a card that loses a period without a word breaks it: time goes on, the count does not. Such a loss is told from drift
because drift is smooth and a loss is a step: the rate is what most slopes over parts of the stretch agree on (a step
spoils a minority of them), and between neighbouring floor stamps what exceeds the stamps' own uncertainty is
unexplained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ringbuffer.stream_fit import MAX_DRIFT_PPM, PUNCTUAL_RUN, SLOPE_SHARE, Floats, Stamps, robust_slope


@dataclass(frozen=True, slots=True)
class Account:
    """`counted_frames` in `elapsed_ns` at the measured `rate_hz`; positive `unexplained_frames` vanished silently.

    `resolution_frames` is the smallest single loss that these stamps can show.
    """

    counted_frames: int
    elapsed_ns: int
    rate_hz: float
    drift_ppm: float
    unexplained_frames: int
    resolution_frames: float

    @property
    def is_explained(self) -> bool:
        """Whether nothing but drift and jitter is seen."""
        return self.unexplained_frames == 0


def account(stretches: Sequence[Stamps], nominal_hz: float) -> Account:
    """The account of `stretches`, each without a known gap inside (between them losses are known, hence explained)."""
    floors = [floor for floor in (_floors(stamps, nominal_hz) for stamps in stretches) if len(floor.frames) > 1]
    period_ns, doubt = _period(floors, nominal_hz)
    step_ns, resolution_ns = 0.0, period_ns
    for floor in floors:
        frames = np.diff(floor.frames)
        excess = np.diff(floor.mono_ns) - frames * period_ns
        uncertain = (floor.uncertainty_ns[1:] + floor.uncertainty_ns[:-1]).astype(np.float64)
        tolerance = uncertain + frames * period_ns * doubt + period_ns
        step_ns += float(excess[np.abs(excess) > tolerance].sum())
        resolution_ns = max(resolution_ns, float(tolerance.max()))
    return Account(
        counted_frames=sum(int(floor.frames[-1] - floor.frames[0]) for floor in floors),
        elapsed_ns=sum(int(floor.mono_ns[-1] - floor.mono_ns[0]) for floor in floors),
        rate_hz=1e9 / period_ns,
        drift_ppm=(1e9 / period_ns / nominal_hz - 1) * 1e6,
        unexplained_frames=round(step_ns / period_ns),
        resolution_frames=resolution_ns / period_ns,
    )


def _floors(stamps: Stamps, nominal_hz: float) -> Stamps:
    """The least late stamp of each run of `PUNCTUAL_RUN` (an incomplete last run proves nothing and is left out)."""
    runs = len(stamps.frames) // PUNCTUAL_RUN
    used = runs * PUNCTUAL_RUN
    relative = stamps.mono_ns[:used] - stamps.frames[:used] * (1e9 / nominal_hz)
    chosen = relative.reshape(runs, PUNCTUAL_RUN).argmin(axis=1) + np.arange(runs) * PUNCTUAL_RUN
    return Stamps(stamps.first_frame, stamps.frames[chosen], stamps.mono_ns[chosen], stamps.uncertainty_ns[chosen])


def _period(floors: Sequence[Stamps], nominal_hz: float) -> tuple[float, float]:
    """The ns that a frame takes, and how far off that may be (a ratio)."""
    nominal_ns = 1e9 / nominal_hz
    limit = MAX_DRIFT_PPM * 1e-6
    slopes: list[Floats] = []
    tolerance = 0.0
    for floor in floors:
        lag = max(1, len(floor.frames) // SLOPE_SHARE)
        rise = (floor.mono_ns[lag:] - floor.mono_ns[:-lag]).astype(np.float64)
        run = floor.frames[lag:] - floor.frames[:-lag]
        slopes.append(rise / run)
        tolerance = max(tolerance, 2 * float(np.median(floor.uncertainty_ns)) / float(np.median(run)))
    pooled = np.concatenate(slopes) if slopes else np.empty(0)
    if pooled.size < 4:
        return nominal_ns, limit
    slope, spread = robust_slope(pooled, tolerance)
    period_ns = min(max(slope, nominal_ns * (1 - limit)), nominal_ns * (1 + limit))
    # Overlapping slopes are not independent: the spread is taken as it is, not divided by their number.
    return period_ns, min(spread / period_ns, 2 * limit)
