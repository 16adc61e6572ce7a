"""A disk that is full to the last byte: presses are refused where the person sees it, and the box goes on."""

import queue
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from box_parts import MS, S, counting_ids
from desk import Desk
from web_client import WebClient

from drivers.contract import Press, Source
from edge.actions import AcceptPress, BindShift, Refuse, Shift
from edge.app import Overrides, run_box
from edge.config import decode
from edge.cutter import PreRollSaved, TrackFailed, TrackFinished
from edge.faults import FaultBook
from edge.outbox import Outbox
from edge.outbox_store import Store
from edge.outbox_types import DiskFull, OutboxError, TrackState
from edge.wire import decode_event


@pytest.fixture
def full(monkeypatch):
    """While set, nothing that changes the database can be written, and there is no room for a ballast."""
    switch = threading.Event()
    attempt, restore = Store._attempt, Store.restore_ballast

    def maybe(store, name, work):
        def checked():
            before = store.db.conn.total_changes
            result = work()
            if switch.is_set() and store.db.conn.total_changes != before:
                raise DiskFull("the disk is full; free some of it")
            return result

        return attempt(store, name, checked)

    monkeypatch.setattr(Store, "_attempt", maybe)
    monkeypatch.setattr(Store, "restore_ballast", lambda store: None if switch.is_set() else restore(store))
    return switch


def tree(folder):
    return {
        "box": {"site": "north", "name": "one", "data_dir": str(folder / "data"), "ring": str(folder / "ring")},
        "tracks": {"disk_reserve_bytes": 0},
        "buttons": [
            {"name": "red", "driver": "virtual", "trigger": "incident"},
            {"name": "kok", "driver": "virtual", "trigger": "appeal", "shared": True},
        ],
        "lamps": [{"name": "lamp", "driver": "log"}],
        # Nobody listens there.
        "uplink": {"host": "127.0.0.1", "port": 1, "tls": False, "backoff_min_ms": 50, "backoff_max_ms": 100},
        "web": {"port": 0},
    }


@contextmanager
def running(folder):
    stop, ready, failure = threading.Event(), queue.Queue(), []

    def run():
        try:
            run_box(decode(tree(folder), "test"), stop, Overrides(on_ready=ready.put))
        except Exception as error:  # noqa: BLE001 - handed to the test
            failure.append(error)
            ready.put(None)

    thread = threading.Thread(target=run)
    thread.start()
    web = ready.get(timeout=20)
    try:
        if web is not None:
            yield WebClient(web.port)
    finally:
        stop.set()
        thread.join(20)
    if failure:
        raise failure[0]


def faults(state):
    return [line.partition(" ")[0] for line in state["health"]["faults"]]


def told(folder):
    """(type, what) of the events in the outbox, by seq."""
    db = sqlite3.connect(folder / "data" / "outbox.db")
    found = [decode_event(payload) for (payload,) in db.execute("select payload from event order by seq")]
    db.close()
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    return [
        (event.type.split(".")[1], getattr(event.data, "name", None), getattr(event.data, "active", None))
        for event in found
    ]


def test_a_press_without_room_is_refused_where_it_is_seen_and_taken_when_there_is_room(tmp_path, full, caplog):
    caplog.set_level("INFO", logger="earshot")
    ballast = tmp_path / "data" / "ballast"
    with running(tmp_path) as web:
        assert ballast.exists()
        full.set()
        for _ in range(2):
            status, answer = web.post("/press", {"button": "red", "request_id": "r-1"})
            assert status == 503
            assert "not kept" in answer["error"]
        assert web.post("/shift", {"button": "kok", "employee": "Olga"})[0] == 503
        web.wait_for(lambda state: "disk_full" in faults(state))
        assert web.get_json("/state")["presses"] == []
        assert web.get_json("/state")["shifts"] == {}
        shown = [line for line in caplog.messages if "lamp" in line]
        assert any("refused" in line for line in shown)
        assert any("fault" in line for line in shown)
        assert not any("acknowledged" in line for line in shown)
        assert not ballast.exists()

        full.clear()
        assert web.post("/press", {"button": "red", "request_id": "r-1"})[0] == 202
        web.wait_for(lambda state: "disk_full" not in faults(state))
        assert ballast.exists()
        (press,) = web.get_json("/state")["presses"]
        assert press["employee"] is None
    events = told(tmp_path)
    assert [kind for kind, _, _ in events].count("press") == 1
    assert [event for event in events if event[1] == "disk_full"] == [
        ("fault", "disk_full", True),
        ("fault", "disk_full", False),
    ]


