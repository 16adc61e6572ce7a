"""Reports to systemd, received on a real socket."""

import socket

import pytest

from edge.sdnotify import SystemdNotify


@pytest.fixture
def manager(tmp_path, monkeypatch):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield sock


def test_each_report_arrives_as_systemd_reads_it(manager):
    notify = SystemdNotify()
    notify.ready("recording")
    notify.alive()
    notify.status("microphone absent")
    notify.stopping()
    assert [manager.recv(1000) for _ in range(4)] == [
        b"READY=1\nSTATUS=recording",
        b"WATCHDOG=1",
        b"STATUS=microphone absent",
        b"STOPPING=1",
    ]


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    SystemdNotify().ready("recording")
