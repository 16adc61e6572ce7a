"""The outbox: nothing lost, nothing twice, every write whole or not at all, presses survive a full disk."""

import errno
import sqlite3
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from box_parts import S, counting_ids, stamp
from hypothesis import given, settings
from hypothesis import strategies as st
from outbox_view import pending_events, pending_tracks

from edge import wire
from edge.outbox import Outbox, OutboxError, TrackState
from edge.outbox_store import Store
from edge.outbox_types import DiskFull
from edge.plan import PlannedTrack
from edge.wire import PressData, Receipt, Received, Reply, ShiftData, TimeData, TrackData, Trigger

NOW = 1_700_000_000 * S


def ident(number):
    return f"{number:032x}"


PRESS, TRACK = ident(0xA), ident(0xB)


def press_data(track=None, **more):
    return PressData(
        button="red",
        trigger=Trigger.INCIDENT,
        stamp=stamp(100 * S),
        stamp_uncertainty_ms=1,
        source="gpio",
        simulated=False,
        track=track,
        **more,
    )


def plan(track=TRACK, press=PRESS):
    return PlannedTrack(track, press, Trigger.INCIDENT, 100 * S, 1000, 2.0, 1.0)


def manifest(track=TRACK, press=PRESS, sizes=(10, 10, 3)):
    chunks = [bytes([n]) * size for n, size in enumerate(sizes)]
    return TrackData(
        track=track,
        press=press,
        trigger=Trigger.INCIDENT,
        stamp=stamp(100 * S),
        codec="flac",
        rate_hz=16000,
        channels=1,
        frames=48000,
        before_s=2,
        after_s=1,
        press_offset_frames=32000,
        align_error_ms=0.1,
        drift_ppm=0.0,
        gaps=(),
        partial=False,
        partial_reason=None,
        capture="test",
        simulated=True,
        bytes=sum(sizes),
        sha256=wire.sha256(b"".join(chunks)),
        chunk_bytes=10,
        chunk_sha256=tuple(wire.sha256(chunk) for chunk in chunks),
    )


class Disk:
    """Opens the outbox of one folder again and again, with a fault and a disk of any size."""

    def __init__(self, folder):
        self.folder = folder
        self.new_id = counting_ids()
        self.free = 10**12
        self.box = None

    def open(self, fault=lambda _: None):
        if self.box is not None:
            self.box.close()
        self.box = Outbox(
            self.folder, "shop", "one", new_id=self.new_id, fault=fault, free_bytes=lambda _: self.free + self.gone()
        )
        return self.box

    def gone(self):
        return -sum(path.stat().st_size for path in (self.folder / "tracks").iterdir())

    def finished(self, track=TRACK, press=PRESS, sizes=(10, 10, 3)):
        """Put a track's file where the cutter would; returns (path, manifest)."""
        path = self.folder / "tracks" / f"{track}.flac"
        path.write_bytes(b"".join(bytes([n]) * size for n, size in enumerate(sizes)))
        return path, manifest(track, press, sizes)

    def press_with_track(self, number):
        press, track = ident(0xA00 + number), ident(0xB00 + number)
        self.box.record_press(press, press_data(track), plan(track, press))
        self.box.finish_track(*self.finished(track, press), NOW)
        return press, track


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path / "box")
    disk.open()
    yield disk
    disk.box.close()


def receipt_for(events=(), tracks=(), chunks=()):
    items = [Received(kind="event", id=e.id, sha256=e.sha256) for e in events]
    items += [Received(kind="chunk", id=t.id, n=n, sha256=t.manifest.chunk_sha256[n]) for t, n in chunks]
    items += [Received(kind="track", id=t.id, sha256=t.manifest.sha256) for t in tracks]
    return Receipt(received=tuple(items))


def test_a_press_is_an_event_with_fixed_bytes_and_an_open_track(disk):
    assert disk.box.record_press(PRESS, press_data(TRACK), plan()) == 1
    (before,) = pending_events(disk.box)
    (after,) = pending_events(disk.open())
    assert before == after
    event = wire.decode_event(before.payload)
    assert (event.id, event.seq, event.series, event.site, event.box) == (PRESS, 1, disk.box.series, "shop", "one")
    assert event.data == press_data(TRACK)
    assert before.topic == "earshot/1/shop/one/event"
    assert before.sha256 == wire.sha256(before.payload)
    (track,) = disk.box.open_tracks()
    assert (track.plan, track.stamp, track.pre_roll) == (plan(), stamp(100 * S), None)


