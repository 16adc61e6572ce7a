"""The queue holds what was asked for and may be seen, each press once, newest first."""

import pytest
from review_rows import MINUTE_NS, START_NS, press_id, put_account, put_place, put_press, put_snapshot, put_track
from sqlalchemy import insert

from cloud_bridge.review import acts, queue
from cloud_bridge.review.acts import Say
from cloud_bridge.review.queue import Asker, Wanted
from cloud_bridge.review.state import Person
from cloud_bridge.store import org, tables_alarm
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import FULL, Sight


@pytest.fixture
def anna(store):
    made = put_account(store, "anna")
    return Person(made.id, made.name, "", START_NS)


def asker(store, person, sight=FULL):
    return Asker(person.account, sight, org.organisation(store))


def numbers(page):
    return [int(row.press.id, 16) for row in page.rows]


def found(store, person, sight=FULL, **wanted):
    who, what = asker(store, person, sight), Wanted(**wanted)
    page = queue.page(store, who, what)
    assert queue.count(store, who, what) == len(page.rows)
    return numbers(page)


def test_pages_hold_each_press_once_newest_first(store, anna):
    for number in range(1, 8):
        put_press(store, number, wall_ns=START_NS + number // 2)
    seen, cursor = [], None
    while True:
        page = queue.page(store, asker(store, anna), Wanted(), cursor, limit=3)
        seen += numbers(page)
        cursor = page.next
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_what_i_have_reviewed_leaves_my_queue_alone(store, anna):
    boris = put_account(store, "boris")
    for number in (1, 2):
        put_press(store, number)
    acts.act(store, anna, [press_id(1)], Say(reviewed=True, verdict="true"))
    assert found(store, anna) == [2]
    assert found(store, anna, reviewed=True) == [1]
    assert found(store, anna, reviewed=None) == [2, 1]
    assert found(store, Person(boris.id, "boris", "", 0)) == [2, 1]


def test_filters(store, anna):
    put_place(store)
    put_press(store, 1, employee="Ann", trigger="rating", rating=2)
    with_sound = put_press(store, 2, track="f" + press_id(2)[1:])
    put_track(store, with_sound)
    snapshot = put_snapshot(store, press := put_press(store, 3, site="site"))
    put_track(store, press, kind="picture", key=snapshot)
    put_press(store, 4, site="other", box="box")
    put_press(store, 5, track="f" + press_id(2)[1:], site="other")
    acts.act(store, anna, [press_id(1)], Say(verdict="false"))
    acts.act(store, anna, [press_id(2)], Say(note="only a note", add_tag="loud"))
    assert found(store, anna, employee="Ann") == found(store, anna, trigger="rating") == [1]
    assert found(store, anna, rating=2) == found(store, anna, verdict="false") == [1]
    assert found(store, anna, sound=True) == [2], "another box's track is not its sound"
    assert found(store, anna, picture=True) == [3]
    assert found(store, anna, verdict="none") == [5, 4, 3, 2]
    assert found(store, anna, tag="loud") == [2]
    assert found(store, anna, place=Place("other")) == [5, 4]
    assert found(store, anna, place=Place("site", "box")) == [3, 2, 1]
    assert found(store, anna, place=Place("site", "nowhere")) == []
    assert found(store, anna, since_ns=START_NS + 2 * MINUTE_NS, until_ns=START_NS + 4 * MINUTE_NS) == [3, 2]
    assert found(store, anna, verdict="true") == []
    row = queue.one(store, asker(store, anna), press_id(1))
    assert (row.verdict, row.reviewed, row.picture) == ("false", False, False)


def test_only_what_may_be_seen_is_there(store, anna):
    put_press(store, 1, employee="Ann")
    put_press(store, 2, site="other")
    sight = Sight(Scope(places=(Place("site"),)))
    assert found(store, anna, sight) == [1]
    assert queue.one(store, asker(store, anna, sight), press_id(2)) is None
    assert queue.one(store, asker(store, anna, sight), press_id(1)) is not None


def test_the_queue_of_failures_holds_the_windows_of_alarms(store, anna):
    for number in (1, 2, 3):
        put_press(store, number)
    texts = dict.fromkeys(("stream", "scope", "computed", "raised_by", "note", "plan", "levels"), "x")
    ints = dict.fromkeys(("since_ns", "raised_ns", "steps", "events", "made_ns", "changed_ns"), 1)
    rows = [("1" * 32, "active", 1), ("2" * 32, "withdrawn", 2)]
    with store.write() as connection:
        for key, life, number in rows:
            values = {"id": key, "rule": 1, "site": "site", "life": life, "simulated": False} | texts | ints
            connection.execute(insert(tables_alarm.alarm).values(**values))
            evidence = {"alarm": key, "press": press_id(number), "counted": True}
            connection.execute(insert(tables_alarm.alarm_press).values(**evidence))
    assert found(store, anna, failures=True) == [1]
    assert found(store, anna, alarm="2" * 32) == [2]


def test_counting_ends_where_it_is_enough(store, anna, monkeypatch):
    monkeypatch.setattr(queue, "COUNTED_MAX", 2)
    for number in range(1, 6):
        put_press(store, number)
    assert queue.count(store, asker(store, anna), Wanted()) == 3
