"""The queue is found through indexes: no page of it reads all presses, and none sorts more than it shows."""

import pytest
from review_rows import put_account, put_press
from sqlalchemy import event

from cloud_bridge.review import queue
from cloud_bridge.review.queue import Asker, Wanted
from cloud_bridge.store import org
from cloud_bridge.store.org import Place
from cloud_bridge.store.rows import Cursor
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import FULL, Sight

LATER = Cursor(10**18, "a" * 32)
ONE_SITE = Sight(Scope(places=(Place("site"),)))
ASKED = {
    "new": (Wanted(), FULL, "ix_press_wall_ns_id"),
    "every": (Wanted(reviewed=None), FULL, "ix_press_wall_ns_id"),
    "of a site": (Wanted(place=Place("site")), FULL, "ix_press_site_wall_ns_id"),
    "bound to a site": (Wanted(), ONE_SITE, "ix_press_site_wall_ns_id"),
    "of a trigger": (Wanted(trigger="sale"), FULL, "ix_press_trigger_wall_ns_id"),
    "of an employee": (Wanted(employee="Ann"), FULL, "ix_press_employee_wall_ns_id"),
    "without a verdict": (Wanted(verdict="none"), FULL, "ix_press_wall_ns_id"),
    "with sound": (Wanted(sound=True), FULL, "ix_press_wall_ns_id"),
    "few of mine": (Wanted(reviewed=True), FULL, "sqlite_autoindex_press_1"),
    "few with a verdict": (Wanted(verdict="true"), FULL, "sqlite_autoindex_press_1"),
    "few with a tag": (Wanted(tag="loud"), FULL, "sqlite_autoindex_press_1"),
    "few with a cause": (Wanted(cause="causes.queue"), FULL, "sqlite_autoindex_press_1"),
    "few in failures": (Wanted(failures=True), FULL, "sqlite_autoindex_press_1"),
}


def plan(store, ask):
    """The steps that SQLite takes for the query that finds the ids of a page."""
    asked = []

    def remember(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT press.id \nFROM"):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", remember)
    ask()
    event.remove(store.engine, "before_cursor_execute", remember)
    assert len(asked) == 1
    with store.engine.connect() as connection:
        explain = connection.connection.driver_connection.execute
        return [row[3] for statement, values in asked for row in explain(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.fixture
def anna(sqlite_store):
    put_press(sqlite_store, 1)
    return put_account(sqlite_store, "anna")


@pytest.mark.parametrize("name", ASKED)
def test_a_page_of_the_queue_is_read_through_an_index(sqlite_store, anna, name):
    wanted, sight, index = ASKED[name]
    asker = Asker(anna.id, sight, org.organisation(sqlite_store))
    steps = plan(sqlite_store, lambda: queue.page(sqlite_store, asker, wanted, LATER))
    assert any(index in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN press") and "USING" not in step] == []
    if not name.startswith("few"):
        assert [step for step in steps if "TEMP B-TREE" in step] == [], steps


@pytest.mark.parametrize("wanted", [Wanted(reviewed=True), Wanted(verdict="true"), Wanted(tag="loud")])
def test_where_many_match_the_newest_are_asked_one_by_one(sqlite_store, anna, wanted, monkeypatch):
    monkeypatch.setattr(queue, "_FEW", -1)
    asker = Asker(anna.id, FULL, org.organisation(sqlite_store))
    steps = plan(sqlite_store, lambda: queue.page(sqlite_store, asker, wanted, LATER))
    assert any("ix_press_wall_ns_id" in step for step in steps), steps
    assert [step for step in steps if "TEMP B-TREE" in step] == [], steps
