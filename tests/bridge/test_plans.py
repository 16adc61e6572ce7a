"""What pages ask for is found through indexes: no list reads a whole table, none sorts more than it shows."""

import pytest
from bridge_box import SimBox
from bridge_rig import Rig
from sqlalchemy import event

from cloud_bridge.store import audit_trail, queries, users
from cloud_bridge.store.audit_trail import AuditFilter
from cloud_bridge.store.org import Counter, Organisation, Place, Source
from cloud_bridge.store.rows import Cursor, PressFilter, TrackState
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import Sight

ID = "a" * 32
LATER = Cursor(10**18, ID)


def list_with(**where):
    return lambda store: queries.list_presses(store, PressFilter(**where), LATER)


def audit_with(**where):
    return lambda store: audit_trail.list_lines(store, AuditFilter(**where), 9, 100)


def list_seen(*places, employee=None):
    sight = Sight(Scope(places=places, employee=employee), DESKS)
    return lambda store: queries.list_presses(store, PressFilter(), LATER, sight=sight)


DESKS = Organisation(
    sites={},
    counters={Place("s", "desk"): Counter(site="s", name="desk", title="", retired=False)},
    sources={("s", "b", ""): Source(site="s", box="b", button="", counter="desk")},
    employees={},
)


# What may be sorted: what an index has narrowed down to one box, one account, one state, one press, one number.
ASKED = {
    "presses": (lambda store: queries.list_presses(store, PressFilter()), "ix_press_wall_ns_id", False),
    "older presses": (list_with(), "ix_press_wall_ns_id", False),
    "of a box": (list_with(site="s", box="b"), "ix_press_site_box_wall_ns_id", False),
    "of a trigger": (list_with(trigger="sale"), "ix_press_trigger_wall_ns_id", False),
    "since": (list_with(since_ns=5), "ix_press_wall_ns_id", False),
    "complete": (list_with(state=TrackState.COMPLETE), "ix_press_wall_ns_id", False),
    "seen of a site": (list_seen(Place("s")), "ix_press_site_wall_ns_id", False),
    "seen of sites": (list_seen(Place("s"), Place("t")), "ix_press_", True),
    "seen of a counter": (list_seen(Place("s", "desk")), "ix_press_site_box_wall_ns_id", False),
    "seen by an employee": (list_seen(employee="Ann"), "ix_press_employee_wall_ns_id", False),
    "seen by an employee at a site": (list_seen(Place("s"), employee="Ann"), "ix_press_", False),
    "lost": (list_with(state=TrackState.LOST), "ix_press_track", True),
    "receiving": (list_with(state=TrackState.RECEIVING), "ix_press_track", True),
    "a press": (lambda store: queries.press(store, ID), "sqlite_autoindex_press_1", False),
    "a track": (lambda store: queries.track(store, ID), "sqlite_autoindex_track_1", False),
    "press of a track": (lambda store: queries.press_of_track(store, ID), "ix_press_track", True),
    "changes": (lambda store: queries.changes(store, 5), "ix_press_change", True),
    "names of boxes": (queries.box_names, "sqlite_autoindex_box_1", False),
    "boxes": (queries.boxes, "COVERING INDEX ix_press_site_box_wall_ns_id", False),
    "faults": (lambda store: queries.faults(store, "s", "b"), "ix_fault_site_box_wall_ns", True),
    "quarantine": (lambda store: queries.list_quarantine(store, 9), "INTEGER PRIMARY KEY", False),
    "audit": (lambda store: users.list_audit(store, 9), "INTEGER PRIMARY KEY", False),
    "audit of a person": (audit_with(person="x"), "ix_audit_user_id", False),
    "audit of an action": (audit_with(action="x"), "ix_audit_action_id", False),
    "audit of an object": (audit_with(about=("x",)), "ix_audit_object_id", False),
    "audit of a day": (audit_with(since_ns=1, until_ns=2), "INTEGER PRIMARY KEY", False),
    "actions of the audit": (audit_trail.actions, "ix_audit_action_id", False),
    "session": (lambda store: users.get_session(store, ID, 1), "sqlite_autoindex_web_session_1", False),
    "sessions": (lambda store: users.list_sessions(store, 1, 1), "ix_web_session_account", True),
}


def plans(store, ask):
    """The steps that SQLite takes for what `ask` asks."""
    asked = []

    def remember(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", remember)
    ask(store)
    event.remove(store.engine, "before_cursor_execute", remember)
    with store.engine.connect() as connection:
        explain = connection.connection.driver_connection.execute
        return [row[3] for statement, values in asked for row in explain(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("name", ASKED)
def test_lists_are_read_through_an_index(sqlite_store, name):
    ask, index, may_sort = ASKED[name]
    steps = plans(sqlite_store, ask)
    assert any(index in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN") and "USING" not in step] == []
    if not may_sort:
        assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_the_tracks_of_a_press_are_found_by_their_three_names(sqlite_store):
    messages, track = SimBox().press_and_track(seconds=0.2)
    Rig(sqlite_store).take(messages)
    steps = plans(sqlite_store, lambda store: queries.press(store, track.data.press))
    for index in ("ix_track_press (press=?)", "sqlite_autoindex_track_1 (id=?)", "ix_track_extends (extends=?)"):
        assert any(index in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN")] == []