def test_seq_goes_on_without_a_hole_also_after_delivery_and_restart(disk):
    disk.box.record_press(ident(1), press_data(), None)
    disk.box.apply_receipt(receipt_for(pending_events(disk.box)))
    assert pending_events(disk.box) == []
    series = disk.box.series
    assert disk.open().record_press(ident(2), press_data(), None) == 2
    assert disk.box.last_seq() == 2
    assert disk.box.series == series


def test_a_press_is_not_recorded_twice(disk):
    disk.box.record_press(PRESS, press_data(), None)
    with pytest.raises(OutboxError, match="recorded already"):
        disk.box.record_press(PRESS, press_data(), None)
    assert disk.box.last_seq() == 1


def test_a_finished_track_is_a_manifest_event_and_chunks(disk):
    disk.box.record_press(PRESS, press_data(TRACK), plan())
    (disk.folder / "tracks" / f"{TRACK}.pre").write_bytes(b"pre")
    assert disk.box.open_tracks()[0].pre_roll is not None
    path, data = disk.finished()
    assert disk.box.finish_track(path, data, NOW) == 2
    assert disk.box.finish_track(path, data, NOW) is None
    assert [p.name for p in (disk.folder / "tracks").iterdir()] == [path.name]
    event = pending_events(disk.box)[1]
    assert (event.track, event.topic) == (TRACK, f"earshot/1/shop/one/track/{TRACK}")
    assert wire.decode_event(event.payload).data == data
    (pending,) = pending_tracks(disk.box)
    assert (pending.id, pending.path, pending.manifest, pending.missing) == (TRACK, path, data, (0, 1, 2))
    assert disk.box.open_tracks() == []


def test_sound_is_delivered_newest_press_first_events_oldest_first(disk):
    tracks = [disk.press_with_track(n)[1] for n in range(4)]
    assert [pending.id for pending in pending_tracks(disk.box)] == tracks[::-1]
    events = pending_events(disk.box)
    assert [event.seq for event in events] == list(range(1, 9))


def test_tracks_to_deliver_are_looked_up_one_by_one_as_they_are_then(disk):
    finished = [disk.press_with_track(n)[1] for n in range(4)]
    waiting = disk.box.backlog.tracks()
    assert next(waiting).id == finished[3]
    disk.box.apply_receipt(Receipt(received=(Received(kind="track", id=finished[2], sha256=manifest().sha256),)))
    newest = disk.press_with_track(4)[1]
    assert [item.id for item in waiting] == [finished[1], finished[0]]
    assert [item.id for item in disk.box.backlog.tracks()] == [newest, finished[3], finished[1], finished[0]]


def test_tracks_of_one_press_are_all_delivered(disk):
    press, first = disk.press_with_track(0)
    further = [ident(0xE0), ident(0xE1)]
    for track in further:
        disk.box.add_track(plan(track, press), stamp(100 * S))
        disk.box.finish_track(*disk.finished(track, press), NOW)
    assert sorted(item.id for item in disk.box.backlog.tracks()) == sorted([first, *further])


def test_looking_for_a_track_does_not_read_all_that_wait(disk):
    steps = {}
    for count in (20, 200):
        while disk.box.waiting().tracks < count:
            disk.press_with_track(disk.box.waiting().tracks)
        waiting = disk.box.backlog.tracks()
        next(waiting)
        ticks = []
        disk.box._db.conn.set_progress_handler(lambda ticks=ticks: ticks.append(1), 1)
        next(waiting)
        disk.box._db.conn.set_progress_handler(None, 0)
        steps[count] = len(ticks)
    assert steps[200] == steps[20]


def test_chunk_receipts_are_remembered_over_a_restart(disk):
    disk.press_with_track(1)
    (pending,) = pending_tracks(disk.box)
    applied = disk.box.apply_receipt(receipt_for(chunks=[(pending, 1), (pending, 1)]))
    assert applied.chunks == ((pending.id, 1),)
    (pending,) = pending_tracks(disk.open())
    assert pending.missing == (0, 2)


