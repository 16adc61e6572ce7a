"""The box's clocks: monotonic for all order and durations, wall time for people, and how sure the wall time is."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Protocol

from edge.wire import Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# <linux/timex.h>: the kernel's clock is not disciplined by anybody.
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_ATTEMPTS = 5
_GOOD_BRACKET_NS = 50_000


class Clock(Protocol):
    """Time, passed in. `boot_id` (32 hex digits) names the run of the monotonic clock."""

    boot_id: str

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds."""

    def wall_ns(self) -> int:
        """Unix time in nanoseconds; may step."""

    def synced(self) -> tuple[bool, float]:
        """Whether something disciplines the wall clock, and the bound of its error in milliseconds then."""


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


class SystemClock:
    """The machine's own clocks. Raises `OSError` at construction where the kernel's clock state can't be read."""

    def __init__(self) -> None:
        self.boot_id = boot_id()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.synced()

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Unix time in nanoseconds; may step."""
        return time.time_ns()

    def synced(self) -> tuple[bool, float]:
        """The kernel's word: not STA_UNSYNC, and its `maxerror` in milliseconds."""
        timex = _Timex()
        state = self._libc.adjtimex(ctypes.byref(timex))
        if state < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"adjtimex can't be read: {os.strerror(code)}")
        return state != _TIME_ERROR and not timex.status & _STA_UNSYNC, timex.maxerror / 1000


def boot_id(path: Path = _BOOT_ID) -> str:
    """The kernel's boot identity as 32 hex digits."""
    return path.read_text("ascii").strip().replace("-", "")


def stamp(clock: Clock, mono_ns: int) -> Stamp:
    """The instant `mono_ns` of this boot with the wall time as the box knows it now."""
    wall_ns, bracket_ns = _wall_at(clock, mono_ns)
    synced, error_ms = clock.synced()
    return Stamp(
        boot_id=clock.boot_id,
        mono_ns=mono_ns,
        wall_ns=wall_ns,
        synced=synced,
        uncertainty_ms=error_ms + bracket_ns / 1e6,
    )


def _wall_at(clock: Clock, mono_ns: int) -> tuple[int, int]:
    # The wall clock is read between two readings of the monotonic one; a preemption in between widens the bracket, so
    # the narrowest of a few counts.
    best_ns, wall_ns = -1, 0
    for _ in range(_ATTEMPTS):
        before = clock.mono_ns()
        wall = clock.wall_ns()
        after = clock.mono_ns()
        if best_ns < 0 or after - before < best_ns:
            best_ns = after - before
            wall_ns = wall + mono_ns - (before + after) // 2
        if best_ns <= _GOOD_BRACKET_NS:
            break
    return wall_ns, best_ns
