"""What people have of alarms: they survive, are acknowledged once, clear when all is as usual, are never rewritten."""

from datetime import UTC, datetime

import pytest
from simulated_store import count
from sqlalchemy import delete, insert, select, update

from cloud_bridge.alarms import records
from cloud_bridge.alarms.evaluation import BLOCK_NS, evaluate_next, evaluate_site, stretch_of
from cloud_bridge.alarms.hours import ALWAYS, hours_of, open_time
from cloud_bridge.alarms.planning import plan_if_due, read_plans
from cloud_bridge.alarms.usual import Exposure, usual_rates
from cloud_bridge.alarms.watches import Watch, budget, decode_watch, put_rule, set_budget, switch_rule
from cloud_bridge.notify.outbox import enqueue, to_address
from cloud_bridge.rules.cusum import OpenTime
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_org as org
from cloud_bridge.store.org import Site
from cloud_bridge.store.tables_alarm import alarm, alarm_dirty, alarm_press, rule
from cloud_bridge.store.tables_notify import notification, webhook
from cloud_bridge.store.tables_tally import tally_dirty

NS = 10**9
HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
# In the middle of a block of the grid.
NOW_NS = 739 * BLOCK_NS + 14 * DAY_NS
WINDOW = Watch(method="window", scope="counter", events=("incident",), window_minutes=60, usual_per_day=1.0)


class Counter:
    """One counter with one rule, whose presses a test puts in by hand."""

    def __init__(self, store):
        self.store, self.number = store, 0
        with store.write() as connection:
            connection.execute(update(rule).values(enabled=False, retired=True))
            connection.execute(insert(org.site).values(name="riga", title="Riga", time_zone="UTC"))
            connection.execute(insert(org.counter).values(site="riga", name="c1", title="C", retired=False))
            connection.execute(insert(org.counter_source).values(site="riga", box="b1", button="", counter="c1"))
            self.rule = put_rule(connection, None, "", WINDOW, by="me", now_ns=NOW_NS)
        # Something must be known of the site: a press a day before.
        self.press(NOW_NS - 40 * DAY_NS, trigger="rating", rating=5)

    def press(self, at_ns, **more):
        self.number += 1
        key = f"{self.number:032x}"
        values = {
            "id": key, "site": "riga", "box": "b1", "button": "red", "trigger": "incident", "misuse": False,
            "source": "test", "simulated": False, "stamp_uncertainty_ms": 1.0, "boot_id": "0" * 32, "mono_ns": 1,
            "wall_ns": at_ns, "synced": True, "repaired": False, "uncertainty_ms": 1.0, "received_ns": at_ns,
            "change": self.number,
        } | more  # fmt: skip
        event = {"id": key, "site": "riga", "box": "b1", "series": "0" * 32, "seq": self.number, "type": "press"}
        with self.store.write() as connection:
            connection.execute(insert(t.event).values(**event, sha256="", received_ns=at_ns, payload=""))
            connection.execute(insert(t.press).values(values))
        self.mark(at_ns)
        return key

    def mark(self, at_ns):
        with self.store.write() as connection:
            connection.execute(insert(tally_dirty).values(site="riga", box="b1", from_ns=at_ns, until_ns=at_ns))

    def take_back(self, key, at_ns):
        with self.store.write() as connection:
            connection.execute(delete(alarm_press).where(alarm_press.c.press == key))
            connection.execute(delete(t.press).where(t.press.c.id == key))
        self.mark(at_ns)

    def watch(self, now_ns):
        count(self.store)
        plan_if_due(self.store, now_ns)
        evaluate_next(self.store, now_ns)
        with self.store.read() as connection:
            return connection.execute(select(alarm).order_by(alarm.c.raised_ns, alarm.c.id)).all()


@pytest.fixture
def counter(sqlite_store):
    return Counter(sqlite_store)


def burst(counter, at_ns, n=4):
    return [counter.press(at_ns + k * 60 * NS) for k in range(n)]


