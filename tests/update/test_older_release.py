"""An update went back: the release before finds an outbox that a later release has used, and goes on with it."""

import secrets
import sqlite3

import msgspec
import numpy as np
import pytest
from box_parts import S, stamp
from desk import Desk
from sqlite_utils import Database

from edge import pre_roll, wire
from edge.outbox_schema import FORMAT, migrations
from edge.outbox_stored import stored
from edge.plan import PlannedTrack, PreRoll
from edge.wire import GapSpan, Receipt, Received, Reply, Stamp, TrackData, Trigger, WireError

SOUND = b"sound"
COLUMNS = """select m.name, p.name from sqlite_master m join pragma_table_info(m.name) p
    where m.type = 'table' and m.name not like 'sqlite_%'"""


def finish(box, press):
    """The file and the manifest of a press's track, recorded."""
    path = box.outbox.files.folder / f"{press.track_id}.flac"
    path.write_bytes(SOUND)
    manifest = TrackData(
        track=press.track_id,
        press=press.id,
        trigger=Trigger.INCIDENT,
        stamp=stamp(press.mono_ns),
        codec="flac",
        rate_hz=16000,
        channels=1,
        frames=48000,
        before_s=2,
        after_s=1,
        press_offset_frames=32000,
        align_error_ms=0.1,
        drift_ppm=0.0,
        gaps=(GapSpan(offset_frames=0, frames=1, reason="overrun"),),
        partial=False,
        partial_reason=None,
        capture="test",
        simulated=True,
        bytes=len(SOUND),
        sha256=wire.sha256(SOUND),
        chunk_bytes=10,
        chunk_sha256=(wire.sha256(SOUND),),
    )
    return box.outbox.finish_track(path, manifest, 0), manifest


def later(payload):
    """The same JSON as a later release might write it: more at every level."""

    def more(tree):
        if isinstance(tree, dict):
            return {key: more(value) for key, value in tree.items()} | {"added_later": {"x": [1]}}
        return [more(part) for part in tree] if isinstance(tree, list) else tree

    return msgspec.json.encode(more(msgspec.json.decode(payload)))


def use_by_a_later_release(folder):
    """What a later release of the same format may do to an outbox: docs/UPDATE.md."""
    db = sqlite3.connect(folder / "outbox.db")
    for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
        if not table.startswith(("sqlite_", "_")):
            db.execute(f"alter table {table} add column later_null text")
            db.execute(f"alter table {table} add column later_default integer not null default 7")
    db.execute("create table later (x text)")
    db.execute("create index later_press on press (later_default)")
    db.execute("insert into _sqlite_migrations (migration_set, name, applied_at) values ('outbox', 'm999', '')")
    for table, key, columns in (
        ("press", "id", ["data"]),
        ("track", "id", ["plan", "stamp", "manifest"]),
        ("request", "n", ["reply"]),
    ):
        for column in columns:
            sql = f"select {key}, {column} from {table} where {column} is not null"
            for row, value in db.execute(sql).fetchall():
                db.execute(f"update {table} set {column} = ? where {key} = ?", [later(value), row])
    (seq,) = db.execute("select max(seq) from event").fetchone()
    payload = b'{"type":"earshot.later.v9"}'
    db.execute(
        "insert into event (seq, id, topic, payload, sha256) values (?, ?, ?, ?, ?)",
        [seq + 1, "e" * 32, "earshot/1/shop/one/event", payload, wire.sha256(payload)],
    )
    db.execute("update counter set value = ? where name = 'seq'", [seq + 1])
    db.commit()
    db.close()


@pytest.fixture
def desk(memory_path):
    """A box of this release over an outbox that a later one has used, with an open track and a finished one."""
    made = Desk(memory_path)
    first = made.press(1000 * S)
    second = made.press(2000 * S)
    _, manifest = finish(made, first)
    made.outbox.remember_reply(Reply(id="c" * 32, ok=True, result={"press": "x"}))
    made.outbox.set_note("faults", "[]")
    made.close()
    use_by_a_later_release(memory_path)
    made = Desk(memory_path, ids=lambda: lambda: secrets.token_hex(16))
    yield made, first, second, manifest
    made.close()


