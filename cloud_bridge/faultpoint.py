"""Named places where a test may kill the bridge: before and after each step that makes something durable or known.

In a real process `EARSHOT_FAULT="name[:nth]"` makes it SIGKILL itself when it comes to that place for the nth time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

FaultPoint = Callable[[str], None]

NAMES = (
    "ingest.before_commit",
    "ingest.after_commit",
    "assemble.before_blob",
    "assemble.before_commit",
    "assemble.after_commit",
    "blob.before_put",
    "blob.before_fsync",
    "blob.after_put",
    "receipt.before_publish",
    "receipt.after_publish",
    "ack.after",
)
"""Every place, in the order in which a track comes past them."""


def no_fault(_name: str) -> None:
    """Nothing happens at any place."""


def from_environment(environment: Mapping[str, str] = os.environ) -> FaultPoint:
    """The fault point that `EARSHOT_FAULT` asks for; raises `ValueError` for a name that does not exist.

    A name of the box's processes (they share the variable in a demo) is not ours: nothing happens.
    """
    wanted, _, count = environment.get("EARSHOT_FAULT", "").partition(":")
    if not wanted.startswith("bridge."):
        return no_fault
    wanted = wanted.removeprefix("bridge.")
    if wanted not in NAMES:
        raise ValueError(f"EARSHOT_FAULT names {wanted!r}; known: {', '.join(NAMES)}")
    left = int(count or 1)

    def strike(name: str) -> None:
        nonlocal left
        if name != wanted:
            return
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return strike
