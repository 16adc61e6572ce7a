"""Who is told of an alarm: those who want to know and may see it, once, outside quiet hours, or once a day."""

from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import insert, select, update

from cloud_bridge.alarms import records
from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.notify.delivery import deliver_due
from cloud_bridge.notify.outbox import NotifyError
from cloud_bridge.notify.subscriptions import subscribe, subscriptions, unsubscribe
from cloud_bridge.notify.telling import Telling
from cloud_bridge.store import tables_org as org
from cloud_bridge.store.tables import user
from cloud_bridge.store.tables_alarm import alarm
from cloud_bridge.store.tables_notify import notification, notify_channel

NS = 10**9
HOUR_NS = 3600 * NS
PLAN = StreamPlan(
    method="poisson", usual=1.5, usual_from="stream", h=4.0, run_length=500.0, delay=4.0, unit="usual gaps",
    a_month=20.0, allowed=0.04, ratio=3.0, window_ns=0, hours="", learnt_ns=1, revision=1,
)  # fmt: skip


def at(day, hour, minute=0):
    return int(datetime(2026, 6, day, hour, minute, tzinfo=UTC).timestamp()) * NS


NOON = at(3, 12)


class Company:
    """Two sites, a manager of one of them, a quality manager, an operator."""

    def __init__(self, store):
        self.store, self.alarms = store, 0
        people = [("boss", "quality_manager"), ("riga", "site_manager"), ("ann", "operator")]
        with store.write() as connection:
            for site in ("riga", "oslo"):
                connection.execute(insert(org.site).values(name=site, title=site.title(), time_zone="UTC"))
            for name, role in people:
                row = {"name": name, "role": role, "password_hash": "", "disabled": False, "created_ns": 1}
                connection.execute(insert(user).values(**row, email=f"{name}@example.org", language="en"))
            connection.execute(insert(org.account_place).values(account=2, site="riga", counter=""))

    def subscribe(self, account=None, **more):
        values = {
            "account": account, "channel": None, "sites": (), "digest_hour": None, "quiet_from": 0, "quiet_until": 0,
            "time_zone": "UTC", "by": "me", "now_ns": at(1, 0),
        } | more  # fmt: skip
        with self.store.write() as connection:
            return subscribe(connection, **values)

    def raise_alarm(self, raised_ns=NOON, site="riga", **more):
        self.alarms += 1
        values = {
            "id": f"{self.alarms:032x}", "rule": 1, "stream": f"{site}/c1", "scope": "counter", "site": site,
            "counter": "c1", "employee": None, "computed": "", "raised_by": "", "since_ns": raised_ns - HOUR_NS,
            "raised_ns": raised_ns, "cleared_ns": None, "steps": 4, "events": 4, "life": "active",
            "acknowledged_by": None, "acknowledged_ns": None, "note": "", "simulated": False,
            "plan": msgspec.json.encode(PLAN).decode(), "levels": "[]", "made_ns": raised_ns, "changed_ns": raised_ns,
        } | more  # fmt: skip
        with self.store.write() as connection:
            connection.execute(insert(alarm).values(values))
        return values["id"]

    def tell(self, now_ns):
        Telling("https://bridge.example/").tell(self.store, now_ns)

    @property
    def told(self):
        with self.store.read() as connection:
            return connection.execute(select(notification).order_by(notification.c.id)).all()

    def delivered(self, now_ns):
        sent = []

        class Carrier:
            def carry(self, parcel, now_ns):
                sent.append(parcel.address)
                return "ok"

        deliver_due(self.store, {"mail": Carrier(), "channel": Carrier()}, now_ns)
        return sent


@pytest.fixture
def company(sqlite_store):
    return Company(sqlite_store)


def test_everybody_who_may_see_it_is_told_once(store):
    company = Company(store)
    for account in (1, 2, 3):
        company.subscribe(account)
    riga, oslo = company.raise_alarm(), company.raise_alarm(site="oslo")
    for minute in (0, 1, 60):
        company.tell(NOON + minute * 60 * NS)
    told = company.told
    # The operator may not see alarms, the manager of Riga none of Oslo.
    assert sorted((row.account, row.alarm) for row in told) == sorted([(1, riga), (1, oslo), (2, riga)])
    text = next(row for row in told if row.account == 2)
    assert text.subject == "Alarm: Riga, c1"
    assert "4 events since 3 June 2026, 11:00:00 UTC" in text.body
    assert f"https://bridge.example/alarms/{riga}" in text.body