def test_a_delivered_track_leaves_the_disk_and_stays_known(disk):
    press, track = disk.press_with_track(1)
    (pending,) = pending_tracks(disk.box)
    applied = disk.box.apply_receipt(receipt_for(pending_events(disk.box), [pending]))
    assert applied.tracks == (track,)
    assert list((disk.folder / "tracks").iterdir()) == []
    assert disk.box.waiting().tracks == disk.box.waiting().events == disk.box.waiting().bytes == 0
    known = disk.box.track(track)
    assert (known.state, known.plan.press, known.manifest.sha256) == (
        TrackState.DELIVERED,
        press,
        pending.manifest.sha256,
    )
    assert disk.box.press(press).delivered


def test_a_receipt_for_other_content_is_named_and_changes_nothing(disk):
    disk.press_with_track(1)
    (pending,) = pending_tracks(disk.box)
    event = pending_events(disk.box)[0]
    wrong = "0" * 64
    received = [Received(kind=kind, id=pending.id, sha256=wrong) for kind in ("chunk", "track")]
    received += [Received(kind="event", id=event.id, sha256=wrong)]
    received += [Received(kind="chunk", id=pending.id, n=99, sha256=wrong)]
    before = disk.box.waiting()
    applied = disk.box.apply_receipt(Receipt(received=tuple(received)))
    assert len(applied.wrong) == 4
    assert (applied.events, applied.chunks, applied.tracks) == ((), (), ())
    assert disk.box.waiting() == before
    assert pending.path.exists()


def test_receipts_for_unknown_and_already_delivered_things_are_silent(disk):
    disk.press_with_track(1)
    (pending,) = pending_tracks(disk.box)
    receipt = receipt_for(pending_events(disk.box), [pending], [(pending, 0)])
    disk.box.apply_receipt(receipt)
    again = disk.box.apply_receipt(receipt)
    assert again == disk.box.apply_receipt(Receipt(received=(Received(kind="event", id=ident(9), sha256="0" * 64),)))
    assert not any((again.events, again.chunks, again.tracks, again.resend, again.wrong))


def test_what_the_bridge_wants_again_is_missing_again(disk):
    disk.press_with_track(1)
    (pending,) = pending_tracks(disk.box)
    disk.box.apply_receipt(receipt_for(chunks=[(pending, n) for n in range(3)]))
    again = Received(kind="chunk", id=pending.id, n=1, sha256="0" * 64)
    assert disk.box.apply_receipt(Receipt(resend=(again,))).resend == ((pending.id, 1),)
    assert pending_tracks(disk.box)[0].missing == (1,)
    whole = Received(kind="track", id=pending.id, sha256="0" * 64)
    disk.box.apply_receipt(Receipt(resend=(whole,)))
    assert pending_tracks(disk.box)[0].missing == (0, 1, 2)


def test_a_lost_track_is_an_event(disk):
    disk.box.record_press(PRESS, press_data(TRACK), plan())
    assert disk.box.lose_track(TRACK, "nothing in the ring", NOW) == 2
    assert disk.box.lose_track(TRACK, "again", NOW) is None
    lost = wire.decode_event(pending_events(disk.box)[1].payload).data
    assert (lost.track, lost.press, lost.reason) == (TRACK, PRESS, "nothing in the ring")
    assert disk.box.track(TRACK).state is TrackState.LOST


def test_an_extension_is_a_track_of_its_own_with_its_reply(disk):
    reply = Reply(id=ident(7), ok=True)
    disk.box.record_press(PRESS, press_data(TRACK), plan())
    wider = PlannedTrack(ident(5), PRESS, Trigger.EXTENSION, 100 * S, 0, 20.0, 1.0, TRACK)
    disk.box.add_track(wider, stamp(100 * S), reply)
    assert disk.open().reply_of(ident(7)) == reply
    assert {track.plan.track for track in disk.box.open_tracks()} == {TRACK, ident(5)}
    assert disk.box.track(ident(5)).plan.extends == TRACK