def test_a_box_starts_on_a_full_disk_and_tells_of_it_when_there_is_room(tmp_path, full):
    with running(tmp_path):
        pass
    full.set()
    with running(tmp_path) as web:
        assert web.post("/press", {"button": "red"})[0] == 503
        web.wait_for(lambda state: "disk_full" in faults(state))
        full.clear()
        web.wait_for(lambda state: "disk_full" not in faults(state))
    assert [kind for kind, _, _ in told(tmp_path)].count("boot") == 2


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_refused_press_leaves_nothing_behind(desk, full):
    full.set()
    refused = [desk.press(5 * S + n) for n in range(10)]
    assert all(isinstance(action, Refuse) and action.is_temporary for action in refused)
    assert desk.refused == ["red"] * 10
    assert desk.recorder.next_deadline_ns() is None
    full.clear()
    press = desk.press(6 * S)
    assert isinstance(press, AcceptPress)
    assert not press.misuse, "presses that were refused are no hammering"
    assert press.track is not None
    assert len(desk.work.pre_rolls) == 1
    assert desk.lit == []


def test_a_shift_without_room_is_not_in_force(desk, full):
    (shift,) = desk.recorder.take(Shift("kok", "Olga", S, Source.MQTT), S)
    assert isinstance(shift, BindShift)
    full.set()
    with pytest.raises(DiskFull):
        desk.recorder.bind(shift, None)
    full.clear()
    (press,) = desk.recorder.take(Press("kok", 2 * S, 0, Source.MQTT, simulated=False), 2 * S)
    assert press.employee is None


@pytest.mark.parametrize("kind", ["finished", "failed"])
def test_an_end_that_finds_no_room_is_asked_for_again(desk, full, kind, monkeypatch):
    def no_room(*_):
        raise DiskFull("full")

    press = desk.press()
    full.set()
    if kind == "finished":
        monkeypatch.setattr(desk.outbox, "finish_track", no_room)
        desk.recorder.track_finished(TrackFinished(press.track_id, Path("nowhere"), None))
    else:
        desk.recorder.track_failed(TrackFailed(press.track_id, "nothing", disk_full=False), 6 * S)
    assert desk.outbox.track(press.track_id).state is TrackState.OPEN
    due_ns = desk.clock.mono_ns() + 11 * S
    desk.recorder.tick(due_ns)
    assert press.track_id in [track.plan.track for track in desk.work.finishes]
    if kind == "failed":
        full.clear()
        desk.recorder.track_failed(TrackFailed(press.track_id, "nothing", disk_full=False), 7 * S)
        assert desk.outbox.track(press.track_id).state is TrackState.LOST


def test_a_pre_roll_without_room_is_saved_again_once_sound_was_dropped_for_it(desk, monkeypatch):
    press = desk.press()
    fact = PreRollSaved(press.track_id, None, "the disk is full", disk_full=True)
    dropped = [True, False]
    monkeypatch.setattr(desk.recorder, "make_room", lambda _: dropped.pop(0))
    desk.recorder.pre_roll_saved(fact)
    assert len(desk.work.pre_rolls) == 2
    assert desk.lit == []
    desk.recorder.pre_roll_saved(fact)
    assert len(desk.work.pre_rolls) == 2
    assert desk.lit == ["red"], "the press is durable, and why its sound is not is told"


def test_faults_are_in_force_at_once_and_written_when_there_is_room(desk, full):
    book = FaultBook(desk.outbox, desk.clock)
    full.set()
    book.set("device_lost", "usb", active=True, detail="unplugged")
    assert book.active
    assert desk.outbox.last_seq() == 0
    full.clear()
    book.write()
    book.write()
    assert desk.outbox.last_seq() == 1
    assert FaultBook(desk.outbox, desk.clock).active == book.active


def test_a_lost_ballast_lets_the_database_be_opened_and_bad_files_say_which_remedy(tmp_path, monkeypatch):
    Outbox(tmp_path, "shop", "one", new_id=counting_ids()).close()
    tries = []
    real = sqlite3.connect

    def connect(path, *args, **kwargs):
        tries.append((tmp_path / "ballast").exists())
        if tries[-1]:
            raise sqlite3.OperationalError("disk I/O error")
        return real(path, *args, **kwargs)

    monkeypatch.setattr("edge.outbox_store.sqlite3.connect", connect)
    Outbox(tmp_path, "shop", "one", new_id=counting_ids()).close()
    assert tries[:2] == [True, False]
    monkeypatch.undo()
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(OutboxError, match="move the file away"):
        Outbox(tmp_path, "shop", "one", new_id=counting_ids())


def test_half_a_ballast_is_none(tmp_path):
    (tmp_path / "ballast").write_bytes(b"x" * MS)
    outbox = Outbox(tmp_path, "shop", "one", new_id=counting_ids())
    assert (tmp_path / "ballast").stat().st_size > MS
    assert outbox.has_ballast
    outbox.close()
