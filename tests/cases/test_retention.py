"""What is kept how long: by class, never of an open case, never under a hold, whatever dies in between."""

import io

import pytest
from case_desk import DAY_NS, MONDAY_9_NS
from case_shelf import Shelf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from cloud_bridge.blobs import BlobError, open_blobs
from cloud_bridge.cases import letters, members, work
from cloud_bridge.cases.rows import Contact
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.commit import commit
from cloud_bridge.ingest.parse import incoming, parse
from cloud_bridge.retention import holds, removing
from cloud_bridge.retention.classes import DataClass, RetentionError, set_days
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_notify as tn
from cloud_bridge.store import tables_tally as tt
from edge import wire

NOW = MONDAY_9_NS
ANNA = {"by": "anna", "now_ns": NOW}
DAYS = {
    DataClass.UNREVIEWED_SOUND: 30,
    DataClass.CASE_SOUND: 100,
    DataClass.PHOTOS: 10,
    DataClass.CONTACTS: 60,
    DataClass.METRICS: 400,
}


@pytest.fixture
def blobs(tmp_path):
    return open_blobs((tmp_path / "blobs").as_uri())


@pytest.fixture
def shelf(desk, blobs, tmp_path):
    for name, days in DAYS.items():
        set_days(desk.store, name, days, by="admin", now_ns=NOW)
    return Shelf(desk, blobs, tmp_path)


def test_everything_is_kept_unless_somebody_says_otherwise(desk, blobs, tmp_path):
    shelf = Shelf(desk, blobs, tmp_path)
    press = shelf.press()
    shelf.sweep(NOW + 10_000 * DAY_NS)
    assert shelf.files(press) == {"sound", "picture"}
    assert shelf.removed() == []


def test_sound_and_pictures_go_when_their_time_is_over(shelf):
    press = shelf.press()
    shelf.sweep(NOW + 10 * DAY_NS)
    assert shelf.files(press) == {"sound", "picture"}
    shelf.sweep(NOW + 10 * DAY_NS + 1)
    assert shelf.files(press) == {"sound"}
    shelf.sweep(NOW + 30 * DAY_NS + 1)
    assert shelf.files(press) == set()
    picture, sound = shelf.removed()
    assert (picture.kind, picture.why, picture.press, picture.user) == ("picture", "photos", press, "")
    assert (sound.kind, sound.why, sound.bytes) == ("sound", "unreviewed_sound", 32)
    assert sound.sha256 == wire.sha256(sound.object.encode())
    with shelf.store.read() as connection:
        assert connection.execute(select(tp.press.c.id)).scalars().all() == [press]
        assert connection.execute(select(tp.event.c.id)).scalars().all() == [press]
    # Once more, and nothing more.
    shelf.sweep(NOW + 300 * DAY_NS)
    assert len(shelf.removed()) == 2


def test_what_is_in_an_open_case_stays_and_then_counts_from_its_closing(shelf):
    press, merged = shelf.press(), shelf.press()
    root = members.gather(shelf.store, [press], **ANNA)
    other = members.gather(shelf.store, [merged], **ANNA)
    shelf.close(other)
    work.reopen(shelf.store, other, **ANNA)
    members.merge(shelf.store, other, root, **ANNA)
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == shelf.files(merged) == {"sound", "picture"}
    closed = NOW + 900 * DAY_NS
    shelf.close(root, closed)
    shelf.sweep(closed + 10 * DAY_NS + 1)
    assert shelf.files(press) == shelf.files(merged) == {"sound"}
    shelf.sweep(closed + 100 * DAY_NS)
    assert shelf.files(press) == {"sound"}
    shelf.sweep(closed + 100 * DAY_NS + 1)
    assert shelf.files(press) == shelf.files(merged) == set()


@pytest.mark.parametrize("on", ["press", "case", "root"])
def test_nothing_under_a_hold_goes_until_it_is_lifted(shelf, on):
    store = shelf.store
    press = shelf.press()
    case, root = (members.gather(store, [one], **ANNA) for one in (press, shelf.press()))
    letters.set_contact(store, case, Contact(email="c@example.org"), **ANNA)
    members.merge(store, case, root, **ANNA)
    shelf.close(root)
    if on == "press":
        hold = holds.hold_press(store, press, "Claim 4711", **ANNA)
    else:
        hold = holds.hold_case(store, case if on == "case" else root, "Claim 4711", **ANNA)
    assert [one.id for one in holds.of_press(store, press)] == [hold]
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == {"sound", "picture"}
    assert (letters.contact(store, case) is None) == (on == "press")
    holds.release(store, hold, **ANNA)
    assert holds.standing(store) == ()
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == set()
    assert letters.contact(store, case) is None


