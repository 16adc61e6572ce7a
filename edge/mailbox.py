"""The one queue between the rim threads, which put facts, and the main thread, which decides."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

_PATIENT_MAX = 500

Fact = TypeVar("Fact")


class RimDied(RuntimeError):
    """A thread at the rim ended by an error; the process must end, systemd starts it anew."""


class Mailbox(Generic[Fact]):
    """First in, first out; one consumer, any number of producers."""

    def __init__(self) -> None:
        self._facts: deque[Fact] = deque()
        self._changed = threading.Condition()
        self._dead: RimDied | None = None
        self._closed = False

    def put(self, fact: Fact) -> None:
        """Never blocks: for drivers, whose facts are few and must not wait."""
        with self._changed:
            self._facts.append(fact)
            self._changed.notify_all()

    def put_patiently(self, fact: Fact) -> None:
        """Wait while many facts are waiting: a flood from the network is held back in the network."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._facts) < _PATIENT_MAX or self._closed)
            self._facts.append(fact)
            self._changed.notify_all()

    def die(self, name: str, error: BaseException) -> None:
        """The thread `name` has ended by `error`: the consumer's next `get` raises."""
        with self._changed:
            self._dead = RimDied(f"thread {name} ended by {type(error).__name__}: {error}")
            self._dead.__cause__ = error
            self._changed.notify_all()

    def get(self, timeout_s: float) -> Fact | None:
        """The oldest fact, None after `timeout_s` without one; raises `RimDied`."""
        with self._changed:
            self._changed.wait_for(lambda: self._facts or self._dead, max(timeout_s, 0))
            if self._dead is not None:
                raise self._dead
            if not self._facts:
                return None
            fact = self._facts.popleft()
            self._changed.notify_all()
            return fact

    def close(self) -> None:
        """Nobody takes facts any more: who waits in `put_patiently` goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
