"""Keeps the snapshots on the main thread: promised with their press, made one after the other, recorded, told."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.clock import Clock
from edge.logs import about
from edge.outbox import DiskFull, Outbox
from edge.snapshot_maker import SnapshotBegun, SnapshotFact, SnapshotMade, SnapshotUnwritten
from edge.snapshot_plan import Day, OpenSnapshot

_RETRY_NS = 10_000_000_000
_log = logging.getLogger("earshot.snapshot")


class SnapshotWork(Protocol):
    """What is needed of the maker: both return at once, the outcome comes as a fact."""

    def begin(self, plan: OpenSnapshot) -> None:
        """Save what was seen until the press."""
        ...

    def finish(self, plan: OpenSnapshot, day: Day, *, picture: bool = True) -> None:
        """Make the snapshot of a window that is over."""
        ...


@dataclass(frozen=True, slots=True)
class Reaction:
    """How a client was at the press: `state`, and the probability of a smile for a face."""

    press: str
    button: str
    press_ns: int
    state: str
    probability: float | None


class SnapshotKeeper:
    """`make_room()` drops what may go from a full disk and tells whether anything did; `told(id)`: a picture waits.

    `reacted(reaction)` is called as soon as the moment of the press is known, seconds before the snapshot is made.
    Snapshots are made one at a time, so that each counts all before it in its index. Nothing here raises `DiskFull`:
    what can't be recorded is tried again.
    """

    def __init__(
        self,
        outbox: Outbox,
        maker: SnapshotWork,
        clock: Clock,
        *,
        make_room: Callable[[], bool],
        told: Callable[[str], None],
        reacted: Callable[[Reaction], None] = lambda _reaction: None,
    ) -> None:
        self._outbox = outbox
        self._maker = maker
        self._clock = clock
        self._make_room = make_room
        self._told = told
        self._reacted = reacted
        self._open: dict[str, OpenSnapshot] = {}
        self._due: list[tuple[int, int, str]] = []
        self._promised = 0
        self._making: str | None = None

    def promise(self, plan: OpenSnapshot) -> None:
        """A press that is durable gets a snapshot: begin it, and finish it when its window is over."""
        self._wait_for(plan, plan.end_ns)
        self._maker.begin(plan)

    def resume(self) -> int:
        """Take up what an earlier process left; returns how many. Of another boot nothing more will come."""
        plans = self._outbox.snapshots.open()
        for plan in plans:
            if plan.stamp.boot_id != self._clock.boot_id:
                self._wait_for(plan, 0)
            elif plan.begun is None:
                self.promise(plan)
            else:
                self._wait_for(plan, plan.end_ns)
        return len(plans)

    def take(self, fact: SnapshotFact, now_ns: int) -> None:
        """Take the outcome of one job."""
        match fact:
            case SnapshotBegun():
                self._begun(fact)
            case SnapshotMade():
                self._record(fact, now_ns)
            case SnapshotUnwritten():
                # The face is worth less than any press: without room for it the figures go alone.
                self._finish(self._open[fact.snapshot], picture=self._make_room())

    def tick(self, now_ns: int) -> None:
        """Finish the next snapshot whose window is over."""
        while self._making is None and self._due and self._due[0][0] <= now_ns:
            _, _, snapshot = heapq.heappop(self._due)
            if snapshot in self._open:
                self._finish(self._open[snapshot], picture=True)

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do."""
        return self._due[0][0] if self._due and self._making is None else None

    def _wait_for(self, plan: OpenSnapshot, due_ns: int) -> None:
        self._open[plan.snapshot] = plan
        # At the same time the earlier press first.
        self._promised += 1
        heapq.heappush(self._due, (due_ns, self._promised, plan.snapshot))

    def _begun(self, fact: SnapshotBegun) -> None:
        plan = self._open.get(fact.snapshot)
        if plan is None:
            return
        if fact.reason is not None:
            _log.warning("snapshot %s: %s", fact.snapshot, fact.reason, extra=about(press=plan.press))
        self._reacted(Reaction(plan.press, plan.button, plan.press_ns, fact.state, fact.probability))

    def _finish(self, plan: OpenSnapshot, *, picture: bool) -> None:
        self._making = plan.snapshot
        self._maker.finish(plan, self._outbox.snapshots.day(plan.stamp), picture=picture)

    def _record(self, fact: SnapshotMade, now_ns: int) -> None:
        snapshot = fact.data.snapshot
        self._making = None
        try:
            self._write(fact)
        except DiskFull:
            # Not even the event has room. The maker keeps what it has made: asked again, it says the same again.
            self._wait_for(self._open[snapshot], now_ns + _RETRY_NS)
            return
        self._open.pop(snapshot, None)
        if fact.path is not None:
            self._told(snapshot)
        _log.info("snapshot %s is %s", snapshot, fact.data.state, extra=about(press=fact.data.press))

    def _write(self, fact: SnapshotMade) -> None:
        wall_ns = self._clock.wall_ns()
        try:
            self._outbox.snapshots.finish(fact.data, fact.path, wall_ns)
        except DiskFull:
            self._make_room()
            self._outbox.snapshots.finish(fact.data, fact.path, wall_ns)
