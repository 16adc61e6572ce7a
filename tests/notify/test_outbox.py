"""What is to be told: once, in the transaction that makes it true, to somebody who can be written to."""

import json

import pytest
from sqlalchemy import insert, select

from cloud_bridge.notify.outbox import (
    File,
    NotifyError,
    announce,
    enqueue,
    mail_address,
    to_account,
    to_address,
)
from cloud_bridge.store import tables_notify as t

NOW_NS = 1_800_000_000 * 10**9


def put(connection, key="case 7 warned account 1", **more):
    values = {"key": key, "to": to_address("anna@example.org"), "subject": "Late", "text": "It is late."} | more
    return enqueue(connection, now_ns=NOW_NS, **values)


def rows(store, table=t.notification):
    with store.read() as connection:
        return connection.execute(select(table)).all()


def test_the_same_key_is_told_once(store):
    with store.write() as connection:
        first = put(connection, files=[File("a.csv", "text/csv", b"1;2")])
        assert put(connection, subject="Another") is None
        assert put(connection, key="case 8 warned account 1") not in {None, first}
    kept = {row.id: row for row in rows(store)}
    assert kept[first].subject == "Late"
    assert (kept[first].state, kept[first].next_ns, kept[first].kind) == ("waiting", NOW_NS, "mail")
    (file,) = rows(store, t.notification_file)
    assert (file.notification, file.name, file.data) == (first, "a.csv", b"1;2")


def test_what_is_undone_is_not_told(store):
    with store.write() as connection:
        put(connection)
        connection.rollback()
    assert rows(store) == []
    with store.write() as connection:
        assert put(connection) is not None


def test_nothing_is_told_before_its_time(store):
    with store.write() as connection:
        put(connection, not_before_ns=NOW_NS + 5)
        put(connection, key="b", not_before_ns=NOW_NS - 5)
    assert [row.next_ns for row in rows(store)] == [NOW_NS + 5, NOW_NS]


@pytest.mark.parametrize(
    "text",
    ["", "anna", "anna@", "@example.org", "a b@example.org", "a@b\nBcc: x@y.z", "a@x, b@y", "Anna <a@b.c>", "é@x.de"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(NotifyError, match="no e-mail address"):
        mail_address(text)


def test_a_subject_is_one_line_and_keys_fit(store):
    with store.write() as connection:
        put(connection, subject="Late\r\nBcc: everybody@example.org")
        with pytest.raises(NotifyError, match="1 to 200"):
            put(connection, key="k" * 201)
    assert rows(store)[0].subject == "Late Bcc: everybody@example.org"


def test_an_event_goes_to_the_webhooks_that_want_it(store):
    hook = {"url": "https://crm.example/", "secret": "s", "retired": False, "made_by": "me", "made_ns": 1}
    with store.write() as connection:
        connection.execute(insert(t.webhook).values(name="a", events='["alarm.raised"]', enabled=True, **hook))
        connection.execute(insert(t.webhook).values(name="b", events='["alarm.raised"]', enabled=False, **hook))
        connection.execute(insert(t.webhook).values(name="c", events='["alarm.cleared"]', enabled=True, **hook))
        for told in (1, 0):
            got = announce(connection, event="alarm.raised", key="alarm 1 raised", data={"id": "1"}, now_ns=NOW_NS)
            assert got == told
    (row,) = rows(store)
    assert (row.kind, row.webhook, row.subject) == ("webhook", 1, "alarm.raised")
    assert json.loads(row.body) == {"type": "alarm.raised", "data": {"id": "1"}}


def test_a_person_is_named_by_account():
    assert (to_account(3).kind, to_account(3).account) == ("mail", 3)
