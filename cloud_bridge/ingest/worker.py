"""The thread that takes messages in: collect a batch, commit, tell the boxes, acknowledge, complete tracks.

The order is the promise: a receipt is published only for what is committed, a message is acknowledged to the broker
only after its receipt was handed over. A database that fails stops everything at the commit: nothing is acknowledged,
boxes are told to hold, and the same batch is tried again until it succeeds or the process ends.
"""

from __future__ import annotations

import logging
import queue
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge import receipts
from cloud_bridge.blobs import BlobError
from cloud_bridge.faultpoint import FaultPoint, no_fault
from cloud_bridge.heartbeat import IDLE_S
from cloud_bridge.ingest.assemble import Assembler, find_ready
from cloud_bridge.ingest.batch import Limits, Outcome, Owned
from cloud_bridge.ingest.commit import commit
from cloud_bridge.ingest.parse import Bad, BadKind, Incoming, Item, parse
from cloud_bridge.metrics import Metrics
from cloud_bridge.store.engine import Store, is_transient

T = TypeVar("T")
log = logging.getLogger(__name__)


class Link(Protocol):
    """The broker as the worker needs it."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a QoS 1 message over; may be lost, boxes ask again."""

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that the message is dealt with."""

    def set_healthy(self, *, healthy: bool) -> None:
        """Tell the boxes to send or to hold."""


class Pace(Struct, frozen=True, kw_only=True):
    """Sizes of batches and waits."""

    batch_messages: int = 500
    batch_s: float = 0.005
    retry_min_s: float = 0.1
    retry_max_s: float = 10.0


class Stopped(Exception):
    """The process is to end while something could not be finished; nothing of it was acknowledged."""


def _unwatched() -> None:
    """Nobody listens to the worker's pulse."""