def test_only_the_chosen_sites(company):
    company.subscribe(1, sites=("oslo",))
    company.raise_alarm()
    oslo = company.raise_alarm(site="oslo")
    company.tell(NOON)
    assert [row.alarm for row in company.told] == [oslo]


def test_quiet_hours_delay_and_what_was_seen_meanwhile_is_not_told(company):
    company.subscribe(1, quiet_from=21, quiet_until=8, time_zone="Europe/Moscow")
    first, second = company.raise_alarm(at(3, 20)), company.raise_alarm(at(3, 21))
    company.tell(at(3, 21))
    # 23:00 and 24:00 in Moscow; 8:00 is 5:00 UTC.
    assert {row.next_ns for row in company.told} == {at(4, 5)}
    assert company.delivered(at(4, 4, 59)) == []
    with company.store.write() as connection:
        records.acknowledge(connection, first, by="Ann", note="", now_ns=at(4, 1))
        # What came and went in the night is told in the morning.
        cleared = {"life": "cleared", "cleared_ns": at(4, 2)}
        connection.execute(update(alarm).where(alarm.c.id == second).values(cleared))
    assert company.delivered(at(4, 5)) == ["boss@example.org"]
    assert [row.state for row in company.told] == ["void", "sent"]
    company.raise_alarm(at(4, 9))
    company.tell(at(4, 9))
    assert company.told[-1].next_ns == at(4, 9)


def test_what_was_withdrawn_before_it_was_sent_is_void(company):
    company.subscribe(1, quiet_from=0, quiet_until=23)
    found = company.raise_alarm()
    company.tell(NOON)
    with company.store.write() as connection:
        connection.execute(update(alarm).where(alarm.c.id == found).values(life="withdrawn"))
    assert company.delivered(at(3, 23)) == []
    assert company.told[0].state == "void"


def test_once_a_day_everything_at_once(company):
    company.subscribe(2, digest_hour=8, time_zone="Europe/Riga")
    company.raise_alarm(at(3, 12))
    company.raise_alarm(at(3, 13), site="oslo")
    company.raise_alarm(at(3, 14))
    company.tell(at(3, 15))
    company.tell(at(4, 4, 59))
    assert company.told == []
    # 8:00 in Riga in summer.
    for minute in (0, 1, 300):
        company.tell(at(4, 5) + minute * 60 * NS)
    (digest,) = company.told
    assert digest.subject == "2 alarms"
    assert digest.body.count("https://bridge.example/alarms/") == 2
    assert "Oslo" not in digest.body
    company.raise_alarm(at(4, 6))
    company.tell(at(4, 23))
    company.tell(at(5, 6))
    assert [row.subject for row in company.told] == ["2 alarms", "1 alarm"]


def test_old_stories_and_new_readers(company):
    company.raise_alarm(at(1, 1), made_ns=at(1, 1))
    # A history that was sent today.
    company.raise_alarm(NOON - 20 * 24 * HOUR_NS, made_ns=NOON)
    company.subscribe(1, now_ns=at(2, 0))
    company.tell(NOON)
    assert company.told == []


def test_a_channel_speaks_its_own_language(company):
    with company.store.write() as connection:
        row = {"name": "Duty", "url": "tgram://1:a/2/", "language": "ru", "enabled": True, "made_by": "", "made_ns": 1}
        connection.execute(insert(notify_channel).values(row))
    company.subscribe(channel=1)
    company.raise_alarm(simulated=True)
    company.tell(NOON)
    (told,) = company.told
    assert (told.kind, told.subject) == ("channel", "Тревога: Riga, c1")
    assert "Данные имитации." in told.body
    assert "4 события с 3 июня 2026" in told.body


def test_who_is_no_more_is_not_told(company):
    number = company.subscribe(1)
    company.subscribe(2)
    with company.store.write() as connection:
        connection.execute(update(user).where(user.c.id == 2).values(disabled=True))
        assert [one.account for one in subscriptions(connection)] == [1]
        assert unsubscribe(connection, number)
        assert not unsubscribe(connection, number)
        assert subscriptions(connection) == ()


@pytest.mark.parametrize(
    "wrong", [{"account": None}, {"account": 99}, {"quiet_from": 24}, {"digest_hour": -1}, {"time_zone": "Mars"}]
)
def test_what_cannot_be_told_is_refused(company, wrong):
    with pytest.raises(NotifyError):
        company.subscribe(**({"account": 1} | wrong))
