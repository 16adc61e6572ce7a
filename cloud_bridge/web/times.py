"""Times as programs get them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def iso_time(wall_ns: int | None) -> datetime | None:
    """UTC time of Unix nanoseconds; None outside the calendar."""
    if wall_ns is None:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)
    except OverflowError:
        return None