class Worker:
    """Takes batches in. `wait(seconds)` returns True when the process is to end; clocks and waits are passed in.

    `beat` is called at least every few seconds while the worker works or waits for work.
    """

    def __init__(
        self,
        store: Store,
        assembler: Assembler,
        link: Link,
        metrics: Metrics,
        *,
        wait: Callable[[float], bool],
        limits: Limits | None = None,
        pace: Pace | None = None,
        fault: FaultPoint = no_fault,
        beat: Callable[[], None] = _unwatched,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._assembler = assembler
        self._link = link
        self._metrics = metrics
        self._wait = wait
        self._limits = limits or Limits()
        self._pace = pace or Pace()
        self._fault = fault
        self._beat = beat
        self._now_ns = now_ns
        self._monotonic_s = monotonic_s
        # In the order in which they are tried; a track that the blob store refuses goes behind all others.
        self._unfinished: dict[str, None] = {}
        self._ending = False
        self._blob_failures = 0
        self._blob_retry_s = 0.0

    def run(self, messages: queue.Queue[Incoming | None]) -> None:
        """Work until None comes out of the queue (or `wait` says stop); first complete what a crash left behind."""
        try:
            self._until_committed(self._find_unfinished)
            while (batch := self._collect(messages)) is not None:
                if batch:
                    self.take(batch)
                self.finish_tracks()
        except Stopped:
            log.warning("stopped while the database failed; what was not committed is still with broker and boxes")

    def take(self, messages: Sequence[Incoming]) -> None:
        """One batch through commit, receipts and acknowledgements; raises `Stopped`."""
        items = [item for item in map(parse, messages) if item is not None]
        outcome = self._until_committed(lambda: self._commit(items))
        self._metrics.messages.inc(len(messages))
        self._metrics.payload_bytes.inc(sum(message.payload_bytes for message in messages))
        self._metrics.batch_messages.observe(len(messages))
        self._metrics.events.inc(outcome.new_events)
        self._metrics.chunks.inc(outcome.new_chunks)
        for bad in outcome.bad:
            self._metrics.quarantined.labels(kind=str(bad.kind)).inc()
            log.warning("quarantined %s from %r: %s", bad.kind, bad.message.topic[:200], bad.reason)
        self._publish(outcome.received, outcome.resend)
        for message in messages:
            self._link.acknowledge(message)
        self._fault("bridge.ack.after")
        self._unfinished |= dict.fromkeys(sorted(outcome.ready))

    def finish_tracks(self) -> None:
        """Complete what is ready; what the blob store refuses now stays in the database and is tried again later."""
        if self._blob_failures and self._monotonic_s() < self._blob_retry_s:
            return
        for track in tuple(self._unfinished):
            try:
                with self._metrics.assemble_seconds.time():
                    done = self._until_committed(lambda track=track: self._assembler.assemble(track, self._now_ns()))  # type: ignore[misc]
            except BlobError as error:
                log.error("track %s stays in the database: %s", track, error)  # noqa: TRY400 - no trace needed
                self._metrics.retries.labels(what="blob").inc()
                self._blob_failures += 1
                self._blob_retry_s = self._monotonic_s() + self._backoff_s(self._blob_failures)
                self._unfinished[track] = self._unfinished.pop(track)
                break
            self._blob_failures = 0
            del self._unfinished[track]
            self._metrics.tracks.inc(done.completed)
            if done.bad is not None:
                self._metrics.quarantined.labels(kind=str(done.bad)).inc()
            if done.receipt is not None:
                self._publish([done.receipt])
        self._metrics.waiting_tracks.set(len(self._unfinished))

    def _collect(self, messages: queue.Queue[Incoming | None]) -> list[Incoming] | None:
        """The next messages; empty when it is time to look at unfinished tracks, or to beat; None at the end."""
        self._beat()
        if self._ending:
            return None
        try:
            first = messages.get(timeout=self._patience_s())
        except queue.Empty:
            return []
        if first is None:
            return None
        batch = [first]
        end_s = self._monotonic_s() + self._pace.batch_s
        while len(batch) < self._pace.batch_messages:
            left_s = end_s - self._monotonic_s()
            try:
                message = messages.get(timeout=left_s) if left_s > 0 else messages.get_nowait()
            except queue.Empty:
                break
            if message is None:
                self._ending = True
                break
            batch.append(message)
        return batch

    def _patience_s(self) -> float:
        if not self._unfinished:
            return IDLE_S
        return min(IDLE_S, max(0.0, self._blob_retry_s - self._monotonic_s()))

    def _find_unfinished(self) -> None:
        self._unfinished |= dict.fromkeys(sorted(find_ready(self._store)))

    def _publish(self, received: Iterable[Owned], resend: Iterable[Owned] = ()) -> None:
        for topic, payload in receipts.messages(list(received), list(resend)):
            self._fault("bridge.receipt.before_publish")
            self._link.publish(topic, payload)
            self._metrics.receipts.inc()
            self._fault("bridge.receipt.after_publish")

    def _commit(self, items: Sequence[Item]) -> Outcome:
        with self._metrics.commit_seconds.time():
            return self._commit_split(items)

    def _commit_split(self, items: Sequence[Item]) -> Outcome:
        try:
            return commit(self._store, items, self._now_ns(), self._limits, self._fault)
        except (SQLAlchemyError, OverflowError, ValueError) as error:
            if is_transient(error):
                raise
            if len(items) > 1:
                # Something in the batch is refused for good; halving finds it and lets the rest through.
                middle = len(items) // 2
                return _joined(self._commit_split(items[:middle]), self._commit_split(items[middle:]))
            if not items or isinstance(items[0], Bad):
                raise
            reason = f"the database refuses it: {error}"
            log.error("%s", reason)  # noqa: TRY400 - the message goes to quarantine with the reason
            return self._commit_split([Bad(items[0].message, BadKind.DATABASE, reason)])

    def _until_committed(self, action: Callable[[], T]) -> T:
        failures = 0
        while True:
            self._beat()
            try:
                result = action()
            except SQLAlchemyError as error:
                if not is_transient(error):
                    raise
                failures += 1
                self._metrics.retries.labels(what="database").inc()
                log.warning("the database failed %d times: %s", failures, error)
                if failures > 1:
                    # A deadlock is over at the next try; a second failure means that boxes should hold their data.
                    self._link.set_healthy(healthy=False)
                if self._wait(self._backoff_s(failures)):
                    raise Stopped from error
            else:
                self._link.set_healthy(healthy=True)
                return result

    def _backoff_s(self, failures: int) -> float:
        bound_s = min(self._pace.retry_max_s, self._pace.retry_min_s * 2.0 ** min(failures - 1, 30))
        return random.uniform(0.5, 1.0) * bound_s


def _joined(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(
        received=first.received + second.received,
        resend=first.resend + second.resend,
        ready=first.ready | second.ready,
        bad=first.bad + second.bad,
        new_events=first.new_events + second.new_events,
        new_chunks=first.new_chunks + second.new_chunks,
    )