def test_requests_shifts_notes_and_sessions_survive_a_restart(disk):
    disk.box.record_press(PRESS, press_data(request_id="r1"), None)
    disk.box.remember_reply(Reply(id=ident(3), ok=False, error="no"))
    shift = ShiftData(button="kok", employee="Olga", stamp=stamp(S), source="mqtt")
    disk.box.set_shift(shift, Reply(id=ident(4), ok=True))
    disk.box.set_note("ring_seq", "17")
    assert disk.box.next_session() == 1
    box = disk.open()
    assert box.press_of_request("r1") == PRESS
    assert box.press_of_request("r2") is None
    assert box.reply_of(ident(3)).error == "no"
    assert box.reply_of(ident(4)).ok
    assert box.reply_of(ident(5)) is None
    assert box.shifts() == {"kok": "Olga"}
    assert box.note("ring_seq") == "17"
    assert box.note("other") is None
    assert box.next_session() == 2


def test_bounces_that_came_later_are_kept_beside_the_fixed_event(disk):
    disk.box.record_press(PRESS, press_data(), None)
    before = pending_events(disk.box)
    disk.box.count_bounces(PRESS, 3)
    assert disk.box.press(PRESS).bounces == 3
    assert disk.box.recent_presses()[0].bounces == 3
    assert pending_events(disk.box) == before


def test_delivered_presses_and_tracks_are_forgotten_beyond_a_thousand_undelivered_never(disk, monkeypatch):
    monkeypatch.setattr("edge.outbox_receipts._KEPT", 2)
    made = [disk.press_with_track(n) for n in range(5)]
    kept_press, kept_track = made[0]
    events = [event for event in pending_events(disk.box) if event.id != kept_press]
    tracks = [track for track in pending_tracks(disk.box) if track.id != kept_track]
    disk.box.apply_receipt(receipt_for(events, tracks))
    assert [press.id for press in disk.box.recent_presses()] == [made[4][0], made[3][0], kept_press]
    assert [disk.box.track(track) is not None for _, track in made] == [True, False, False, True, True]


def test_waiting_counts_events_and_finished_sound(disk):
    disk.press_with_track(1)
    waiting = disk.box.waiting()
    assert (waiting.events, waiting.tracks) == (2, 1)
    assert waiting.bytes == 23 + sum(len(event.payload) for event in pending_events(disk.box))


def test_room_is_made_of_the_oldest_sound_never_of_presses(disk):
    made = [disk.press_with_track(n) for n in range(4)]
    disk.free = 100
    room = disk.box.make_room(100 - 2 * 23, NOW)
    assert room.dropped == (made[0][1], made[1][1])
    assert room.freed_bytes == 2 * 23
    assert [pending.id for pending in pending_tracks(disk.box)] == [made[3][1], made[2][1]]
    events = [wire.decode_event(event.payload) for event in pending_events(disk.box)]
    assert [event.data.track for event in events if event.type == "earshot.track_lost.v1"] == list(room.dropped)
    assert [event.data.bytes for event in events if event.type == "earshot.track_lost.v1"] == [23, 23]
    assert sum(event.type == "earshot.press.v1" for event in events) == 4
    assert disk.box.make_room(0, NOW).dropped == ()


def test_room_that_cannot_be_made_ends(disk):
    disk.press_with_track(1)
    assert len(disk.box.make_room(10**15, NOW).dropped) == 1
    assert disk.box.last_seq() == 3


def test_presses_are_written_with_the_ballast_when_the_disk_is_full(disk):
    store = disk.box._store
    full = [True]

    def work():
        if full and not (disk.folder / "ballast").exists():
            full.clear()
        if full:
            disk.box._db.execute("pragma max_page_count = 1")
            disk.box._db.execute("create table filler as select zeroblob(100000) as x")
        return 7

    assert (disk.folder / "ballast").exists()
    assert store.write("press", work) == 7
    assert not (disk.folder / "ballast").exists()
    disk.box.make_room(0, NOW)
    assert (disk.folder / "ballast").exists()


