"""What the pages of cases and the sweep ask for is found through indexes, also with a hundred thousand cases."""

import pytest
from sqlalchemy import event, insert, select, text

from cloud_bridge.cases import alerts, lists
from cloud_bridge.cases.rows import OPEN, CaseCursor, CaseFilter, Status
from cloud_bridge.retention import holds, persons
from cloud_bridge.retention.classes import DataClass, set_days
from cloud_bridge.retention.persons import PersonKind
from cloud_bridge.retention.sweep import Sweep
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables import user

NOW = 10**18
AT = CaseCursor(NOW, 7)
ID = "a" * 32


def listed(scope=None, cursor=AT, **where):
    return lambda store: lists.list_cases(store, CaseFilter(**where), cursor, scope=scope or Scope())


def counted(**where):
    return lambda store: lists.count_cases(store, CaseFilter(**where))


def client(store):
    with store.read() as connection:
        persons.count_of(connection, PersonKind.CLIENT, "a@example.org")


def sweep(store):
    for name in DataClass:
        set_days(store, name, 1, by="admin", now_ns=NOW)
    one = Sweep(store, None)
    while one.work(NOW):
        pass


# What may be sorted: one case, one status of three, and what has been narrowed down to a site.
ASKED = {
    "cases": (listed(), "ix_case_file_order_ns_id", False),
    "the first page": (listed(cursor=None), "ix_case_file_order_ns_id", False),
    "closed ones": (listed(statuses=(Status.CLOSED,)), "ix_case_file_", False),
    "mine": (listed(assignee=7), "ix_case_file_assignee_order_ns_id", False),
    "of a site": (listed(site="s"), "ix_case_file_site_order_ns_id", False),
    "seen of a site": (listed(Scope(places=(Place("s"),))), "ix_case_file_site_order_ns_id", False),
    "seen of a counter": (listed(Scope(places=(Place("s", "c"),))), "ix_case_file_site_order_ns_id", False),
    "overdue": (counted(statuses=OPEN, overdue_ns=NOW), "ix_case_file_", False),
    "how many": (counted(statuses=OPEN, assignee=7), "ix_case_file_", False),
    "a case": (lambda store: lists.find_case(store, 7), "INTEGER PRIMARY KEY", True),
    "history": (lambda store: lists.history(store, 7), "ix_case_event_case_id", True),
    "presses": (lambda store: lists.presses_of(store, 7), "ix_case_press_case", True),
    "case of a press": (lambda store: lists.case_of_press(store, ID), "sqlite_autoindex_case_press_1", False),
    "limits": (
        lambda store: alerts.say_what_is_due(store, alerts.load_words(), NOW),
        "ix_case_file_alert_ns",
        True,
    ),
    "holds of a press": (lambda store: holds.of_press(store, ID), "ix_legal_hold_", True),
    "a client": (client, "ix_case_contact_email", False),
    "the sweep": (sweep, "ix_track_kind_completed_ns_id", True),
}


@pytest.fixture
def many(sqlite_store):
    """Enough cases for the planner to care."""
    blank = {"title": "", "site": "s", "simulated": False, "status": "work", "limit_no": 1, "warn_before_s": 0}
    blank |= {"warned_no": 0, "escalated_no": 0, "opened_ns": 0, "opened_by": "", "changed_ns": 0}
    with sqlite_store.write() as connection:
        rows = [
            blank
            | {
                "order_ns": NOW + n,
                "site": f"s{n % 9}",
                "assignee": n % 20 + 1,
                "status": "work" if n < 100 else "closed",
            }
            for n in range(2000)
        ]
        people = [{"id": n, "name": str(n), "role": "admin", "password_hash": ""} for n in range(1, 21)]
        connection.execute(insert(user), [one | {"disabled": False, "created_ns": 0} for one in people])
        connection.execute(insert(t.case_file), rows)
        connection.execute(text("ANALYZE"))
    return sqlite_store


@pytest.mark.parametrize("name", ASKED)
def test_questions_are_answered_through_an_index(many, name):
    ask, index, may_sort = ASKED[name]
    asked = []

    def remember(_connection, _cursor, statement, parameters, *_):
        if statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(many.engine, "before_cursor_execute", remember)
    ask(many)
    event.remove(many.engine, "before_cursor_execute", remember)
    with many.engine.connect() as connection:
        explain = connection.connection.driver_connection.execute
        steps = [row[3] for statement, values in asked for row in explain(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any(index in step for step in steps), steps
    whole = [step for step in steps if step.startswith("SCAN") and "USING" not in step]
    # A company has few rules, holds, sites; what a question has gathered by itself is small, too.
    # The sweep walks through the cases by their numbers, some at a time.
    walked = ("case_file",) if name == "the sweep" else ()
    small = (*walked, "retention_rule", "legal_hold", "below", "members", "anon", "site", "(", "CONSTANT")
    assert [step for step in whole if not step.removeprefix("SCAN ").startswith(small)] == []
    # What belongs to the rows of one page (their tags) may be sorted; the rows themselves come in order.
    if not may_sort:
        listing = [(statement, values) for statement, values in asked if "ORDER BY case_file.order_ns" in statement]
        with many.engine.connect() as connection:
            explain = connection.connection.driver_connection.execute
            steps = [
                row[3] for statement, values in listing for row in explain(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
        assert [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step] == []


def test_a_page_reads_no_more_than_it_shows(many):
    with many.read() as connection:
        assert connection.execute(select(t.case_file.c.id)).all()
    page = lists.list_cases(many, CaseFilter(statuses=OPEN), limit=10)
    assert [case.order_ns for case in page.cases] == [NOW + n for n in range(10)]
    assert page.next == CaseCursor(NOW + 9, page.cases[-1].id)
