"""Times as programs give and get them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

from litestar.exceptions import ValidationException

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = 2**63 - 1


def iso_time(wall_ns: int | None) -> datetime | None:
    """UTC time of Unix nanoseconds; None outside the calendar."""
    if wall_ns is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=wall_ns // 1000)
    except OverflowError:
        return None


@overload
def unix_ns(moment: datetime) -> int: ...
@overload
def unix_ns(moment: None) -> None: ...
def unix_ns(moment: datetime | None) -> int | None:
    """Unix nanoseconds of a time, as far as 64 bits hold them; raises `ValidationException` for one without offset."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValidationException(f"time {moment.isoformat()} has no offset; write Z at its end for UTC")
    try:
        since = moment - _EPOCH
    except OverflowError as error:
        raise ValidationException(f"time {moment.isoformat()} lies outside the calendar") from error
    return max(-_LAST_NS, min(since // timedelta(microseconds=1) * 1000, _LAST_NS))