def test_when_not_even_an_event_has_room_the_file_goes_first(disk, monkeypatch):
    made = [disk.press_with_track(n) for n in range(2)]
    write = disk.box._store.write

    def full_while_there_are_files(name, work):
        if any((disk.folder / "tracks").iterdir()):
            raise DiskFull("full")
        return write(name, work)

    monkeypatch.setattr(disk.box._store, "write", full_while_there_are_files)
    assert disk.box.make_room(10**15, NOW).dropped == tuple(track for _, track in made)
    assert [disk.box.track(track).state for _, track in made] == [TrackState.LOST, TrackState.LOST]


def test_a_finished_file_that_is_gone_is_told(disk):
    _, track = disk.press_with_track(1)
    (disk.folder / "tracks" / f"{track}.flac").unlink()
    assert disk.box.make_room(0, NOW).dropped == (track,)
    lost = wire.decode_event(pending_events(disk.box)[-1].payload).data
    assert (lost.track, "gone" in lost.reason) == (track, True)


def test_a_disk_that_is_full_beyond_the_ballast_is_said(disk):
    (disk.folder / "ballast").unlink()

    def work():
        disk.box._db.execute("pragma max_page_count = 1")
        disk.box._db.execute("create table filler as select zeroblob(100000) as x")

    with pytest.raises(DiskFull, match="free some"):
        disk.box._store.write("press", work)


def test_no_room_for_a_ballast_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    store = Store(tmp_path, lambda _: None)
    assert not (tmp_path / "ballast").exists()
    store.close()


def test_the_outbox_is_durable_as_promised(disk):
    assert disk.box._db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert disk.box._db.execute("pragma synchronous").fetchone() == (2,)


def test_two_processes_cannot_use_one_outbox(disk):
    with pytest.raises(OutboxError, match="in use"):
        Outbox(disk.folder, "shop", "one", new_id=disk.new_id)


def test_the_outbox_of_another_box_is_refused(disk):
    disk.box.close()
    with pytest.raises(OutboxError, match="belongs to box shop/one, not shop/two"):
        Outbox(disk.folder, "shop", "two", new_id=disk.new_id)
    disk.open()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "outbox.db").write_bytes(b"not a database, and long enough to look like one" * 10)
    with pytest.raises(OutboxError, match="move the file away"):
        Outbox(tmp_path, "shop", "one", new_id=counting_ids())


def test_an_outbox_of_another_format_is_refused(disk):
    disk.box.close()
    connection = sqlite3.connect(disk.folder / "outbox.db")
    connection.execute("pragma user_version=2")
    connection.close()
    with pytest.raises(OutboxError, match="format 2, this release reads 1"):
        Outbox(disk.folder, "shop", "one", new_id=disk.new_id)


def test_files_that_a_crash_left_are_removed_those_of_open_tracks_stay(disk):
    disk.box.record_press(PRESS, press_data(TRACK), plan())
    _, finished = disk.press_with_track(1)
    tracks = disk.folder / "tracks"
    stay = {f"{TRACK}.pre", f"{TRACK}.json", f"{TRACK}.flac", f"{finished}.flac"}
    go = {f"{finished}.pre", f"{finished}.json", f"{ident(99)}.flac", f"{ident(99)}.flac.tmp"}
    for name in stay | go:
        (tracks / name).touch()
    disk.open()
    assert {path.name for path in tracks.iterdir()} == stay


class Crash(Exception):
    pass


STEPS = ("press", "press_with_request", "event", "shift", "add_track", "finish", "lose", "receipt", "room", "note")


def act(disk, step, number):
    """One step of a box's life, on whatever is there."""
    box = disk.box
    open_track = next(iter(box.open_tracks()), None)
    press, track = ident(0xA000 + number), ident(0xB000 + number)
    match step:
        case "press":
            box.record_press(press, press_data(track), plan(track, press))
        case "press_with_request":
            box.record_press(press, press_data(request_id=f"r{number}"), None)
        case "event":
            box.add_event(TimeData(stamp=stamp(S)), NOW)
        case "shift":
            box.set_shift(ShiftData(button="kok", employee=f"E{number}", stamp=stamp(S), source="mqtt"))
        case "add_track":
            box.add_track(plan(track, press), stamp(S), Reply(id=ident(0xC000 + number), ok=True))
        case "finish" if open_track:
            box.finish_track(*disk.finished(open_track.plan.track, open_track.plan.press), NOW)
        case "lose" if open_track:
            box.lose_track(open_track.plan.track, "x", NOW)
        case "receipt":
            tracks = pending_tracks(box)
            chunks = [(track, n) for track in tracks for n in track.missing[:1]]
            box.apply_receipt(receipt_for(pending_events(box)[:3], tracks[:1], chunks))
        case "room":
            disk.free = 0
            box.make_room(0, NOW)
        case "note":
            box.next_session()


