"""From facts to alarms: each rule by hand, and the same alarms however the facts arrive."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_bridge.cases.calendar import calendar_of
from cloud_bridge.rules.alarm import alarm_id
from cloud_bridge.rules.cusum import BernoulliCusum, PoissonCusum
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.monitor import Monitor, evaluate
from cloud_bridge.rules.open_time import AllTime, BusinessTime, instant, unix_ns
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores, worse_share
from cloud_bridge.rules.window import WindowDetector

NS = 1_000_000_000
HOUR_NS = 3600 * NS
SHARE = BernoulliCusum(BernoulliScores(0.05, worse_share(0.05, 3.0)), 2.5)
RATE = PoissonCusum(PoissonScores(3.0), 2.5, float(HOUR_NS), AllTime())
WINDOW = WindowDetector(3, 600 * NS, 1)
DETECTORS = [SHARE, RATE, WINDOW]


def customers(marks: str, step_ns: int = 60 * NS) -> list[Fact]:
    """Customers one after the other: ! with an event, . without."""
    return [Fact(place * step_ns, f"{place:04}", mark == "!") for place, mark in enumerate(marks)]


def events(*at_s: float) -> list[Fact]:
    return [Fact(round(at * NS), f"{place:04}", counted=True) for place, at in enumerate(at_s)]


def alarms_of(detector, facts, now_ns=0):
    return evaluate("rule", "stream", detector, facts, now_ns)


def test_the_window_rule_by_hand():
    (found,) = alarms_of(WINDOW, events(0, 300, 599.9, 800), 10_000 * NS)
    assert (found.since_ns, found.raised_ns) == (0, round(599.9 * NS))
    assert found.evidence == ("0000", "0001", "0002", "0003")
    assert found.raised_by == "0002"
    # From 1199.9 s on only the last one counts.
    assert found.cleared_ns == round(1199.9 * NS)
    assert found.id == alarm_id("rule", "stream", "0002")


def test_an_event_counts_for_exactly_the_window():
    assert alarms_of(WINDOW, events(0, 300, 600)) == ()
    assert len(alarms_of(WINDOW, events(0.000001, 300, 600))) == 1


def test_hysteresis_makes_one_alarm_of_a_spell_that_dips():
    # 2 in the window is too few to raise but too many to clear.
    spell = events(0, 100, 200, 650, 750, 1200, 1300, 1750)
    assert len(alarms_of(WINDOW, spell)) == 1
    assert len(alarms_of(replace(WINDOW, clear_count=2), spell)) > 1


def test_an_alarm_stands_until_time_has_cleared_it():
    facts = events(0, 1, 2)
    assert alarms_of(WINDOW, facts, 600 * NS)[0].cleared_ns is None
    assert alarms_of(WINDOW, facts, 601 * NS)[0].cleared_ns == 601 * NS


def test_the_bernoulli_cusum_by_hand():
    red, other = SHARE.scores.red, SHARE.scores.other
    assert 3 * red >= SHARE.h > 2 * red
    (found,) = alarms_of(SHARE, customers("....!!!." + "." * 40))
    assert (found.since_ns, found.raised_ns, found.steps) == (4 * 60 * NS, 6 * 60 * NS, 3)
    # The level is held at h, so the customers that clear it are h / -other.
    needed = int(np.ceil(SHARE.h / -other))
    assert found.cleared_ns == (6 + needed) * 60 * NS


def test_ordinary_customers_wear_evidence_down():
    wear = int(np.ceil(SHARE.scores.red / -SHARE.scores.other))
    assert alarms_of(SHARE, customers(("!" + "." * wear) * 30)) == ()
    found = alarms_of(SHARE, customers("!" + "." * wear + "!!!"))
    # What was worn down to nothing is no evidence.
    assert found[0].since_ns == (wear + 1) * 60 * NS


def test_evidence_goes_on_while_the_alarm_stands():
    (found,) = alarms_of(SHARE, customers("!!!..!.!"))
    assert found.evidence == ("0000", "0001", "0002", "0005", "0007")
    assert (found.raised_by, found.cleared_ns) == ("0002", None)


def test_the_poisson_cusum_by_hand():
    (found,) = alarms_of(RATE, events(0, 10, 20), 20 * HOUR_NS)
    assert found.raised_ns == 20 * NS
    # From h, less 2 an hour.
    assert found.cleared_ns == pytest.approx(20 * NS + 1.25 * HOUR_NS, abs=1000)
    assert alarms_of(RATE, events(0, 3600, 7200, 10800)) == ()


def test_closed_hours_wear_nothing_down():
    week = {day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    open_time = BusinessTime(calendar_of("Europe/Berlin", week))
    detector = replace(RATE, open_time=open_time)
    friday = unix_ns(datetime(2026, 6, 5, 15, 55, tzinfo=UTC))
    monday = unix_ns(datetime(2026, 6, 8, 7, 1, tzinfo=UTC))
    facts = [
        Fact(friday, "a", counted=True),
        Fact(friday + 60 * NS, "b", counted=True),
        Fact(monday, "c", counted=True),
    ]
    (found,) = alarms_of(detector, facts, monday + 5 * HOUR_NS)
    assert found.raised_by == "c"
    assert instant(found.cleared_ns) < instant(monday + 2 * HOUR_NS)
    assert alarms_of(RATE, facts) == ()


streams = st.lists(st.tuples(st.integers(0, 7200), st.booleans(), st.integers(0, 3)), max_size=80).map(
    lambda rows: [
        Fact(at * 30 * NS, f"{place}", counted or extra == 0) for place, (at, counted, extra) in enumerate(rows)
    ]
)


@pytest.mark.parametrize("detector", DETECTORS, ids=["share", "rate", "window"])
@settings(max_examples=60, deadline=None)
@given(facts=streams, seed=st.integers(0, 1000))
def test_any_order_any_batches_any_repetition_give_the_same_alarms(detector, facts, seed):
    random, now_ns = Random(seed), 8000 * 30 * NS
    expected = alarms_of(detector, facts, now_ns)
    monitor = Monitor("rule", "stream", detector)
    arriving = facts + random.sample(facts, len(facts) // 2)
    random.shuffle(arriving)
    while arriving:
        taken = random.randint(1, 20)
        monitor.put(arriving[:taken])
        del arriving[:taken]
        monitor.alarms(now_ns)
    assert monitor.alarms(now_ns) == expected
    assert len({one.id for one in expected}) == len(expected)


@pytest.mark.parametrize("detector", DETECTORS, ids=["share", "rate", "window"])
def test_late_facts_and_voids_far_back_in_a_long_stream_are_worked_in(detector):
    random = Random(11)
    facts = [Fact(place * 60 * NS, f"{place:05}", random.random() < 0.09) for place in range(3000)]
    late = [fact for fact in facts if 700 <= int(fact.id) < 760 or fact.id == "01500"]
    early = [fact for fact in facts if not (700 <= int(fact.id) < 760 or fact.id == "01500")]
    now_ns = 3000 * 60 * NS
    monitor = Monitor("rule", "stream", detector)
    monitor.put(early)
    without = monitor.alarms(now_ns)
    monitor.put(late)
    assert monitor.alarms(now_ns) == alarms_of(detector, facts, now_ns) != ()
    monitor.discard([fact.id for fact in late] + ["unknown"])
    assert monitor.alarms(now_ns) == without
    monitor.put(replace(fact, counted=False) for fact in facts)
    assert monitor.alarms(now_ns) == ()


@pytest.mark.parametrize("detector", DETECTORS, ids=["share", "rate", "window"])
@settings(max_examples=60, deadline=None)
@given(facts=streams)
def test_alarms_follow_one_another_and_hold_their_evidence(detector, facts):
    found = alarms_of(detector, facts, 8000 * 30 * NS)
    counted = {fact.id: fact.at_ns for fact in facts if fact.counted}
    for alarm in found:
        assert alarm.raised_by in alarm.evidence
        assert alarm.since_ns <= alarm.raised_ns
        assert [counted[one] for one in alarm.evidence] == sorted(counted[one] for one in alarm.evidence)
    for before, after in pairwise(found):
        assert before.cleared_ns is not None
        assert before.cleared_ns <= after.raised_ns


@pytest.mark.parametrize("kind", ["share", "rate", "window"])
def test_false_alarms_keep_within_their_budget(kind):
    """Over a long time in which all is as usual, alarms are no more frequent than one a run length."""
    random = np.random.default_rng(8)
    if kind == "share":
        flags = random.random(40_000) < 0.05
        facts = [Fact(place * NS, f"{place:06}", bool(flag)) for place, flag in enumerate(flags)]
        allowed = len(facts) / SHARE.scores.run_length(SHARE.h)
        found = alarms_of(SHARE, facts)
    else:
        times = np.cumsum(random.exponential(HOUR_NS, 10_000)).astype(np.int64)
        facts = [Fact(int(at), f"{place:06}", counted=True) for place, at in enumerate(times)]
        if kind == "rate":
            allowed = len(facts) / RATE.scores.run_length(RATE.h)
            found = alarms_of(RATE, facts)
        else:
            from cloud_bridge.rules.window_chance import window_run_length

            allowed = times[-1] / (2 * HOUR_NS) / window_run_length(7, 2.0)
            found = alarms_of(WindowDetector(7, 2 * HOUR_NS, 3), facts)
    assert 0.5 * allowed < len(found) < allowed + 3 * np.sqrt(allowed)


def test_a_window_rule_that_clears_where_it_raises_is_refused():
    with pytest.raises(RuleError, match="cleared at fewer events"):
        WindowDetector(3, NS, 3)
