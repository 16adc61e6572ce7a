"""The machine's wall clock: stepped as a broken battery does, and declared right as a time server does."""

from __future__ import annotations

import ctypes
import time
from typing import Self

from edge.clock import _Timex as Timex

_ADJ_STATUS = 0x0010
_ADJ_MAXERROR = 0x0004
_STA_UNSYNC = 0x0040


def step(seconds: float) -> None:
    """Set the clock by so much; the kernel then takes it for unsynchronised."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + round(seconds * 1e9))


def set_synced(*, synced: bool) -> None:
    """Tell the kernel whether the clock is disciplined, as chrony and timesyncd do."""
    timex = Timex()
    timex.modes = _ADJ_STATUS | _ADJ_MAXERROR
    timex.status = 0 if synced else _STA_UNSYNC
    timex.maxerror = 1000
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


class WallClock:
    """Remembers the true time at its beginning and puts the clock right again at its end."""

    def __enter__(self) -> Self:
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        return self

    def __exit__(self, *_: object) -> None:
        self.set_right()

    def true_ns(self, mono_ns: int) -> int:
        """The true wall time of an instant."""
        return self._offset_ns + mono_ns

    def set_right(self) -> None:
        """As a time server does."""
        time.clock_settime_ns(time.CLOCK_REALTIME, self.true_ns(time.monotonic_ns()))
