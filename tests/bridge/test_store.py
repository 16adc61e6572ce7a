"""Schema, queries and accounts, on SQLite and PostgreSQL."""

import itertools
import json
import shutil
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from bridge_box import SimBox
from bridge_rig import Rig, dump, take_together
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from cloud_bridge.config import ConfigError
from cloud_bridge.store import migrate, queries, users
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import open_store, parse_url
from cloud_bridge.store.rows import PressFilter, SeqGap, TrackState


def test_migrations_make_exactly_the_tables_that_the_program_uses(store):
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, t.metadata) == []


def test_migrating_again_and_back_and_forth(store):
    newest = max(path.name[:4] for path in Path(migrate.__file__).parents[1].glob("migrations/versions/*.py"))
    assert migrate.upgrade(store) == newest
    assert migrate.upgrade(store) == newest
    migrate.check(store)


def test_an_empty_database_is_refused_with_the_remedy(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/new/empty.db")
    with pytest.raises(ConfigError, match="earshot bridge migrate"):
        migrate.check(store)
    store.close()


def test_sqlite_is_durable(sqlite_store):
    with sqlite_store.write() as connection:
        pragma = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("synchronous", "journal_mode")}
    assert pragma == {"synchronous": 2, "journal_mode": "wal"}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", ""])
def test_other_databases_are_refused(url):
    with pytest.raises(ConfigError, match=r"database\.url"):
        parse_url(url)


def test_a_refused_url_shows_no_password():
    with pytest.raises(ConfigError) as caught:
        parse_url("mysql://user:topsecret@host/x")
    assert "topsecret" not in str(caught.value)


def test_pages_of_presses_hold_each_press_once_newest_first(store):
    box, other = SimBox(), SimBox(seed=2, box="other")
    same = box.stamp()
    messages = [box.press(stamp=same) for _ in range(7)] + [other.press(button="b") for _ in range(10)]
    Rig(store).take(messages)
    found, cursor = [], None
    while True:
        page = queries.list_presses(store, PressFilter(), cursor, limit=4)
        found += page.presses
        cursor = page.next
        if cursor is None:
            break
    assert len({row.id for row in found}) == len(found) == 17
    keys = [(row.instant.wall_ns, row.id) for row in found]
    assert keys == sorted(keys, reverse=True)


def test_filters(store):
    box, other = SimBox(), SimBox(seed=2, box="other")
    first, track = box.press_and_track(trigger="incident")
    appeal = other.press(trigger="appeal", track="c" * 32)
    Rig(store).take([*first, appeal])

    def found(**where):
        return [row.box for row in queries.list_presses(store, PressFilter(**where)).presses]

    assert found(box="other") == found(trigger="appeal") == found(state=TrackState.EXPECTED) == ["other"]
    assert found(state=TrackState.COMPLETE) == found(site="site", box="box") == ["box"]
    middle = queries.press(store, track.data.press).press.instant.wall_ns
    assert found(since_ns=middle, until_ns=middle + 1, box="box") == ["box"]
    assert found(until_ns=middle, box="box") == found(since_ns=middle + 1, box="box") == []
    assert queries.press(store, "f" * 32) is queries.track(store, "f" * 32) is None


def test_missing_numbers_are_named(store):
    box = SimBox()
    messages = [box.press() for _ in range(30)]
    rig = Rig(store)
    rig.take([m for n, m in enumerate(messages, 1) if n not in {3, 4, 10, 20, 21, 30}])
    gaps = queries.missing_seq(store, "site", "box")
    assert gaps == (SeqGap(box.series, 3, 4), SeqGap(box.series, 10, 10), SeqGap(box.series, 20, 21))
    assert queries.boxes(store)[0].missing == 5
    rig.take([messages[9], messages[19]])
    assert queries.missing_seq(store, "site", "box") == (SeqGap(box.series, 3, 4), SeqGap(box.series, 21, 21))
    rig.take(messages)
    assert queries.missing_seq(store, "site", "box") == ()
    assert queries.boxes(store)[0].missing == 0