def test_a_shared_sound_stays_while_one_of_its_presses_must(shelf):
    press = shelf.press()
    with shelf.store.read() as connection:
        track = connection.execute(select(tp.press.c.track).where(tp.press.c.id == press)).scalar_one()
    hammered = shelf.desk.press(track=track, misuse=True)
    holds.hold_press(shelf.store, hammered, "Claim 4711", **ANNA)
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == {"sound"}


def test_contacts_and_what_was_written_go_some_time_after_the_closing(shelf):
    store = shelf.store
    case = members.gather(store, [shelf.press()], **ANNA)
    letters.set_contact(store, case, Contact(name="Ilze", email="ilze@example.org"), **ANNA)
    letters.write(store, case, "Your visit", "Dear Ilze", **ANNA)
    letters.take_down(store, case, "Thanks, Ilze", **ANNA)
    with store.write() as connection:
        tried = {"notification": shelf.desk.mails()[0].id, "at_ns": NOW, "ok": False}
        connection.execute(insert(tn.notification_attempt).values(tried | {"detail": "550 ilze@example.org unknown"}))
    shelf.close(case)
    shelf.sweep(NOW + 60 * DAY_NS)
    assert letters.contact(store, case) is not None
    shelf.sweep(NOW + 60 * DAY_NS + 1)
    assert letters.contact(store, case) is None
    assert [(one.text, one.address, one.removed_ns is not None) for one in letters.messages(store, case)] == [
        ("", "", True)
    ] * 2
    (mail,) = shelf.desk.mails()
    assert (mail.address, mail.subject, mail.body, mail.state) == ("", "", "", "void")
    with store.read() as connection:
        assert connection.execute(select(tn.notification_attempt.c.detail)).scalars().all() == [""]
    assert [(one.kind, one.object, one.count) for one in shelf.removed() if one.why == "contacts"] == [
        ("contact", str(case), 1),
        ("messages", str(case), 2),
    ]


def test_counts_and_receipts_go_with_the_metrics(shelf):
    key = {"site": "site", "box": "box", "button": "", "trigger": "served", "rating": 0, "employee": "Ann"}
    with shelf.store.write() as connection:
        for day in range(5):
            row = {"slot_ns": NOW + day * DAY_NS, "simulated": False, "count": 1, "misuse": 0}
            connection.execute(insert(tt.tally).values(key | row))
            receipt = {"site": "site", "id": str(day), "box": "box", "wall_ns": NOW + day * DAY_NS, "voided": False}
            connection.execute(insert(tt.sale).values(receipt | {"simulated": False, "received_ns": NOW}))
    shelf.sweep(NOW + 402 * DAY_NS)
    with shelf.store.read() as connection:
        assert connection.execute(select(tt.tally.c.slot_ns)).scalars().all() == [NOW + d * DAY_NS for d in (2, 3, 4)]
        assert sorted(connection.execute(select(tt.sale.c.id)).scalars()) == ["2", "3", "4"]
    assert sum(one.count for one in shelf.removed() if one.why == "metrics") == 4


def test_pieces_of_what_never_became_whole_and_refused_messages_go_too(shelf):
    store = shelf.store
    track = shelf.desk.new_id()
    shelf.desk.press(track=track)
    row = {"id": track, "site": "site", "box": "box", "kind": "sound", "state": "receiving", "repaired": False}
    bad = {"topic": "x", "owner": "site/box", "kind": "bad", "reason": "x", "sha256": "0" * 64, "payload": b"sound"}
    with store.write() as connection:
        connection.execute(insert(tp.track).values(row))
        piece = {"track": track, "n": 0, "sha256": "0" * 64, "site": "site", "box": "box", "data": b"sound"}
        connection.execute(insert(tp.chunk).values(piece))
        bad |= {"payload_bytes": 5, "times": 1, "first_ns": NOW, "last_ns": NOW, "fingerprint": "0" * 64}
        connection.execute(insert(tp.quarantine).values(bad))
    shelf.sweep(NOW + 30 * DAY_NS)
    assert shelf.removed() == []
    shelf.sweep(NOW + 30 * DAY_NS + 1)
    with store.read() as connection:
        assert connection.execute(select(tp.chunk)).all() == connection.execute(select(tp.quarantine)).all() == []
    assert [one.kind for one in shelf.removed()] == ["sound", "refused"]


def test_what_a_box_sends_again_is_receipted_and_not_kept(shelf):
    press = shelf.press()
    shelf.sweep(NOW + 900 * DAY_NS)
    with shelf.store.read() as connection:
        track = connection.execute(select(tp.press.c.track).where(tp.press.c.id == press)).scalar_one()
    piece = b"the same sound once more"
    item = parse(incoming(wire.chunk_topic("site", "box", track, 0), piece))
    outcome = commit(shelf.store, [item], NOW, Limits())
    assert [one.what.id for one in outcome.received] == [track]
    with shelf.store.read() as connection:
        assert connection.execute(select(tp.chunk)).all() == []
        assert connection.execute(select(tp.track.c.state).where(tp.track.c.id == track)).scalar() == "deleted"