def state(disk):
    """Everything that the database holds, and the files that belong to it."""
    tables = ("counter", "event", "press", "track", "chunk", "request", "shift", "note")
    dump = {table: disk.box._db.execute(f"select * from {table}").fetchall() for table in tables}
    files = {path.name for path in (disk.folder / "tracks").iterdir()}
    # A finished file of an open track may be there before it is recorded: the cutter had made it durable.
    open_ids = {track.plan.track for track in disk.box.open_tracks()}
    return dump, {name for name in files if name.partition(".")[0] not in open_ids}


@contextmanager
def disks(count):
    """Outboxes in memory: what is tested is order, and a file system in memory is quick at fsync."""
    folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as name, ExitStack() as closing:
        found = [Disk(Path(name) / str(number)) for number in range(count)]
        for disk in found:
            disk.open()
            closing.callback(lambda disk=disk: disk.box.close())
        yield found


@settings(max_examples=60)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=12), nth=st.integers(1, 4))
def test_a_crash_at_any_fault_point_leaves_the_state_before_or_after_never_between(steps, nth):
    armed, passed = [], []

    def fault(name):
        passed.extend([name] * bool(armed))
        if len(passed) == nth:
            armed.clear()
            raise Crash

    with disks(2) as (crashed, calm):
        for number, step in enumerate(steps[:-1]):
            act(crashed, step, number)
            act(calm, step, number)
        calm.open()
        before = state(calm)
        crashed.open(fault)
        armed.append(True)
        with suppress(Crash):
            act(crashed, steps[-1], len(steps))
        happened = not armed
        crashed.open()
        act(calm, steps[-1], len(steps))
        calm.open()
        after, found = state(calm), state(crashed)
        if not happened:
            assert found == after
        elif steps[-1] != "room":  # It is many transactions.
            assert found == (before if passed[-1].endswith("before_commit") else after)
        for track, kept in crashed.box._db.execute("select id, state from track").fetchall():
            there = (crashed.folder / "tracks" / f"{track}.flac").exists()
            assert kept != "finished" or there
            assert kept not in ("delivered", "lost") or not there
        lost = [e for e in pending_events(crashed.box) if b"track_lost" in e.payload]
        said = crashed.box._db.execute("select 1 from track where state = 'lost'").fetchall()
        assert "receipt" in steps or len(lost) == len(said)


@settings(max_examples=40)
@given(data=st.data())
def test_any_order_and_repetition_of_receipts_delivers_everything_once(data):
    with disks(1) as (disk,):
        for number in range(3):
            disk.press_with_track(number)
        tracks = pending_tracks(disk.box)
        whole = receipt_for(pending_events(disk.box), tracks, [(t, n) for t in tracks for n in range(3)]).received
        order = data.draw(st.permutations(whole + whole))
        told = [disk.box.apply_receipt(Receipt(received=(item,))) for item in order]
        waiting = disk.box.waiting()
    assert (waiting.events, waiting.tracks, waiting.bytes) == (0, 0, 0)
    for kind, count in (("tracks", 3), ("chunks", None)):
        names = [name for applied in told for name in getattr(applied, kind)]
        assert len(names) == len(set(names))
        assert count in (None, len(names))


def test_a_manifest_stays_until_its_whole_track_is_received_to_ask_for_that_receipt(disk):
    disk.press_with_track(1)
    events, (pending,) = pending_events(disk.box), pending_tracks(disk.box)
    disk.box.apply_receipt(receipt_for(events, chunks=[(pending, n) for n in range(3)]))
    assert pending_events(disk.box) == events[1:]
    disk.box.apply_receipt(receipt_for(tracks=[pending]))
    assert pending_events(disk.box) == []
