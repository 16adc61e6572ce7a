"""The expert system finds the planted failures of an invented store, and calls falsely no more often than allowed."""

import shutil
from datetime import UTC, datetime
from random import Random

import pytest
from simulated_store import count, messages_of, put_receipts, send
from sqlalchemy import select

from cloud_bridge.alarms.evaluation import evaluate_next
from cloud_bridge.alarms.planning import plan_if_due, read_plans
from cloud_bridge.simulate.world import make_world
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.failures import condition_inside_failure
from cloud_bridge.store.tables_alarm import alarm, alarm_press

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
A_MONTH = 2.0


def watch(store, now_ns):
    """Plan and evaluate until nothing is left to do."""
    plan_if_due(store, now_ns)
    for _ in range(100):
        if not evaluate_next(store, now_ns):
            break
    with store.read() as connection:
        return connection.execute(select(alarm).order_by(alarm.c.raised_ns, alarm.c.id)).all()


def is_of(world, failure, one):
    """Whether an alarm is the call of a failure: where it struck, raised since it began, of events while it lasted."""
    if one.site != failure.site or not (one.raised_ns >= failure.from_ns and one.since_ns < failure.until_ns):
        return False
    place = None if failure.counter is None else world.counters[failure.counter]
    if place is None or one.scope == "site":
        return True
    if one.scope == "counter":
        return one.counter == place.box
    return failure.employee is None or one.employee == place.employees[failure.employee]


@pytest.mark.parametrize(("counters", "days", "seed", "receipts"), [(8, 24, 1, False), (3, 20, 4, True)])
def test_the_three_failures_are_found_within_the_budget(sqlite_store, counters, days, seed, receipts):
    world = make_world(counters, days, seed, UNTIL)
    send(sqlite_store, messages_of(world), world.end_ns)
    if receipts:
        put_receipts(sqlite_store, world, world.end_ns)
    count(sqlite_store)
    alarms = watch(sqlite_store, world.end_ns)
    for failure in world.failures:
        found = [one for one in alarms if is_of(world, failure, one)]
        assert found, f"{failure.kind} was not found"
        first_ns = min(one.raised_ns for one in found)
        assert first_ns < min(failure.until_ns, failure.from_ns + 4 * 86_400 * 10**9), f"{failure.kind} was found late"
    false = [one for one in alarms if not any(is_of(world, failure, one) for failure in world.failures)]
    # What is allowed is a mean: of twice as many and one more, Poisson's chance is less than 2 in 100.
    assert len(false) <= 2 * A_MONTH + 1
    with sqlite_store.read() as connection:
        methods = {plan.method for plan in read_plans(connection).values()}
    assert methods == {"bernoulli" if receipts else "poisson"}
    assert all(one.simulated for one in alarms)


def test_whatever_the_order_the_alarms_are_the_same(sqlite_store, tmp_path, sqlite_template):
    world = make_world(3, 20, 2, UNTIL)
    messages = messages_of(world)
    send(sqlite_store, messages, world.end_ns)
    count(sqlite_store)
    assert watch(sqlite_store, world.end_ns)
    shutil.copyfile(sqlite_template, tmp_path / "other.db")
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    Random(5).shuffle(messages)
    for half in (messages[::2], messages[1::2]):
        send(other, half, world.end_ns)
        count(other)
        watch(other, world.end_ns)
    # A day later thresholds are learnt anew.
    got = watch(other, world.end_ns + 86_400 * 10**9)
    wanted = watch(sqlite_store, world.end_ns + 86_400 * 10**9)
    facts = ("computed", "stream", "since_ns", "raised_ns", "cleared_ns", "steps", "events", "levels")

    def told(rows):
        return [[getattr(row, name) for name in facts] for row in rows if row.life != "withdrawn"]

    assert told(got) == told(wanted) != []
    with sqlite_store.read() as one, other.read() as another:
        query = select(alarm.c.computed, alarm_press.c.press, alarm_press.c.counted).join(alarm)
        query = query.where(alarm.c.life != "withdrawn").order_by(alarm.c.computed, alarm_press.c.press)
        assert one.execute(query).all() == another.execute(query).all()
    other.close()


def test_what_lies_in_an_alarms_window_is_inside_a_failure(sqlite_store):
    world = make_world(3, 20, 2, UNTIL)
    send(sqlite_store, messages_of(world), world.end_ns)
    count(sqlite_store)
    alarms = watch(sqlite_store, world.end_ns)
    with sqlite_store.read() as connection:
        inside = connection.execute(select(t.press).where(condition_inside_failure(t.press))).all()
        presses = connection.execute(select(t.press)).all()
    assert 0 < len(inside) < len(presses)
    of_sites = [one for one in alarms if one.scope == "site"]
    for press in presses:
        for one in of_sites:
            if press.site == one.site and one.since_ns <= press.wall_ns <= (one.cleared_ns or world.end_ns):
                assert press in inside