@pytest.mark.parametrize("after_the_file", [False, True])
def test_a_process_that_dies_in_between_leaves_what_the_next_one_finishes(shelf, monkeypatch, after_the_file):
    press = shelf.press()
    with monkeypatch.context() as patch:
        if after_the_file:
            patch.setattr(removing, "number_changes", lambda _batch: 1 / 0)
        else:
            patch.setattr(shelf.blobs, "remove", lambda _key: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.removed() == []
    with shelf.store.read() as connection:
        assert set(connection.execute(select(tp.track.c.state)).scalars()) == {"complete"}
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == set()
    assert len(shelf.removed()) == 2


def test_a_blob_store_that_is_away_is_waited_for(shelf, monkeypatch, caplog):
    press = shelf.press()

    def away(key):
        raise BlobError(f"blob {key!r} cannot be removed: away")

    with monkeypatch.context() as patch:
        patch.setattr(shelf.blobs, "remove", away)
        shelf.sweep(NOW + 900 * DAY_NS)
    assert "stays until the next sweep" in caplog.text
    assert shelf.files(press) == {"sound", "picture"}
    shelf.sweep(NOW + 900 * DAY_NS)
    assert shelf.files(press) == set()


def test_a_hold_needs_a_reason_and_something_to_hold(shelf):
    press = shelf.press()
    for code, attempt in {
        "reason": lambda: holds.hold_press(shelf.store, press, " x ", **ANNA),
        "press": lambda: holds.hold_press(shelf.store, "f" * 32, "Claim", **ANNA),
        "no_hold": lambda: holds.release(shelf.store, 4711, **ANNA),
        "days": lambda: set_days(shelf.store, DataClass.PHOTOS, 0, **ANNA),
    }.items():
        with pytest.raises(RetentionError) as error:
            attempt()
        assert error.value.code == code


def test_the_blobs_folder_forgets_what_a_killed_writer_left(tmp_path):
    blobs = open_blobs(tmp_path.as_uri())
    (tmp_path / "source").write_bytes(io.BytesIO(b"x").getvalue())
    blobs.put("a/b", tmp_path / "source")
    (tmp_path / "a/b#1").write_bytes(b"staged")
    blobs.remove("a/b")
    blobs.remove("a/b")
    assert list((tmp_path / "a").iterdir()) == []


PRESS = st.fixed_dictionaries(
    {
        "age": st.integers(0, 200),
        "case": st.sampled_from([None, 0, 1]),
        "held": st.booleans(),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    presses=st.lists(PRESS, min_size=1, max_size=5),
    closed=st.tuples(st.sampled_from([None, 0, 50, 150]), st.sampled_from([None, 0, 50, 150])),
    case_held=st.tuples(st.booleans(), st.booleans()),
    merged=st.booleans(),
)
def test_nothing_that_must_stay_goes_and_all_that_may_go_goes(shelf, presses, closed, case_held, merged):
    store, end = shelf.store, NOW + 1000 * DAY_NS
    made = [shelf.press(at_ns=end - one["age"] * DAY_NS - 1) for one in presses]
    cases = {}
    for press, one in zip(made, presses, strict=True):
        if one["case"] is not None:
            cases[one["case"]] = members.gather(store, [press], into=cases.get(one["case"]), by="anna", now_ns=NOW)
        if one["held"]:
            holds.hold_press(store, press, "Claim 4711", by="anna", now_ns=NOW)
    joined = merged and len(cases) == 2
    if joined:
        members.merge(store, cases[1], cases[0], by="anna", now_ns=NOW)
    for n, case in cases.items():
        if case_held[n]:
            holds.hold_case(store, case, "Claim 4711", by="anna", now_ns=NOW)
        if closed[n] is not None and not (joined and n == 1):
            shelf.close(case, end - closed[n] * DAY_NS - 1)
    shelf.sweep(end)
    for press, one in zip(made, presses, strict=True):
        n = one["case"]
        root = 0 if joined and n == 1 else n
        open_case = n is not None and closed[root] is None
        held = one["held"] or (n is not None and (case_held[n] or case_held[root]))
        ages = {"picture": one["age"], "sound": one["age"]}
        if n is not None and not open_case:
            ages = {"picture": min(one["age"], closed[root]), "sound": closed[root]}
            # What is younger than every time of its class is not looked at yet.
            ages["sound"] = ages["sound"] if one["age"] >= DAYS[DataClass.UNREVIEWED_SOUND] else 0
        limit = {"picture": 10, "sound": 30 if n is None else 100}
        stays = {kind for kind, age in ages.items() if held or open_case or age < limit[kind]}
        assert shelf.files(press) == stays
    with store.read() as connection:
        counts = connection.execute(select(tc.case_press.c.press)).all()
    assert len(counts) >= len([one for one in presses if one["case"] is not None])
