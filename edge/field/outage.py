"""How long the box may be without the bridge before it has to drop sound. Pure arithmetic.

    hours left = (free bytes - reserve) / (bytes per track x tracks per hour)

Both factors are those of the tracks of the last 24 hours (of the time since the first of them, where that is less, but
at least of one hour).
"""

from __future__ import annotations

from collections.abc import Sequence

OUTAGE_WANTED_H = 72.0
RECENT_H = 24.0
_SHORTEST_H = 1.0


def outage_hours(free_bytes: int, reserve_bytes: int, recent: Sequence[tuple[float, int]]) -> float | None:
    """Hours left; `recent` holds (hours ago, bytes) of each track of the last `RECENT_H`. None without any track."""
    if not recent:
        return None
    span_h = min(RECENT_H, max(_SHORTEST_H, *(ago_h for ago_h, _ in recent)))
    bytes_per_track = sum(size for _, size in recent) / len(recent)
    tracks_per_hour = len(recent) / span_h
    if bytes_per_track * tracks_per_hour == 0:
        return None
    return max(0, free_bytes - reserve_bytes) / (bytes_per_track * tracks_per_hour)


def readable_hours(hours: float | None) -> str:
    """For a person: hours, or days where there are many; '?' where nothing is known."""
    if hours is None:
        return "?"
    return f"{hours:.0f} h" if hours < 2 * OUTAGE_WANTED_H else f"{hours / 24:.0f} d"
