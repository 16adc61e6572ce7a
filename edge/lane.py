"""One thread that does jobs one after the other; a job that has to wait holds up no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge.clock import Clock

RETRY_NS = 100_000_000
_NS = 1_000_000_000

Fact = TypeVar("Fact")


@dataclass(slots=True)
class _Job(Generic[Fact]):
    number: int
    key: str
    work: Callable[[int], Fact | None]
    due_ns: int


class Lane(Generic[Fact]):
    """Jobs by age. `work(now_ns)` gives the outcome, None where it has to be asked again a tenth of a second later.

    `emit` is called in the thread, once for each job, and must not block. `died` is told, before the thread ends, of
    what a job raises.
    """

    def __init__(
        self, name: str, clock: Clock, emit: Callable[[Fact], None], died: Callable[[BaseException], None]
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._died = died
        self._jobs: list[_Job[Fact]] = []
        self._at_work: str | None = None
        self._numbers = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further job; `join` waits for the one in hand."""
        with self._changed:
            self._closing.set()
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; returns whether it has ended (or never begun)."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def add(self, key: str, work: Callable[[int], Fact | None]) -> None:
        """Do this as soon as there is time; `key` names whose work it is."""
        with self._changed:
            self._numbers += 1
            self._jobs.append(_Job(self._numbers, key, work, due_ns=0))
            self._changed.notify()

    def holds(self, key: str) -> bool:
        """Whether a job of `key` waits or is being done."""
        with self._changed:
            return self._at_work == key or any(job.key == key for job in self._jobs)

    def step(self, now_ns: int) -> int | None:
        """Do the oldest job that is due; returns when the next one is (None: there is no job). Used by the thread."""
        with self._changed:
            job = min((job for job in self._jobs if job.due_ns <= now_ns), key=lambda job: job.number, default=None)
            if job is not None:
                self._jobs.remove(job)
                self._at_work = job.key
        if job is not None:
            outcome = job.work(now_ns)
            if outcome is not None:
                self._emit(outcome)
            with self._changed:
                # Told before it is off the table: who waits for it finds either the job or its outcome.
                self._at_work = None
                if outcome is None:
                    job.due_ns = now_ns + RETRY_NS
                    self._jobs.append(job)
        return self.next_due_ns()

    def next_due_ns(self) -> int | None:
        """When the next job is due; None: there is no job."""
        with self._changed:
            return self._next_due_ns()

    def _next_due_ns(self) -> int | None:
        return min((job.due_ns for job in self._jobs), default=None)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self.step(self._clock.mono_ns())
                with self._changed:
                    due_ns = self._next_due_ns()
                    wait_s = None if due_ns is None else (due_ns - self._clock.mono_ns()) / _NS
                    if not self._closing.is_set() and (wait_s is None or wait_s > 0):
                        self._changed.wait(wait_s)
        except BaseException as error:
            self._died(error)
            raise
