"""The Smile-Index: the same few lines for the box and for the bridge, hence the same numbers. Pure, stdlib only.

A client smiled where the probability of a smile stays at or above θ for half a second within the window of the press,
30 seconds before it to 5 seconds after. Where a face is seen for less than 60 % of the window nothing is said of that
client: no face is no lack of a smile. The index is the percentage of those who smiled among those of whom it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

BEFORE_S = 30
AFTER_S = 5
SMILE_NS = 500_000_000
"""How long a smile lasts at least."""
HOLD_NS = 500_000_000
"""How long a frame speaks for the time after it, by default; a longer wait for the next interrupts what was seen."""
FACE_SHARE_MIN = 0.6
SHOWN_FROM = 10
RANKED_FROM = 50

_NS = 1_000_000_000
_Z = 1.959963984540054


class FaceState(StrEnum):
    """What a frame says: a face, nobody; or nothing, because the camera is lost, dark or covered."""

    FACE = "face"
    NO_FACE = "no_face"
    NO_DATA = "no_data"


class Sample(Protocol):
    """One frame's outcome: `face` numbers the person while in view, `probability` (0..1) is there for a face."""

    @property
    def mono_ns(self) -> int:
        """When the frame was taken."""

    @property
    def state(self) -> str:
        """One of `FaceState`."""

    @property
    def probability(self) -> float | None:
        """Of a smile."""

    @property
    def face(self) -> int | None:
        """Which person."""


class Figures(NamedTuple):
    """A Smile-Index: percent with its 95 % Wilson interval, None for n = 0. `n` counts clients with a verdict."""

    n: int
    smiled: int
    percent: float | None
    low_percent: float | None
    high_percent: float | None


class Publishing(StrEnum):
    """What may be shown of an index of n clients."""

    HIDDEN = "hidden"
    UNRANKED = "unranked"
    RANKED = "ranked"


def window(press_ns: int) -> tuple[int, int]:
    """First and last instant of the window of a press; the first may lie before the boot (negative)."""
    return press_ns - BEFORE_S * _NS, press_ns + AFTER_S * _NS


def face_share(samples: Iterable[Sample], press_ns: int, hold_ns: int = HOLD_NS) -> float:
    """The share of the window, 0..1, in which a face was seen."""
    start_ns, end_ns = window(press_ns)
    ordered = _ordered(samples)
    seen_ns = 0
    for n, sample in enumerate(ordered):
        if sample.state == FaceState.FACE:
            next_ns = ordered[n + 1].mono_ns if n + 1 < len(ordered) else end_ns
            until_ns = min(next_ns, sample.mono_ns + hold_ns, end_ns)
            seen_ns += max(0, until_ns - max(sample.mono_ns, start_ns))
    return seen_ns / (end_ns - start_ns)


def longest_smile_ns(samples: Iterable[Sample], press_ns: int, threshold: float, hold_ns: int = HOLD_NS) -> int:
    """How long, from frame to frame, one person smiled without a break within the window."""
    start_ns, end_ns = window(press_ns)
    longest_ns = 0
    began: Sample | None = None
    last: Sample | None = None
    for sample in _ordered(samples):
        if not start_ns <= sample.mono_ns <= end_ns:
            continue
        smiles = sample.state == FaceState.FACE and sample.probability is not None and sample.probability >= threshold
        if not smiles:
            began = last = None
            continue
        if last is None or began is None or sample.face != last.face or sample.mono_ns - last.mono_ns > hold_ns:
            began = sample
        last = sample
        longest_ns = max(longest_ns, sample.mono_ns - began.mono_ns)
    return longest_ns


def smiled(samples: Iterable[Sample], press_ns: int, threshold: float, hold_ns: int = HOLD_NS) -> bool | None:
    """Whether the client of the press smiled; None where a face was seen for too little of the window."""
    known = tuple(samples)
    if face_share(known, press_ns, hold_ns) < FACE_SHARE_MIN:
        return None
    return longest_smile_ns(known, press_ns, threshold, hold_ns) >= SMILE_NS


def smile_index(outcomes: Iterable[bool | None]) -> Figures:
    """The index of many clients; those without a verdict (None) do not count."""
    known = [outcome for outcome in outcomes if outcome is not None]
    return index_of(sum(known), len(known))


def index_of(smiles: int, n: int) -> Figures:
    """The index of `smiles` among `n` clients. Raises ValueError unless 0 ≤ smiles ≤ n."""
    if n == 0 and smiles == 0:
        return Figures(0, 0, None, None, None)
    low, high = wilson(smiles, n)
    return Figures(n, smiles, 100 * smiles / n, 100 * low, 100 * high)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), within 0..1. Raises ValueError unless 0 ≤ successes ≤ n > 0."""
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is no share: give 0 <= successes <= n and n > 0")
    share = successes / n
    z2 = _Z * _Z / n
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / n + z2 / n / 4) / (1 + z2)
    # At the ends the formula gives the ends themselves, but for rounding.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high


def publishing(n: int) -> Publishing:
    """What may be shown of an index of `n` clients: nothing, the figures, or a place in a ranking as well."""
    if n < SHOWN_FROM:
        return Publishing.HIDDEN
    return Publishing.RANKED if n >= RANKED_FROM else Publishing.UNRANKED


def seconds_before(samples: Iterable[Sample], press_ns: int) -> list[tuple[int, FaceState, float | None]]:
    """The strip: (offset_s, state, probability) for each of the 30 seconds before the press, oldest first.

    `offset_s` −30 to −1 is where the second begins. The probability is the mean of the frames with a face in it; a
    second with any such frame has the state `face`, one without any frame `no_data`.
    """
    seconds: dict[int, list[Sample]] = {}
    for sample in _ordered(samples):
        seconds.setdefault((sample.mono_ns - press_ns) // _NS, []).append(sample)
    return [(offset_s, *_summary(seconds.get(offset_s, ()))) for offset_s in range(-BEFORE_S, 0)]


def _summary(samples: Sequence[Sample]) -> tuple[FaceState, float | None]:
    found = [s.probability for s in samples if s.state == FaceState.FACE and s.probability is not None]
    if found:
        return FaceState.FACE, round(math.fsum(found) / len(found), 4)
    if any(sample.state == FaceState.NO_FACE for sample in samples):
        return FaceState.NO_FACE, None
    return FaceState.NO_DATA, None


def _ordered(samples: Iterable[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: sample.mono_ns)
