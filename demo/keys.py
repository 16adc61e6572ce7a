"""Single keys from the terminal, without waiting for Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager


class Keys:
    """The terminal's keys; `there` is False where standard input is no terminal, then no key ever comes."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @property
    def there(self) -> bool:
        """Whether keys can come."""
        return self._descriptor is not None

    def read(self, timeout_s: float) -> str:
        """The keys typed since the last call; waits for the first of them at most `timeout_s`."""
        if self._descriptor is None:
            time.sleep(timeout_s)
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        return os.read(self._descriptor, 64).decode("utf-8", "ignore") if ready else ""


@contextmanager
def pressed_keys() -> Iterator[Keys]:
    """Keys while the context lasts; the terminal is put back as it was."""
    if not sys.stdin.isatty():
        yield Keys(None)
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield Keys(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
