"""The Emotional Loyalty Index (ИЭЛ): on the customers who were served, not only on those who voted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cloud_bridge.analytics.errors import FigureError, require_counts
from cloud_bridge.analytics.net_share import NetShare, net_share
from cloud_bridge.analytics.normal import CONFIDENCE
from cloud_bridge.analytics.share import Share, share


class NoIndex(StrEnum):
    """Why a counter's period has no index."""

    NOBODY_SERVED = "nobody_served"
    MORE_VOTERS_THAN_SERVED = "more_voters_than_served"


@dataclass(frozen=True, slots=True)
class LoyaltyIndex:
    """One counter and period. `index.points` = `turnout.share` · `voters.points`: both factors stand beside it.

    `served` are receipts or visits, each once, net of voids; `voters` those of them who pressed, by their last press.
    `index` and `turnout` are None where `no_index` says why. MORE_VOTERS_THAN_SERVED is an alarm about the
    data: receipts are missing, or presses are not one a customer.
    """

    served: int
    index: NetShare | None
    turnout: Share | None
    voters: NetShare
    red: Share | None
    no_index: NoIndex | None = None

    @property
    def is_data_alarm(self) -> bool:
        """Whether the counts contradict each other, so that somebody has to look at the data."""
        return self.no_index is NoIndex.MORE_VOTERS_THAN_SERVED


def loyalty_index(
    positive: int, negative: int, voters: int, served: int, confidence: float = CONFIDENCE
) -> LoyaltyIndex:
    """ИЭЛ = 100 (P − D) / N = (V / N) · 100 (P − D) / V; neutral voters and the silent count as 0.

    `positive` (P) and `negative` (D) are customers by their last press in the visit, `voters` (V) all who pressed,
    `served` (N) all who were there. `red` is D / N. Raises `FigureError` where P + D > V or a count is negative.
    """
    require_counts(voters, "voters", positive=positive, negative=negative)
    if served < 0:
        raise FigureError(f"served is {served}; voids exceed receipts, so receipts are missing")
    among_voters = net_share(positive, negative, voters, confidence)
    if voters > served:
        reason = NoIndex.MORE_VOTERS_THAN_SERVED
        return LoyaltyIndex(served, None, None, among_voters, None, reason)
    if served == 0:
        return LoyaltyIndex(served, None, None, among_voters, None, NoIndex.NOBODY_SERVED)
    return LoyaltyIndex(
        served,
        net_share(positive, negative, served, confidence),
        share(voters, served, confidence),
        among_voters,
        share(negative, served, confidence),
    )