def test_the_first_number_may_be_missing_and_each_series_counts_for_itself(store):
    old, new = SimBox(1), SimBox(2)
    skipped = old.press()
    Rig(store).take([old.press(), new.press()])
    assert queries.missing_seq(store, "site", "box") == (SeqGap(old.series, 1, 1),)
    assert queries.missing_seq(store, "site", "nobody") == ()
    Rig(store).take([skipped])
    assert queries.missing_seq(store, "site", "box") == ()


# Hypothesis seeds `random` anew for each example; ids must differ nevertheless, as the database stays.
_seeds = itertools.count(1000)


@given(batches=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=8), max_size=8))
def test_ranges_hold_exactly_the_numbers_that_came(batches, ranges_store):
    box = SimBox(next(_seeds))
    rig = Rig(ranges_store)
    for numbers in batches:
        events = []
        for number in numbers:
            box.seq = number - 1
            events.append(box.press())
        rig.take(events)
    came = {number for numbers in batches for number in numbers}
    missing = set(range(1, max(came, default=0) + 1)) - came
    gaps = [gap for gap in queries.missing_seq(ranges_store, "site", "box", limit=10**6) if gap.series == box.series]
    assert [n for gap in gaps for n in range(gap.first, gap.last + 1)] == sorted(missing)


@pytest.fixture(scope="module")
def ranges_store(sqlite_template, tmp_path_factory):
    path = tmp_path_factory.mktemp("ranges") / "bridge.db"
    shutil.copyfile(sqlite_template, path)
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


def test_holes_are_found_quickly_however_many_events_there_are(sqlite_store):
    """A million events with a thousand holes are a thousand ranges, and the events are not looked at."""
    box = SimBox()
    Rig(sqlite_store).take([box.press()])
    fixed = {"site": "site", "box": "box", "series": box.series}
    with sqlite_store.write() as connection:
        rows = [{**fixed, "first": n * 1000, "last": n * 1000 + 998} for n in range(1, 1001)]
        connection.execute(insert(t.seq_range), rows)
    began = time.perf_counter()
    assert len(queries.missing_seq(sqlite_store, "site", "box", limit=2000)) == 1000
    assert queries.boxes(sqlite_store)[0].missing == 998 + 999
    assert time.perf_counter() - began < 1


def test_changes_show_each_visible_change_once_in_order_of_commits(store):
    box = SimBox()
    messages, track = box.press_and_track()
    rig = Rig(store)
    start = queries.last_change(store)
    states, last = [], start
    for message in messages:
        rig.take([message])
        seen = queries.changes(store, last)
        states += [str(row.track_state) for row in seen.presses]
        last = seen.last
    assert states == ["expected", "receiving", "complete"]
    assert queries.changes(store, last).presses == ()
    rig.take(messages)
    assert queries.changes(store, last).presses == (), "a repetition changes nothing"
    rig.take([box.press() for _ in range(9)])
    page = queries.changes(store, last, limit=4)
    assert len(page.presses) == 9, "presses of one transaction are never torn apart"
    assert queries.changes(store, 0, limit=500).presses[-1].id == page.presses[-1].id
    assert queries.press(store, track.data.press).press.track == track.id


def test_status_follows_sessions_whatever_the_order(store):
    box = SimBox()
    rig = Rig(store)

    def online():
        row = queries.boxes(store)[0]
        return row.online, row.session

    rig.take([box.press()])
    assert online() == (False, 0)
    rig.take([box.status(session=2)])
    rig.take([box.status(session=1, online=False)])
    assert online() == (True, 2)
    rig.take([box.status(session=2, online=False)])
    rig.take([box.status(session=2)])
    assert online() == (False, 2)
    reborn = SimBox(seed=9)
    rig.take([reborn.status(session=1)])
    rig.take([box.status(session=2, online=False)])
    assert online() == (True, 1)


def test_health_keeps_the_latest_of_a_boot(store):
    box = SimBox()
    early, late = box.health(events_waiting=1), box.health(events_waiting=2)
    rig = Rig(store)
    rig.take([late, early])
    assert queries.boxes(store)[0].health.events_waiting == 2
    rig.take([(early[0], b"")])
    assert queries.list_quarantine(store) == ()
    assert len(rig.link.acknowledged) == 3


