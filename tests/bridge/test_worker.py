"""The worker under a failing database: nothing acknowledged, boxes told to hold, nothing lost; poison let out."""

import queue
import sqlite3

import psycopg
import pytest
from bridge_box import SimBox
from bridge_rig import Rig
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from cloud_bridge.ingest import worker as worker_module
from cloud_bridge.ingest.parse import incoming
from cloud_bridge.ingest.worker import Stopped
from cloud_bridge.store import queries
from cloud_bridge.store.engine import is_transient
from cloud_bridge.store.rows import PressFilter


def items(messages):
    return [incoming(topic, payload, mid=n) for n, (topic, payload) in enumerate(messages)]


def failing(times, monkeypatch):
    """A commit that fails like a full or locked database for some calls."""
    real = worker_module.commit
    left = times

    def commit(*arguments):
        nonlocal left
        left -= 1
        if left >= 0:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
        return real(*arguments)

    monkeypatch.setattr(worker_module, "commit", commit)


def test_while_the_database_fails_nothing_is_acknowledged_and_boxes_hold(sqlite_store, monkeypatch):
    rig = Rig(sqlite_store, stop_after=8)
    failing(100, monkeypatch)
    with pytest.raises(Stopped):
        rig.worker.take(items([SimBox().press()]))
    assert (rig.link.published, rig.link.acknowledged, rig.link.states) == ([], [], [False])
    assert len(rig.waits) == 8
    bounds = [min(10.0, 0.1 * 2**n) for n in range(8)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(rig.waits, bounds, strict=True))


def test_when_it_works_again_the_same_batch_goes_through(sqlite_store, monkeypatch):
    rig = Rig(sqlite_store)
    rig.take([SimBox(seed=3).press()])
    failing(5, monkeypatch)
    rig.take([SimBox().press()])
    assert rig.link.states == [True, False, True]
    assert len(rig.link.acknowledged) == 2
    assert len(queries.list_presses(sqlite_store, PressFilter()).presses) == 2


def test_a_deadlock_does_not_stop_the_boxes(sqlite_store, monkeypatch):
    rig = Rig(sqlite_store)
    failing(1, monkeypatch)
    rig.take([SimBox().press()])
    assert rig.link.states == [True]


def test_a_message_that_the_database_refuses_for_good_leaves_the_others_alone(sqlite_store, monkeypatch):
    box = SimBox()
    good, bad, other = box.press(), box.press(button="poison"), box.press()
    real = worker_module.commit

    def commit(store, batch, *arguments):
        if any(b"poison" in item.message.payload for item in batch if not hasattr(item, "kind")):
            raise DBAPIError("INSERT", {}, psycopg.errors.NumericValueOutOfRange("too large"))
        return real(store, batch, *arguments)

    monkeypatch.setattr(worker_module, "commit", commit)
    rig = Rig(sqlite_store)
    rig.take([good, bad, other])
    assert len(queries.list_presses(sqlite_store, PressFilter()).presses) == 2
    assert [row.kind for row in queries.list_quarantine(sqlite_store)] == ["database"]
    assert (len(rig.link.acknowledged), len(rig.link.received("event"))) == (3, 2)


def test_receipts_come_after_the_commit_and_before_the_acknowledgement(store):
    rig = Rig(store)
    box = SimBox()
    seen = []
    publish = rig.link.publish

    def check(topic, payload):
        seen.append(len(queries.list_presses(store, PressFilter()).presses))
        publish(topic, payload)

    rig.link.publish = check
    rig.take([box.press(), box.press()])
    assert seen == [2]
    assert rig.link.history == ["publish", "ack", "ack"]


def test_run_works_until_told_to_end_and_finishes_what_it_has(store):
    rig = Rig(store)
    box = SimBox()
    messages: queue.Queue = queue.Queue()
    for item in items([box.press() for _ in range(5)]):
        messages.put(item)
    messages.put(None)
    rig.worker.run(messages)
    assert len(rig.link.acknowledged) == 5


def test_a_locked_sqlite_file_is_waited_for(sqlite_store, monkeypatch):
    """The real thing: another process holds the write lock; busy_timeout is set short to fail soon."""
    from sqlalchemy import event

    rig = Rig(sqlite_store)
    holder = sqlite3.connect(sqlite_store.engine.url.database, isolation_level=None)
    sqlite_store.engine.dispose()
    event.listen(sqlite_store.engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=1"))
    holder.execute("BEGIN IMMEDIATE")

    def wait(_seconds):
        rig.waits.append(0)
        if len(rig.waits) == 3:
            holder.execute("COMMIT")
        return False

    rig.worker._wait = wait
    rig.take([SimBox().press()])
    holder.close()
    assert (len(rig.waits), rig.link.states) == (3, [False, True])
    assert len(rig.link.acknowledged) == 1


@pytest.mark.postgres
def test_a_postgres_that_ends_our_connections_is_connected_to_anew(postgres_server):
    from cloud_bridge.store.engine import open_store

    store = open_store(postgres_server.create("cut", template="empty"))
    try:
        rig = Rig(store)
        box = SimBox()
        rig.take([box.press()])
        real = worker_module.commit
        cut = []

        def commit(*arguments):
            if not cut:
                cut.append(True)
                with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut'")
            return real(*arguments)

        worker_module.commit = commit
        try:
            rig.take([box.press()])
        finally:
            worker_module.commit = real
        assert len(rig.link.acknowledged) == 2
    finally:
        store.close()
        postgres_server.drop("cut")


def test_which_errors_may_go_away(store):
    with pytest.raises(DBAPIError) as caught, store.write() as connection:
        connection.execute(text("INSERT INTO event (id) VALUES ('x')"))
    assert not is_transient(caught.value)
    assert is_transient(OperationalError("x", {}, psycopg.errors.DeadlockDetected()))
    assert is_transient(OperationalError("x", {}, psycopg.errors.DiskFull()))
    assert is_transient(OperationalError("x", {}, psycopg.OperationalError("connection refused")))
    assert not is_transient(ValueError("x"))
