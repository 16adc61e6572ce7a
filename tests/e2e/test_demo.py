"""`./run demo` as a stranger runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud_bridge.store import users
from cloud_bridge.store.engine import open_store

ROOT = Path(__file__).parents[2]
READY_S = 60.0


def descendants(pid: int) -> set[int]:
    """All living processes below `pid`."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pid: int) -> bool:
    """Running: a process that has ended and waits for its parent does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def folders_of(pid: int) -> list[Path]:
    return [*(ROOT / ".demo").glob(f"run-{pid}-*"), *Path("/dev/shm").glob(f"earshot-demo-{pid}-*")]


def gone(pids: set[int], timeout_s: float = 15.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while any(map(alive, pids)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_three_presses_and_exit():
    command = [sys.executable, "-m", "demo", "--presses", "3", "--exit", "--before", "2", "--after", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        out, err = demo.communicate(timeout=120)
    assert demo.returncode == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert list(figures) == [
        "presses",
        "tracks",
        "receipts",
        "lost",
        "duplicates",
        "align_error_ms_p99",
        "press_to_event_ms_p50",
        "press_to_track_ms_p50",
    ]
    assert [figures[name] for name in ("presses", "tracks", "receipts", "lost", "duplicates")] == [3, 3, 3, 0, 0]
    assert figures["align_error_ms_p99"] <= 1.0
    assert 0 < figures["press_to_event_ms_p50"] < 1000
    # A track cannot be there before its window is over.
    assert 1000 <= figures["press_to_track_ms_p50"] < 20_000
    assert folders_of(demo.pid) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_no_process_behind(number):
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as demo:
        os.set_blocking(demo.stdout.fileno(), False)
        shown = b""
        deadline_s = time.monotonic() + READY_S
        while b"Listen in the browser" not in shown and time.monotonic() < deadline_s:
            assert demo.poll() is None
            shown += demo.stdout.read() or b""
            time.sleep(0.05)
        children = descendants(demo.pid)
        assert len(children) >= 4
        demo.send_signal(number)
        demo.wait(30)
        assert demo.returncode == (-number if number == signal.SIGKILL else 130)
    assert gone(children)
    left = folders_of(demo.pid)
    for folder in left:
        shutil.rmtree(folder)
    assert not left or number == signal.SIGKILL


def test_a_store_beside_the_box_has_its_history_and_an_account_for_each_role():
    command = [sys.executable, "-m", "demo", "--presses", "1", "--exit", "--before", "1", "--after", "1", "--keep"]
    command += ["--store", "--counters", "2", "--days", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        out, err = demo.communicate(timeout=400)
    folder = next((ROOT / ".demo").glob(f"run-{demo.pid}-*"))
    try:
        assert demo.returncode == 0, err
        figures = json.loads(out.splitlines()[-1])
        assert (figures["presses"], figures["tracks"]) == (1, 1)
        assert figures["store"]["receipts"] > 200
        assert figures["store"]["tracks"] > 0
        store = open_store(f"sqlite:///{folder / 'bridge' / 'bridge.db'}")
        try:
            logged_in = set()
            for line in err.splitlines():
                name, _, rest = line.strip().partition(" ")
                found = users.authenticate(store, name, rest.split()[0]) if rest.split() else None
                if found is not None:
                    logged_in.add(found.role)
            assert logged_in == set(users.Role)
        finally:
            store.close()
    finally:
        shutil.rmtree(folder)