def test_a_burst_is_one_alarm_which_time_clears(store):
    counter = Counter(store)
    presses = burst(counter, NOW_NS)
    beside = counter.press(NOW_NS + 30 * NS, trigger="appeal")
    (found,) = counter.watch(NOW_NS + HOUR_NS // 4)
    assert (found.life, found.cleared_ns, found.events) == ("active", None, 4)
    assert (found.site, found.counter, found.scope) == ("riga", "c1", "counter")
    with counter.store.read() as connection:
        kept = {row.press: row.counted for row in connection.execute(select(alarm_press))}
    assert kept == dict.fromkeys(presses, True) | {beside: False}
    # Nothing new comes; a minute after the last look it is looked at again, for time alone may clear it.
    (found,) = counter.watch(NOW_NS + 2 * HOUR_NS)
    assert (found.life, found.id) == ("cleared", found.computed)
    assert NOW_NS + HOUR_NS <= found.cleared_ns <= NOW_NS + HOUR_NS + 180 * NS
    assert counter.watch(NOW_NS + 3 * HOUR_NS) == [found]


def test_what_comes_late_goes_on_in_the_same_record(counter):
    burst(counter, NOW_NS)
    (first,) = counter.watch(NOW_NS + HOUR_NS // 4)
    with counter.store.write() as connection:
        assert records.acknowledge(connection, first.id, by="Ann", note="seen", now_ns=NOW_NS + HOUR_NS // 4)
        assert not records.acknowledge(connection, first.id, by="Bob", note="again", now_ns=NOW_NS + HOUR_NS // 4)
    # A press before the others raises it earlier, under another computed id.
    counter.press(NOW_NS - 60 * NS)
    (second,) = counter.watch(NOW_NS + HOUR_NS // 2)
    assert second.id == first.id
    assert second.computed != first.computed
    assert second.raised_ns < first.raised_ns
    assert (second.acknowledged_by, second.note, second.events) == ("Ann", "seen", 5)


def test_what_was_none_after_all_is_withdrawn_and_kept(store):
    counter = Counter(store)
    presses = burst(counter, NOW_NS)
    (first,) = counter.watch(NOW_NS + HOUR_NS // 4)
    for key in presses[1:]:
        counter.take_back(key, NOW_NS)
    (second,) = counter.watch(NOW_NS + HOUR_NS // 2)
    assert (second.id, second.life) == (first.id, "withdrawn")
    assert counter.watch(NOW_NS + HOUR_NS) == [second]


def test_another_rule_or_budget_rewrites_nothing(counter):
    burst(counter, NOW_NS - 5 * HOUR_NS)
    burst(counter, NOW_NS)
    old, standing = counter.watch(NOW_NS + HOUR_NS // 4)
    assert (old.life, standing.life) == ("cleared", "active")
    with counter.store.write() as connection:
        put_rule(
            connection, counter.rule, "", Watch(**{**_fields(WINDOW), "usual_per_day": 200.0}), by="me", now_ns=NOW_NS
        )
    after = counter.watch(NOW_NS + HOUR_NS // 2)
    # Twelve times a day are usual now: what was raised stays, what stood has ended.
    assert after[0] == old
    assert (after[1].id, after[1].life) == (standing.id, "cleared")


def _fields(watch):
    return {name: getattr(watch, name) for name in watch.__struct_fields__}


def test_a_rule_that_is_switched_off_leaves_no_alarm_standing(counter):
    burst(counter, NOW_NS)
    assert counter.watch(NOW_NS + HOUR_NS // 4)[0].life == "active"
    with counter.store.write() as connection:
        assert switch_rule(connection, counter.rule, enabled=False, by="me", now_ns=NOW_NS + HOUR_NS // 3)
    (found,) = counter.watch(NOW_NS + HOUR_NS // 2)
    assert (found.life, found.cleared_ns) == ("cleared", NOW_NS + HOUR_NS // 2)


def test_programs_hear_of_each_change_once_but_not_of_old_stories(counter):
    hook = {"name": "a", "url": "https://crm.example/", "secret": "s", "enabled": True, "retired": False}
    events = '["alarm.raised", "alarm.cleared", "alarm.acknowledged"]'
    with counter.store.write() as connection:
        connection.execute(insert(webhook).values(**hook, events=events, made_by="me", made_ns=1))
    burst(counter, NOW_NS - 10 * DAY_NS)
    burst(counter, NOW_NS)
    for minutes in (10, 20, 30):
        _, found = counter.watch(NOW_NS + minutes * 60 * NS)
        counter.mark(NOW_NS)
    with counter.store.write() as connection:
        to = to_address("a@example.org")
        enqueue(connection, key="m", to=to, subject="s", text="t", now_ns=NOW_NS, alarm=found.id)
        records.acknowledge(connection, found.id, by="Ann", note="", now_ns=NOW_NS)
    counter.watch(NOW_NS + 3 * HOUR_NS)
    with counter.store.read() as connection:
        rows = connection.execute(select(notification).order_by(notification.c.id)).all()
    assert [(row.subject, row.state) for row in rows] == [
        ("alarm.raised", "waiting"),
        ("s", "void"),
        ("alarm.acknowledged", "waiting"),
        ("alarm.cleared", "waiting"),
    ]


def test_a_very_late_press_is_looked_at_in_its_own_time(counter):
    assert counter.watch(NOW_NS) == []
    burst(counter, NOW_NS - 30 * DAY_NS)
    (found,) = counter.watch(NOW_NS + HOUR_NS)
    assert found.raised_ns < NOW_NS - 29 * DAY_NS
    # Later rounds, which do not look so far back, leave it alone.
    for days in (1, 40, 80):
        burst(counter, NOW_NS + days * DAY_NS, n=1)
        assert counter.watch(NOW_NS + days * DAY_NS + HOUR_NS)[0] == found


def test_a_stretch_begins_on_the_grid():
    for now_ns in (NOW_NS, NOW_NS + 13 * DAY_NS):
        assert stretch_of(now_ns, now_ns) == (738 * BLOCK_NS, 739 * BLOCK_NS)
    assert stretch_of(0, NOW_NS) == (0, 0)
    assert stretch_of(NOW_NS + 99 * DAY_NS, NOW_NS) == stretch_of(NOW_NS, NOW_NS)


def test_the_site_that_waits_longest_comes_first_and_none_twice_at_once(store):
    with store.write() as connection:
        for name in ("a", "b"):
            connection.execute(insert(org.site).values(name=name, title=name, time_zone="UTC"))
            connection.execute(insert(alarm_dirty).values(site=name, from_ns=NOW_NS))
    assert evaluate_next(store, NOW_NS) is True
    assert evaluate_next(store, NOW_NS) is False
    with store.write() as connection:
        assert connection.execute(select(alarm_dirty)).all() == []
        connection.execute(insert(alarm_dirty).values(site="a", from_ns=NOW_NS))
    evaluate_next(store, NOW_NS + NS)
    with store.read() as connection:
        assert len(connection.execute(select(alarm_dirty)).all()) == 1
    evaluate_site(store, "a", NOW_NS + 10 * NS)
    with store.read() as connection:
        assert connection.execute(select(alarm_dirty)).all() == []


def test_a_rule_that_cannot_be_is_refused(sqlite_store):
    for bad in (b"{}", b'{"method":"x"}', b'{"method":"cusum","scope":"site","events":[]}'):
        with pytest.raises(RuleError):
            decode_watch(bad)
    with pytest.raises(RuleError):
        decode_watch(b'{"method":"cusum","scope":"site","events":["incident"],"baseline_from":"yesterday"}')
    with sqlite_store.write() as connection:
        revision = budget(connection).revision
        for bad in (0.0, -1.0, float("nan"), 1e9):
            with pytest.raises(RuleError, match="false alarms a month"):
                set_budget(connection, bad, NOW_NS)
        assert put_rule(connection, 99, "", WINDOW, by="me", now_ns=NOW_NS) is None
        assert not switch_rule(connection, 99, enabled=True, by="me", now_ns=NOW_NS)
        assert budget(connection).revision == revision + 1


def test_nothing_is_usual_before_ten_events(counter):
    with counter.store.write() as connection:
        watch = Watch(method="poisson", scope="counter", events=("incident",), baseline_days=40)
        put_rule(connection, counter.rule, "", watch, by="me", now_ns=NOW_NS)
    for day in range(9):
        counter.press(NOW_NS - (30 - day) * DAY_NS)
    assert counter.watch(NOW_NS) == []
    with counter.store.read() as connection:
        assert read_plans(connection) == {}
    counter.press(NOW_NS - 10 * DAY_NS)
    counter.watch(NOW_NS + HOUR_NS)
    with counter.store.read() as connection:
        ((key, plan),) = read_plans(connection).items()
    assert key == (counter.rule, "riga/c1")
    assert plan.method == "poisson"


def test_streams_that_differ_only_by_chance_share_what_is_usual():
    alike = usual_rates({f"s{n}": Exposure(events, 1000.0) for n, events in enumerate((5, 4, 6, 5, 5, 4, 6, 5))})
    assert {round(one.rate, 4) for one in alike.values()} == {0.005}
    assert all(one.own == 0.0 for one in alike.values())
    unlike = usual_rates({"calm": Exposure(20, 10_000.0), "busy": Exposure(400, 10_000.0)})
    assert unlike["calm"].rate == pytest.approx(0.002, rel=0.1)
    assert unlike["busy"].rate == pytest.approx(0.04, rel=0.1)
    # The less a stream tells, the more it follows the others.
    small = usual_rates({"a": Exposure(20, 10_000.0), "b": Exposure(400, 10_000.0), "new": Exposure(0, 1.0)})
    assert small["new"].rate > small["a"].rate
    assert small["new"].own < 0.1
    assert usual_rates({"a": Exposure(0, 5.0)}) == {}
    (alone,) = usual_rates({"a": Exposure(9, 900.0)}).values()
    assert (alone.rate, alone.own) == (pytest.approx(0.01), 1.0)
    assert alone.cautious > alone.rate


def test_open_hours_are_learnt_where_no_calendar_was_set():
    def at(day, hour, minute=0):
        return int(datetime(2026, 6, day, hour, minute, tzinfo=UTC).timestamp()) * NS

    def hours(opened: OpenTime, day):
        return opened.between_ns(at(day, 0), at(day + 1, 0)) / HOUR_NS

    site = Site(name="s", title="S", time_zone="UTC", calendar=None)
    # Two weeks, Mondays to Fridays, 9 to 18 (1 June 2026 is a Monday).
    slots = [at(day, hour) for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12) for hour in (9, 13, 17)]
    learnt = open_time(hours_of(site, slots))
    assert (hours(learnt, 1), hours(learnt, 6)) == (8.5, 0.0)
    few = open_time(hours_of(site, slots[:6]))
    assert (hours(few, 1), hours(few, 6)) == (8.5, 8.5)
    assert hours_of(site, []) == ALWAYS
    own = Site(name="s", title="S", time_zone="UTC", calendar='{"hours": {"mon": ["10:00-12:00"]}}')
    assert hours(open_time(hours_of(own, slots)), 1) == 2.0
    broken = Site(name="s", title="S", time_zone="UTC", calendar='{"hours": {}}')
    assert hours_of(broken, slots) == hours_of(site, slots)
