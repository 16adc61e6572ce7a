"""Named points at which a test kills the box, to prove that every step of its durability can be the last one.

A fault point is called with its name before and after each fsync, rename, commit, publish and receipt. In a real
process `EARSHOT_FAULT="name"` or `"name:nth"` makes the process end itself by SIGKILL at the nth passing (from 1).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence

FaultPoint = Callable[[str], None]
"""Called with a name from `NAMES`; does nothing outside tests."""

VARIABLE = "EARSHOT_FAULT"

_FILES = tuple(
    f"{what}.{step}"
    for what in ("pre_roll", "manifest", "track", "journal")
    for step in ("before_fsync", "after_fsync", "after_rename", "after_folder_fsync")
)
_APPEND = ("journal.before_append_fsync", "journal.after_append_fsync")
_TRANSACTIONS = tuple(
    f"outbox.{what}.{step}"
    for what in ("press", "event", "shift", "track", "finish", "lose", "receipt", "room", "note")
    for step in ("before_commit", "after_commit")
)
_UNLINKS = ("outbox.before_unlink", "outbox.after_unlink")
_UPLINK = ("uplink.before_publish", "uplink.after_publish", "uplink.before_receipt", "uplink.after_receipt")

NAMES: tuple[str, ...] = _FILES + _APPEND + _TRANSACTIONS + _UNLINKS + _UPLINK
"""Every name, in the order of the code; the torture runner goes through them."""


def no_fault(name: str) -> None:
    """The fault point of every process that is not under test."""


def from_environment(environ: Mapping[str, str] = os.environ, names: Sequence[str] = NAMES) -> FaultPoint:
    """The fault point that `EARSHOT_FAULT` asks for, `no_fault` where it is not set; `names` are those of the process.

    Raises `ValueError` for an unknown name or a count below 1: a torture run that kills nothing proves nothing.
    """
    setting = environ.get(VARIABLE, "")
    if not setting:
        return no_fault
    name, _, count = setting.partition(":")
    if name not in names:
        raise ValueError(f"{VARIABLE}={setting!r}: {name!r} is no fault point of this command: {', '.join(names)}")
    if count and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise ValueError(f"{VARIABLE}={setting!r}: {count!r} is no count; write '{name}:1' for the first passing")
    return _Killer(name, int(count or 1))


class _Killer:
    def __init__(self, name: str, nth: int) -> None:
        self._name = name
        self._left = nth

    def __call__(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
