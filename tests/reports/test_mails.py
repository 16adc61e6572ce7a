"""Reports by mail: once a period, of what its reader may see, after any pause, in the reader's language."""

import io
from datetime import UTC, date, datetime
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from report_world import Counted
from sqlalchemy import select

from cloud_bridge.reports import mails
from cloud_bridge.reports.build import Report
from cloud_bridge.reports.mails import Asked, Every, OrderError, last_period
from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_notify import notification, notification_file
from cloud_bridge.store.users import Role

ZONE = ZoneInfo("Europe/Moscow")


def ns(day, hour=12):
    return int(datetime(2026, 11, day, hour, tzinfo=ZONE).timestamp()) * 10**9


@pytest.fixture
def reader(sqlite_store):
    counted = Counted(sqlite_store)
    for day in range(1, 15):
        for site in ("a", "b"):
            counted.visit(site, "1", served=100, green=20, red=2, slot_ns=ns(day))

    def make(role=Role.BUSINESS, places=(), email="boss@example.org", language=None):
        user = users.create_user(
            sqlite_store,
            f"{role}{len(users.list_users(sqlite_store))}",
            "long enough for us",
            role,
            language,
            email=email,
        )
        with sqlite_store.write() as connection:
            org.set_places(connection, user.id, places)
        return user

    return make


def send(store, now_ns):
    while mails.send_due(store, zone=ZONE, url="https://bridge.example", now_ns=now_ns):
        pass
    with store.read() as connection:
        rows = connection.execute(select(notification).order_by(notification.c.id)).mappings().all()
        files = connection.execute(select(notification_file)).mappings().all()
    return rows, files


def order(store, user, every=Every.DAY, now_ns=None, **asked):
    at_ns = ns(3) if now_ns is None else now_ns
    mails.order(store, user.id, Report.LOYALTY, every, Asked(**asked), zone=ZONE, now_ns=at_ns)


def test_a_day_comes_once_the_morning_after_with_its_workbook(sqlite_store, reader):
    user = reader()
    order(sqlite_store, user)
    order(sqlite_store, user)
    assert len(mails.orders_of(sqlite_store, user.id)) == 1
    assert send(sqlite_store, ns(4, 5)) == ([], [])
    (row,), (file,) = send(sqlite_store, ns(4, 6))
    assert (row["account"], row["subject"]) == (user.id, "Loyalty, 3 November 2026")
    assert "- Site a: Served (n) 100; Voted (n) 22;" in row["body"]
    assert "https://bridge.example/reports/loyalty?since=2026-11-03&until=2026-11-03&by=site" in row["body"]
    assert file["name"] == "earshot-loyalty-2026-11-03-2026-11-03.xlsx"
    assert "xl/workbook.xml" in ZipFile(io.BytesIO(file["data"])).namelist()
    assert len(send(sqlite_store, ns(4, 20))[0]) == 1
    assert len(send(sqlite_store, ns(5, 6))[0]) == 2


def test_what_was_missed_comes_as_its_last_alone(sqlite_store, reader):
    order(sqlite_store, reader())
    rows, _ = send(sqlite_store, ns(10))
    assert [row["subject"] for row in rows] == ["Loyalty, 9 November 2026"]


def test_the_reader_gets_what_they_may_see_now(sqlite_store, reader):
    user = reader(places=(Place("a"),), language="ru")
    order(sqlite_store, user)
    ((row,), _) = send(sqlite_store, ns(4))
    assert row["subject"].startswith("Лояльность, 3 ноября")
    assert ("Site a" in row["body"], "Site b" in row["body"]) == (True, False)
    for other in (reader(role=Role.OPERATOR), reader(role=Role.AUDITOR), reader(email=None)):
        order(sqlite_store, other)
    assert len(send(sqlite_store, ns(4, 13))[0]) == 1
    assert len(send(sqlite_store, ns(5))[0]) == 2


def test_an_order_is_ended_by_who_made_it(sqlite_store, reader):
    user, other = reader(), reader()
    order(sqlite_store, user, Every.WEEK, by="counter", site="a")
    (made,) = mails.orders_of(sqlite_store, user.id)
    assert not mails.end(sqlite_store, other.id, made.id)
    assert mails.end(sqlite_store, user.id, made.id)
    assert send(sqlite_store, ns(30)) == ([], [])


def test_an_account_orders_so_many_and_no_more(sqlite_store, reader):
    user = reader()
    for n in range(mails.ORDERS_MAX):
        order(sqlite_store, user, employee=f"E{n}")
    with pytest.raises(OrderError, match="end one first"):
        order(sqlite_store, user)


@pytest.mark.parametrize(
    ("every", "at", "since", "until"),
    [
        (Every.DAY, ns(10, 6), date(2026, 11, 9), date(2026, 11, 9)),
        (Every.DAY, ns(10, 5), date(2026, 11, 8), date(2026, 11, 8)),
        (Every.WEEK, ns(9, 6), date(2026, 11, 2), date(2026, 11, 8)),
        (Every.WEEK, ns(9, 5), date(2026, 10, 26), date(2026, 11, 1)),
        (Every.WEEK, ns(15, 23), date(2026, 11, 2), date(2026, 11, 8)),
        (Every.MONTH, ns(1, 6), date(2026, 10, 1), date(2026, 10, 31)),
        (Every.MONTH, ns(1, 5), date(2026, 9, 1), date(2026, 9, 30)),
    ],
)
def test_a_period_is_over_in_the_morning(every, at, since, until):
    assert last_period(every, at, ZONE) == (since, until)


def test_each_due_time_is_the_morning_after_a_period(sqlite_store, reader):
    user = reader()
    for every in Every:
        order(sqlite_store, user, every, now_ns=ns(3))
    due = [
        datetime.fromtimestamp(one.due_ns // 10**9, UTC).astimezone(ZONE)
        for one in mails.orders_of(sqlite_store, user.id)
    ]
    assert [(at.month, at.day, at.hour) for at in due] == [(11, 4, 6), (11, 9, 6), (12, 1, 6)]