def test_accounts(store):
    made = users.create_user(store, "anna", "a long password", users.Role.QUALITY_MANAGER)
    assert users.authenticate(store, "anna", "a long password") == made
    assert users.authenticate(store, "anna", "another password") is None
    assert users.authenticate(store, "nobody", "a long password") is None
    with pytest.raises(users.UserError, match="exists already"):
        users.create_user(store, "anna", "a long password")
    with pytest.raises(users.UserError, match="at least 10"):
        users.create_user(store, "bert", "short")
    with pytest.raises(users.UserError, match="printable"):
        users.create_user(store, "a\nb", "a long password")
    hashed = next(row for row in [*_rows(store, t.user)] if row["name"] == "anna")["password_hash"]
    assert hashed.startswith("$argon2id$")
    session = users.Session(
        key="k" * 64, user=made.id, data=b"x", created_ns=1, seen_ns=1, expires_ns=100, address="::1", agent="test"
    )
    users.put_session(store, session)
    users.touch_session(store, session.key, 5, 105)
    assert users.get_session(store, session.key, 104).seen_ns == 5
    assert users.get_session(store, session.key, 105) is None
    assert [row.key for row in users.list_sessions(store, made.id, 7)] == [session.key]
    users.set_password(store, made.id, "another long one")
    assert users.get_session(store, session.key, 7) is None
    assert users.authenticate(store, "anna", "another long one").id == made.id
    users.put_session(store, session)
    assert users.delete_expired_sessions(store, 200) == 1


def test_the_audit_trail_is_read_newest_first(store):
    for n in range(3):
        users.add_audit(store, at_ns=n, user="anna", action="listen", object=str(n))
    assert [row.object for row in users.list_audit(store)] == ["2", "1", "0"]
    assert [row.object for row in users.list_audit(store, before=users.list_audit(store)[1].id)] == ["0"]


def test_a_reader_is_not_disturbed_by_a_writer(store):
    box = SimBox()
    rig = Rig(store)
    rig.take([box.press()])
    with store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM press")).scalar()
        rig.take([box.press()])
        assert connection.execute(text("SELECT count(*) FROM press")).scalar() == before == 1
    assert len(dump(store)["press"]) == 2


def _rows(store, table):
    with store.read() as connection:
        return connection.execute(table.select()).mappings().all()


def test_a_health_stored_by_another_version_is_replaced(store):
    """Strict on the wire; what an earlier or a later program stored must not stop the box's next report."""
    box = SimBox()
    rig = Rig(store)
    rig.take([box.health()])
    with store.write() as connection:
        text_before = connection.execute(select(t.box.c.health)).scalar_one()
        fields = json.loads(text_before) | {"of_another_version": 1}
        del fields["seq"]
        connection.execute(update(t.box).values(health=json.dumps(fields)))
    rig.take([box.health(uptime_s=77.0)])
    assert queries.list_quarantine(store) == ()
    assert queries.boxes(store)[0].health.uptime_s == 77.0


def test_a_health_of_another_version_does_not_take_the_pages_away(store):
    Rig(store).take([SimBox().health()])
    with store.write() as connection:
        connection.execute(update(t.box).values(health='{"of_another_version": 1}'))
    assert queries.boxes(store)[0].health is None


@pytest.mark.postgres
def test_the_very_first_changes_of_two_workers_meet(postgres_server):
    """Both find no number yet; each change gets its own all the same, and nothing goes to quarantine."""
    store = open_store(postgres_server.create("first", template="empty"))
    try:
        for round_ in range(8):
            with store.write() as connection:
                connection.execute(delete(t.change))
            rigs = [Rig(store), Rig(store)]
            take_together(rigs, [SimBox(seed=round_ * 10 + n, box=f"b{n}").press() for n in range(2)], 1)
        assert queries.list_quarantine(store) == ()
        assert len(queries.list_presses(store, PressFilter()).presses) == 16
    finally:
        store.close()
        postgres_server.drop("first")


def test_a_press_without_sound_shows_nobody_elses(store):
    box = SimBox()
    messages, _ = box.press_and_track(seconds=0.5)
    silent = box.new_id()
    Rig(store).take([*messages, box.press(event_id=silent)])
    assert queries.press(store, silent).tracks == ()
