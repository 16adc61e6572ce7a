"""Background work of the bridge: tasks that come round by themselves, done by one of several processes at a time.

Who holds the lease in the database works; it is renewed before each task and free again a while after its holder died.
A task must be safe to repeat from its beginning: the lease keeps two from being slow together, not from being right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from cloud_bridge.store.engine import Store, is_transient
from cloud_bridge.store.tables_tally import lease

log = logging.getLogger(__name__)

LEASE_NS = 60 * 1_000_000_000
_ROUND_S = 1.0
_FAILED_S = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """`work(now_ns)` does a bounded piece of work and says whether more waits; it runs every `period_s` seconds."""

    name: str
    period_s: float
    work: Callable[[int], bool]


class Jobs:
    """Runs tasks until `wait(seconds)` returns True. A database that is away is waited for; other errors end it.

    `name` is the lease's: of all who use one name, one works at a time.
    """

    def __init__(
        self,
        store: Store,
        tasks: Sequence[Task],
        holder: str,
        *,
        name: str = "jobs",
        wait: Callable[[float], bool],
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._holder = holder
        self._name = name
        self._wait = wait
        self._now_ns = now_ns
        self._monotonic_s = monotonic_s
        self._due_s = {task.name: monotonic_s() for task in tasks}

    def run(self) -> None:
        """Round after round, until told to stop."""
        pause_s = 0.0
        while not self._wait(pause_s):
            try:
                pause_s = 0.0 if self.round() else _ROUND_S
            except SQLAlchemyError as error:
                if not is_transient(error):
                    raise
                log.warning("background work waits for the database: %s", error)
                pause_s = _FAILED_S

    def round(self) -> bool:
        """Every task that is due, once, if the lease is ours; returns whether more waits at once."""
        more = False
        for task in self._tasks:
            now_s = self._monotonic_s()
            if now_s < self._due_s[task.name]:
                continue
            if not self._hold():
                return False
            waits = task.work(self._now_ns())
            self._due_s[task.name] = now_s if waits else now_s + task.period_s
            more |= waits
        return more

    def _hold(self) -> bool:
        now_ns = self._now_ns()
        mine = {"holder": self._holder, "until_ns": now_ns + LEASE_NS}
        free = (lease.c.name == self._name) & ((lease.c.holder == self._holder) | (lease.c.until_ns < now_ns))
        try:
            with self._store.write() as connection:
                if connection.execute(update(lease).where(free).values(mine)).rowcount:
                    return True
                if connection.execute(select(lease.c.name).where(lease.c.name == self._name)).first() is not None:
                    return False
                connection.execute(insert(lease).values(name=self._name, **mine))
        except IntegrityError:
            # Another process was the first ever.
            return False
        return True
