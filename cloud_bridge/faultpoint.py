"""Named places where a test may kill the bridge: before and after each step that makes something durable or known.

In a real process `EARSHOT_FAULT="name[:nth]"` makes it SIGKILL itself when it comes to that place for the nth time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

FaultPoint = Callable[[str], None]
"""Called with a name from `NAMES`; does nothing outside tests."""

VARIABLE = "EARSHOT_FAULT"

NAMES: tuple[str, ...] = (
    "bridge.ingest.before_commit",
    "bridge.ingest.after_commit",
    "bridge.receipt.before_publish",
    "bridge.receipt.after_publish",
    "bridge.ack.after",
    "bridge.blob.before_put",
    "bridge.blob.before_fsync",
    "bridge.blob.after_put",
    "bridge.track.before_commit",
    "bridge.track.after_commit",
)
"""Every name, in the order in which a track comes past them."""


def no_fault(_name: str) -> None:
    """The fault point of every process that is not under test."""


def from_environment(environment: Mapping[str, str] = os.environ) -> FaultPoint:
    """The fault point that `EARSHOT_FAULT` asks for; `no_fault` where it is not set.

    Raises `ValueError` for a name that does not exist or a count below 1: such a run would prove nothing.
    """
    setting = environment.get(VARIABLE, "")
    if not setting:
        return no_fault
    name, _, count = setting.partition(":")
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}={setting!r}: the bridge has no such place; it knows {', '.join(NAMES)}")
    if count and not (count.isdecimal() and int(count) > 0):
        raise ValueError(f"{VARIABLE}={setting!r}: {count!r} is no count from 1 on")
    left = int(count or 1)

    def strike(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return strike
