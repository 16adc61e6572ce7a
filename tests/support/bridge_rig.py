"""The bridge's inside without a broker: a worker on a real database, a link that remembers, a dump to compare."""

import threading
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from cloud_bridge.blobs import Blobs, open_blobs
from cloud_bridge.faultpoint import FaultPoint, no_fault
from cloud_bridge.ingest.assemble import Assembler
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.parse import Incoming, incoming
from cloud_bridge.ingest.worker import Pace, Worker
from cloud_bridge.metrics import Metrics
from cloud_bridge.store import tables as t
from cloud_bridge.store import tallies
from cloud_bridge.store.engine import Store
from edge import wire

# What depends on when something came, or on how often.
_VOLATILE = {
    "event": {"received_ns"},
    "press": {"received_ns", "change"},
    "snapshot": {"received_ns"},
    "track": {"completed_ns"},
    "box": {"status_ns", "health_ns"},
    # The check-lists that a new database has from the start.
    "checklist": {"made_ns"},
    "checklist_version": {"changed_ns", "published_ns"},
    "quarantine": {"id", "times", "first_ns", "last_ns", "reason"},
}
_LEFT_OUT = {"change", "audit", "web_session", "account", "tally_dirty", "lease"}


class FakeLink:
    """Remembers what the worker published and acknowledged."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.acknowledged: list[Incoming] = []
        self.states: list[bool] = []
        self.history: list[str] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))
        self.history.append("publish")

    def acknowledge(self, message: Incoming) -> None:
        self.acknowledged.append(message)
        self.history.append("ack")

    def set_healthy(self, *, healthy: bool) -> None:
        if not self.states or self.states[-1] != healthy:
            self.states.append(healthy)

    def receipts(self, site: str = "site", box: str = "box") -> list[wire.Receipt]:
        topic = wire.topic(site, box, "receipt")
        return [wire.decode(payload, wire.Receipt) for name, payload in self.published if name == topic]

    def received(self, kind: str, site: str = "site", box: str = "box") -> list[wire.Received]:
        return [entry for receipt in self.receipts(site, box) for entry in receipt.received if entry.kind == kind]

    def resend(self) -> list[wire.Received]:
        return [entry for receipt in self.receipts() for entry in receipt.resend]


class Rig:
    """One worker. Waits never last: `waits` records them, `stop_after` of them end the worker."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs | None = None,
        *,
        limits: Limits | None = None,
        fault: FaultPoint = no_fault,
        stop_after: int = 50,
    ) -> None:
        self.store = store
        self.blobs = blobs or open_blobs("memory://")
        self.link = FakeLink()
        self.metrics = Metrics()
        self.waits: list[float] = []
        self.stop_after = stop_after
        self.clock_s = 1000.0
        self.limits = limits or Limits()
        self.worker = Worker(
            store,
            Assembler(store, self.blobs, self.limits, fault),
            self.link,
            self.metrics,
            wait=self._wait,
            limits=self.limits,
            pace=Pace(batch_s=0),
            fault=fault,
            monotonic_s=lambda: self.clock_s,
        )

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) >= self.stop_after

    def take(self, messages: Iterable[tuple[str, bytes]], batch: int = 500) -> None:
        """All messages in batches, then whatever tracks are ready."""
        items = [incoming(topic, payload, mid=n) for n, (topic, payload) in enumerate(messages)]
        for start in range(0, len(items), batch):
            self.worker.take(items[start : start + batch])
            self.worker.finish_tracks()


def take_together(rigs: list[Rig], messages: list[tuple[str, bytes]], batch: int) -> None:
    """Several workers at once, as a shared subscription deals the messages out."""
    failures: list[BaseException] = []

    def work(rig: Rig, mine: list[tuple[str, bytes]]) -> None:
        try:
            rig.take(mine, batch)
        except BaseException as error:  # noqa: BLE001 - reported in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(rig, messages[n :: len(rigs)])) for n, rig in enumerate(rigs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must not depend on order, repetition or the number of workers, counts included."""
    while tallies.count_dirty(store):
        pass
    found = {}
    with store.read() as connection:
        for table in t.metadata.sorted_tables:
            if table.name in _LEFT_OUT:
                continue
            columns = [column for column in table.c if column.name not in _VOLATILE.get(table.name, set())]
            found[table.name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
    return found
