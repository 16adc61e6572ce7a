"""The watchdog hears the ingest worker: fed while the worker goes round; a worker that hangs ends the process."""

import queue
import socket
import threading

import pytest
from bridge_box import SimBox
from bridge_rig import Rig

from cloud_bridge import config, heartbeat, service
from cloud_bridge.heartbeat import STALL_S, Heartbeat
from cloud_bridge.ingest import worker as worker_module
from cloud_bridge.ingest.parse import incoming
from cloud_bridge.store import migrate
from cloud_bridge.store.engine import open_store

DEADLINE_S = 30


def test_a_heart_is_stalled_when_it_is_silent_for_too_long():
    clock_s = [100.0]
    heart = Heartbeat("loop", lambda: clock_s[0])
    clock_s[0] += STALL_S
    assert not heart.is_stalled
    clock_s[0] += 0.1
    assert heart.is_stalled
    heart.beat()
    assert not heart.is_stalled


def test_an_idle_worker_beats(sqlite_store, monkeypatch):
    monkeypatch.setattr(worker_module, "IDLE_S", 0.001)
    rig, beats = Rig(sqlite_store), threading.Semaphore(0)
    rig.worker._beat = beats.release
    messages: queue.Queue = queue.Queue()
    thread = threading.Thread(target=rig.worker.run, args=(messages,))
    thread.start()
    try:
        assert all(beats.acquire(timeout=DEADLINE_S) for _ in range(10))
    finally:
        messages.put(None)
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_a_worker_beats_with_each_try_while_the_database_fails(sqlite_store, monkeypatch):
    rig, beats = Rig(sqlite_store, stop_after=5), []
    rig.worker._beat = lambda: beats.append(1)

    def commit(*_arguments):
        raise worker_module.SQLAlchemyError("the database is away")

    monkeypatch.setattr(worker_module, "commit", commit)
    monkeypatch.setattr(worker_module, "is_transient", lambda _error: True)
    topic, payload = SimBox().press()
    with pytest.raises(worker_module.Stopped):
        rig.worker.take([incoming(topic, payload)])
    assert len(beats) == 5


@pytest.fixture
def bridge_config(tmp_path):
    database = f"sqlite:///{tmp_path}/bridge.db"
    store = open_store(database)
    migrate.upgrade(store)
    store.close()
    tree = {
        "broker": {"host": "127.0.0.1", "port": 1, "tls": False},
        "database": {"url": database},
        "blobs": {"url": f"file://{tmp_path}/blobs"},
        "web": {"secret_file": str(tmp_path / "secret"), "port": 0},
    }
    return config.decode(tree, "test")


def test_a_worker_that_hangs_is_not_vouched_for_and_ends_the_process(bridge_config, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(service, "WATCHDOG_PERIOD_S", 0.01)
    monkeypatch.setattr(service, "_FINISH_S", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(_worker, _messages):
        hangs.set()
        goes_on.wait(DEADLINE_S)

    monkeypatch.setattr(service.Worker, "run", hang)
    ended: list[BaseException] = []

    def run():
        try:
            service.run(bridge_config, web=False, stop=threading.Event())
        except service.PartDied as error:
            ended.append(error)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE_S)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert hangs.wait(DEADLINE_S)
            assert manager.recv(1000).startswith(b"READY=1")
            assert manager.recv(1000) == b"WATCHDOG=1"
            # Five minutes are not waited for here; the silence is called too long now.
            monkeypatch.setattr(heartbeat, "STALL_S", 0.0)
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        finally:
            goes_on.set()
            thread.join(DEADLINE_S)
        told = [manager.recv(1000)]
        while told[-1] == b"WATCHDOG=1":
            told.append(manager.recv(1000))
        assert told[-1] == b"STOPPING=1"
    assert "ingest (stands still)" in str(ended[0])
    assert "ingest has stood still for" in caplog.text