def test_nothing_is_lost_and_everything_is_delivered(desk):
    box, first, second, manifest = desk
    outbox = box.outbox
    assert [press.id for press in outbox.recent_presses()] == [second.id, first.id]
    assert [track.plan.track for track in outbox.open_tracks()] == [second.track_id]
    assert outbox.track(first.track_id).manifest == manifest
    assert outbox.reply_of("c" * 32).result["press"] == "x"
    assert outbox.note("faults") == "[]"
    items = outbox.backlog.events_after(0, 100)
    assert [seq for seq, _ in items] == [1, 2, 3, 4]
    assert [item.id for item in outbox.backlog.tracks()] == [first.track_id]
    receipts = [Received(kind="event", id=i.id, sha256=wire.sha256(outbox.backlog.load(i)[1])) for _, i in items]
    receipts += [
        Received(kind="chunk", id=first.track_id, n=0, sha256=manifest.chunk_sha256[0]),
        Received(kind="track", id=first.track_id, sha256=manifest.sha256),
    ]
    applied = outbox.apply_receipt(Receipt(received=tuple(receipts)))
    assert applied.wrong == ()
    assert applied.tracks == (first.track_id,)
    assert outbox.waiting().events == 0


def test_it_goes_on_writing_and_numbering(desk):
    box, _, second, _ = desk
    assert box.press(3000 * S).track_id
    assert box.outbox.last_seq() == 5
    assert finish(box, second)[0] == 6
    box.outbox.set_note("x", "y")
    assert box.outbox.next_session() >= 1


def test_a_pre_roll_of_a_later_release_is_read(tmp_path):
    head = PreRoll(
        track="a" * 32, boot_id="b" * 32, generation=1, rate_hz=8000, channels=1, window_frame=0, first_frame=0,
        frames=100, start_ns=0, end_ns=1, press_frame=1.0, align_error_ns=1, gaps=(), capture="c", simulated=True,
    )  # fmt: skip
    line, _, audio = pre_roll.pack(head, np.ones((100, 1), np.int16)).partition(b"\n")
    path = tmp_path / "x.pre"
    path.write_bytes(later(line) + b"\n" + audio)
    assert pre_roll.read(path, "a" * 32).head.frames == 100


def test_only_what_is_unknown_is_passed_over():
    good = wire.encode(Stamp(boot_id="a" * 32, mono_ns=1, wall_ns=1, synced=True, uncertainty_ms=0))
    assert stored(later(good), Stamp) == stored(good, Stamp)
    for bad in (b"{}", good.replace(b"true", b"3"), good[:-1], b"[]", b"\xff"):
        with pytest.raises(WireError):
            stored(bad, Stamp)
    plan = PlannedTrack("t", "p", Trigger.SALE, 1, 1, 1, 1)
    assert msgspec.json.decode(later(msgspec.json.encode(plan)), type=PlannedTrack) == plan
    with pytest.raises(WireError):
        wire.decode(later(good), Stamp)


def test_migrations_only_add():
    """A column that an older release does not name must fill itself; nothing of a released table goes or changes."""
    assert FORMAT == 1
    db = Database(memory=True)
    known = set()
    for migration in migrations.pending(db):
        migration.fn(db)
        columns = set(db.execute(COLUMNS).fetchall())
        assert known <= columns, migration.name
        tables = {table for table, _ in known}
        for table, column in columns - known:
            if table in tables:
                sql = 'select type, "notnull", dflt_value from pragma_table_info(?) where name = ?'
                _, not_null, default = db.execute(sql, [table, column]).fetchone()
                assert not not_null or default is not None, (table, column)
        known = columns
    assert known
