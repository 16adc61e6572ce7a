"""Who differs from the others: each group against the rest, with the false discoveries among them bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cloud_bridge.analytics.errors import FigureError, require_counts
from cloud_bridge.analytics.publishing import publishing_of
from cloud_bridge.analytics.share import Share, share
from edge.wire.smile_index import Publishing

FALSE_DISCOVERY_RATE = 0.05


class Verdict(StrEnum):
    """How a group's share stands to the rest's."""

    ABOVE = "above"
    BELOW = "below"
    AS_OTHERS = "as_others"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Ranked:
    """One group. `p` and `q` (adjusted) are None where it is too small, or has no others to be compared with.

    `rank` counts from 1, the highest share first; only groups that differ from the rest have one: the order of the
    others is chance.
    """

    name: str
    share: Share
    publishing: Publishing
    verdict: Verdict
    rank: int | None
    p: float | None
    q: float | None


def rank(groups: Mapping[str, tuple[int, int]], rate: float = FALSE_DISCOVERY_RATE) -> tuple[Ranked, ...]:
    """Rank groups by their share, `groups` = name → (count, n); highest share first, then by name.

    Of the groups of 50 or more each is tested against all other groups together (Fisher's exact test, two-sided); of
    those called different at most `rate` are so by chance, on average (Benjamini–Hochberg). A rank is the
    place among the tested groups. Raises `FigureError`.
    """
    names = list(groups)
    shown = dict(zip(names, publishing_of([n for _, n in groups.values()]), strict=True))
    count_all, n_all = (sum(one[part] for one in groups.values()) for part in (0, 1))
    tested = [name for name in names if shown[name] is Publishing.RANKED and groups[name][1] < n_all]
    p_of = {name: fisher(*groups[name], count_all - groups[name][0], n_all - groups[name][1]) for name in tested}
    q_of = dict(zip(tested, benjamini_hochberg([p_of[name] for name in tested]), strict=True))
    order = sorted(names, key=lambda name: (-_value(groups[name]), name))
    place = {name: number for number, name in enumerate((name for name in order if name in p_of), start=1)}
    found = []
    for name in order:
        verdict = _verdict(groups[name], (count_all, n_all), q_of.get(name), rate)
        ranked = place[name] if verdict in {Verdict.ABOVE, Verdict.BELOW} else None
        one = share(*groups[name])
        found.append(Ranked(name, one, shown[name], verdict, ranked, p_of.get(name), q_of.get(name)))
    return tuple(found)


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted values in the order of `p`: calling those ≤ r different keeps the false discovery rate at r.

    Y. Benjamini, Y. Hochberg, JRSS B 57 (1995) 289–300. Raises `FigureError` for a value outside 0 … 1.
    """
    values = np.asarray(p, dtype=float)
    if values.size and not ((values >= 0.0) & (values <= 1.0)).all():
        raise FigureError(f"p values {sorted(p)} are not all within 0 … 1")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * values.size / np.arange(1, values.size + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return tuple(float(value) for value in adjusted)


def fisher(count_a: int, n_a: int, count_b: int, n_b: int) -> float:
    """Fisher's exact test of two shares, two-sided: the chance of a table as unlikely as this one or less likely.

    Raises `FigureError` unless 0 ≤ count ≤ n on both sides.
    """
    require_counts(n_a, "n_a", count_a=count_a)
    require_counts(n_b, "n_b", count_b=count_b)
    drawn = count_a + count_b
    lowest, highest = max(0, drawn - n_b), min(drawn, n_a)
    x = np.arange(lowest, highest, dtype=float)
    steps = np.log((n_a - x) * (drawn - x)) - np.log((x + 1.0) * (n_b - drawn + x + 1.0))
    weight = np.concatenate(([0.0], np.cumsum(steps)))
    chance = np.exp(weight - weight.max())
    # Equal chances may differ by rounding.
    as_unlikely = chance <= chance[count_a - lowest] * (1.0 + 1e-7)
    return float(min(1.0, chance[as_unlikely].sum() / chance.sum()))


def _verdict(one: tuple[int, int], everything: tuple[int, int], q: float | None, rate: float) -> Verdict:
    if q is None:
        return Verdict.TOO_FEW
    if q > rate:
        return Verdict.AS_OTHERS
    return Verdict.ABOVE if _value(one) > _value(everything) else Verdict.BELOW


def _value(one: tuple[int, int]) -> float:
    count, n = one
    return count / n if n else 0.0
