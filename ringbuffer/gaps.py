"""Named gaps: the frames of a stream that were never captured, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GapReason(StrEnum):
    """Why frames are missing. The first seven are the drivers' words, the others this package's and the ear's."""

    OVERRUN = "overrun"
    SHORT_READ = "short_read"
    SUSPEND = "suspend"
    DISCONNECT = "disconnect"
    ABSENT = "absent"
    STALLED = "stalled"
    RESTART = "restart"
    CLOCK = "clock"
    TORN = "torn"


# In the file a reason is its number. Append only: the numbers are part of the format.
REASON_CODES: dict[GapReason, int] = {reason: code for code, reason in enumerate(GapReason, start=1)}
REASONS_BY_CODE: dict[int, GapReason] = {code: reason for reason, code in REASON_CODES.items()}


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames `first_frame` .. `first_frame + frames` were not captured between `start_ns` and `end_ns`, for `reason`.

    `frames` is estimated from the two instants; 0 means that the stream started anew without a measurable loss.
    """

    first_frame: int
    frames: int
    reason: GapReason
    start_ns: int
    end_ns: int
