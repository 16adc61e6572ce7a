"""The indices: the golden numbers, what small numbers hide, whose clock a day goes by, what a scope leaves out."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import DAY, MADE_NS, ZONE, Counted, at_ns
from sqlalchemy import insert

from cloud_bridge.reports.build import Report, figures
from cloud_bridge.reports.local_time import DAY_NS, HOUR_NS, offsets, period_ns
from cloud_bridge.reports.question import Grouping, Question, QuestionError
from cloud_bridge.simulate.records import box_messages
from cloud_bridge.simulate.world import make_world
from cloud_bridge.store import org, tallies
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import EVERYTHING, Scope
from cloud_bridge.store.tables_tally import sale, tally_dirty
from edge import wire

NOVEMBER = Question(since=date(2026, 11, 1), until=date(2026, 11, 30))


def ask(store, report=Report.LOYALTY, scope=EVERYTHING, **asked):
    values = {name: getattr(NOVEMBER, name) for name in Question.__struct_fields__} | asked
    return figures(store, report, Question(**values), scope, now_ns=MADE_NS)


def row(table, first):
    names = [column.key for column in table.columns]
    (found,) = [one for one in table.rows if one.values[0] == first]
    return dict(zip(names, found.values, strict=True))


def total(table):
    return dict(zip([column.key for column in table.columns], table.total.values, strict=True))


def test_the_golden_numbers(store):
    Counted(store).visit("a", "1", served=1000, green=60, yellow=30, red=10)
    found = row(ask(store).table("indices"), "Site a")
    assert (found["served"], found["voters"]) == (1000, 100)
    assert found["iel"] == pytest.approx(5.0)
    assert (found["iel_low"], found["iel_high"]) == pytest.approx((3.36, 6.61), abs=0.01)
    assert found["net"] == pytest.approx(50.0)
    assert (found["net_low"], found["net_high"]) == pytest.approx((35.5, 61.6), abs=0.1)
    assert (found["red_low"], found["red_high"]) == pytest.approx((0.54, 1.83), abs=0.01)
    assert found["turnout"] * found["net"] / 100 == pytest.approx(found["iel"])
    assert found["note"] is None


def test_more_voters_than_served_is_an_alarm_and_no_index(store):
    Counted(store).visit("a", "1", served=50, green=60, red=2)
    report = ask(store)
    found = row(report.table("indices"), "Site a")
    assert (found["iel"], found["turnout"], found["red"]) == (None, None, None)
    assert found["note"] == "more_voters_than_served"
    assert found["red_voters"] == pytest.approx(100 * 2 / 62)
    assert report.alarms == ("Site a · Counter 1",)
    assert report.table("week").rows != ()


def test_counters_without_receipts_spoil_no_index(store):
    world = Counted(store)
    world.visit("a", "1", served=1000, green=60, red=10)
    world.visit("a", "2", green=500, red=400)
    found = row(ask(store).table("indices"), "Site a")
    assert (found["iel"], found["served"], found["voters"]) == (pytest.approx(5.0), 1000, 970)
    assert found["note"] == "part_counted"
    assert total(ask(store).table("indices"))["iel"] == pytest.approx(5.0)
    days = ask(store, by=Grouping.DAY).table("indices")
    assert days.column("iel") == (pytest.approx(5.0),)
    assert row(ask(store, by=Grouping.COUNTER).table("indices"), "Site a · Counter 2")["note"] == "no_receipts"
    (hour,) = ask(store).table("week").rows
    assert hour.values[:4] == (0, 12, 1000, pytest.approx(1.0))


def test_small_groups_are_hidden_with_the_one_that_would_give_them_away(store):
    world = Counted(store)
    for site, served in (("a", 7), ("b", 30), ("c", 45), ("d", 500)):
        world.visit(site, "1", served=served, green=2)
    table = ask(store).table("indices")
    served = dict(zip(table.column("site"), table.column("served"), strict=True))
    assert served == {"Site a": None, "Site b": None, "Site c": 45, "Site d": 500}
    small, large = row(table, "Site c"), row(table, "Site d")
    assert small["iel"] is not None
    assert (small["iel_low"], small["iel_high"], small["rank"]) == (None, None, None)
    assert large["iel_low"] < large["iel"] < large["iel_high"]
    assert row(table, "Site a")["iel"] is None
    assert row(table, "Site a")["note"] == "hidden"
    assert total(table)["served"] == 582


def test_only_who_differs_from_the_others_has_a_rank(store):
    world = Counted(store)
    for site, red in (("a", 10), ("b", 11), ("c", 9), ("d", 90)):
        world.visit(site, "1", served=1000, green=60, red=red)
    table = ask(store).table("indices")
    assert dict(zip(table.column("site"), table.column("rank"), strict=True))["Site d"] == 1
    assert row(table, "Site d")["verdict"] == "above"
    equal = [row(table, f"Site {name}") for name in "ab"]
    assert {one["verdict"] for one in equal} <= {"below", "as_others"}
    alike = Counted(store)
    for site in ("e", "f"):
        alike.visit(site, "1", served=1000, green=60, red=9)
    by_counter = ask(store, by=Grouping.COUNTER, site="e").table("indices")
    assert by_counter.column("rank") == (None,)


def test_days_go_by_the_clock_of_the_place(store):
    world = Counted(store)
    world.place("far", "1", "Asia/Vladivostok")
    # 20:00 of Monday in Moscow is 03:00 of Tuesday in Vladivostok.
    for site in ("near", "far"):
        world.visit(site, "1", served=100, green=10, slot_ns=at_ns(hour=20))
    table = ask(store, by=Grouping.DAY).table("indices")
    assert table.column("day") == (date(2026, 11, 2), date(2026, 11, 3))
    assert [one.values[:2] for one in ask(store).table("week").rows] == [(0, 20), (1, 3)]
    monday = ask(store, since=date(2026, 11, 2), until=date(2026, 11, 2))
    assert monday.table("indices").column("site") == ("Site near",)
    assert monday.zone == "Asia/Vladivostok, Europe/Moscow"


def test_an_hour_that_a_clock_change_repeats_is_one_row_of_the_week(store):
    world = Counted(store)
    world.place("b", "1", "Europe/Berlin")
    before = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    for slot_ns in (before, before + HOUR_NS):
        world.visit("b", "1", served=100, slot_ns=slot_ns)
    asked = {"since": date(2026, 10, 25), "until": date(2026, 10, 25)}
    (hour,) = ask(store, **asked).table("week").rows
    assert hour.values[:3] == (6, 2, 200)


def test_weeks_and_months_begin_where_the_calendar_has_them_and_link_to_the_days_asked(store):
    world = Counted(store)
    for day in (0, 6, 7):
        world.visit("a", "1", served=100, green=10, slot_ns=at_ns(day))
    weeks = ask(store, by=Grouping.WEEK).table("indices")
    assert dict(zip(weeks.column("week"), weeks.column("served"), strict=True)) == {
        date(2026, 11, 2): 200,
        date(2026, 11, 9): 100,
    }
    assert (weeks.rows[1].behind.since, weeks.rows[1].behind.until) == (date(2026, 11, 9), date(2026, 11, 15))
    months = ask(store, by=Grouping.MONTH, since=date(2026, 11, 3)).table("indices")
    assert months.column("month") == (date(2026, 11, 3),)


def test_a_scope_and_a_place_leave_the_others_out(store):
    world = Counted(store)
    world.visit("a", "1", served=100, green=10, employee="Anna")
    world.visit("a", "2", served=200, green=10, employee="Boris")
    world.visit("b", "1", served=400, green=10, employee="Anna")

    def served(scope=EVERYTHING, **asked):
        return total(ask(store, scope=scope, **asked).table("indices"))["served"]

    assert served() == 700
    assert served(Scope(places=(Place("a"),))) == 300
    assert served(Scope(places=(Place("a", "2"),))) == 200
    assert served(Scope(places=(Place("a"),)), site="b") is None
    assert served(Scope(employee="Anna")) == 500
    assert served(site="a", counter="1") == 100
    assert served(employee="Boris") == 200
    assert ask(store, by=Grouping.EMPLOYEE).table("indices").column("employee") == ("Anna", "Boris")


def test_simulated_presses_stand_beside_no_real_ones(store):
    world = Counted(store)
    world.visit("a", "1", served=300, green=20, simulated=True)
    assert ask(store).simulated
    assert total(ask(store).table("indices"))["served"] == 300
    world.visit("a", "1", served=50, green=5)
    assert not ask(store).simulated
    assert total(ask(store).table("indices"))["served"] == 50
    assert total(ask(store, simulated=True).table("indices"))["served"] == 300


def test_hammering_is_no_vote_and_staff_s_presses_are_none(store):
    world = Counted(store)
    world.visit("a", "1", served=100, green=20)
    world.add("a", "1", "incident", 9, rating=1, button="red", misuse=7)
    world.add("a", "1", "appeal", 3, button="staff")
    world.add("a", "1", "force_majeure", 2, button="staff")
    found = row(ask(store).table("indices"), "Site a")
    assert (found["voters"], found["red"], found["appeals"]) == (22, pytest.approx(2.0), 3)
    triggers = ask(store, Report.FREQUENCY).table("triggers")
    assert [one.values[:3] for one in triggers.rows] == [
        ("rating", 20, 27),
        ("appeal", 3, 27),
        ("force_majeure", 2, 27),
        ("incident", 2, 27),
    ]


def test_the_smile_index_stands_beside_the_others(store):
    Counted(store).add("a", "1", "rating", 100, rating=5, button="green", smile_verdicts=60, smiles=45)
    found = row(ask(store).table("indices"), "Site a")
    assert (found["smile_n"], found["smile"]) == (60, pytest.approx(75.0))
    assert found["smile_low"] < 75 < found["smile_high"]


def test_the_board_shows_the_day_that_is_beyond_chance(store):
    world = Counted(store)
    for day in range(20):
        world.visit("a", "1", served=1000, green=60, red=60 if day == 13 else 9 + day % 3, slot_ns=at_ns(day))
    board = ask(store).table("board")
    beyond = dict(zip(board.column("day"), board.column("beyond"), strict=True))
    assert [day for day, what in beyond.items() if what != "within"] == [date(2026, 11, 15)]
    assert beyond[date(2026, 11, 15)] == "above"


def test_nothing_counted_is_an_empty_report(store):
    report = ask(store)
    assert [len(table.rows) for table in report.tables] == [0, 0, 0]
    assert total(report.table("indices"))["iel"] is None
    assert ask(store, Report.CAUSES).table("causes").rows == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": date(2026, 11, 2), "until": date(2026, 11, 1)}, "swap"),
        ({"since": date(2010, 11, 2), "until": date(2026, 11, 1)}, "too long"),
        ({"counter": "1"}, "needs its site"),
        ({"since": date(1960, 1, 1), "until": date(1960, 1, 2)}, "1971"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, words):
    values = {"since": NOVEMBER.since, "until": NOVEMBER.until} | asked
    with pytest.raises(QuestionError, match=words):
        Question(**values)


@given(
    st.integers(-40_000, 40_000),
    st.sampled_from(["Europe/Moscow", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
)
def test_offsets_hold_until_they_say(hours, name):
    zone = type(ZONE)(name)
    day = date.fromordinal(date(2026, 6, 1).toordinal() + hours // 24)
    begin_ns, end_ns = period_ns(day, date.fromordinal(day.toordinal() + 200), zone)
    parts = offsets((begin_ns, end_ns), zone)
    for at in range(begin_ns, end_ns, 37 * HOUR_NS):
        (offset_ns, *_) = [offset for until, offset in parts if at < until]
        local = datetime.fromtimestamp(at // 10**9, UTC).astimezone(zone)
        assert offset_ns == int(local.utcoffset().total_seconds()) * 10**9
        assert (at + offset_ns) // DAY_NS == local.date().toordinal() - date(1970, 1, 1).toordinal()


def test_an_invented_store_is_counted_as_it_was_invented(sqlite_store):
    """From messages and receipts to the indices: equal to a count of the invented customers themselves."""
    from bridge_rig import Rig

    world = make_world(3, 3, 5, DAY)
    rig = Rig(sqlite_store)
    for counter in range(3):
        rig.take([one.parts[0] for one in box_messages(world, counter, None)])
    receipts = [
        {
            "site": world.counters[one.counter].site, "id": str(one.number), "box": world.counters[one.counter].box,
            "employee": None, "wall_ns": one.at_ns, "voided": one.void, "simulated": True, "received_ns": 1,
        }
        for one in world.customers
    ]  # fmt: skip
    with sqlite_store.write() as connection:
        connection.execute(insert(sale), receipts)
        marks = [
            {"site": site, "box": box, "from_ns": world.start_ns, "until_ns": world.end_ns}
            for site, box in {(row["site"], row["box"]) for row in receipts}
        ]
        connection.execute(insert(tally_dirty), marks)
    while tallies.count_dirty(sqlite_store):
        pass
    org.change_site(sqlite_store, "store-1", title="One", time_zone="Europe/Moscow", calendar=None)
    report = ask(sqlite_store, since=date(2026, 10, 30), until=date(2026, 11, 1), by=Grouping.EMPLOYEE)
    table = report.table("indices")
    people = [world.counters[one.counter].employees[one.employee] for one in world.customers]
    served = Counter(name for name, one in zip(people, world.customers, strict=True) if not one.void)
    voted = Counter(name for name, one in zip(people, world.customers, strict=True) if one.vote)
    found = {one.values[0]: one.values[1:3] for one in table.rows}
    assert {name: n for name, (n, _) in found.items()} == served
    assert {name: n for name, (_, n) in found.items() if n is not None} == {
        name: n for name, n in voted.items() if found[name][1] is not None
    }
    assert total(table)["served"] == sum(served.values())
    assert total(table)["voters"] == sum(voted.values())
    assert wire.Trigger.INCIDENT in ask(sqlite_store, Report.FREQUENCY, since=date(2026, 10, 30)).table(
        "triggers"
    ).column("trigger")
