"""What people have of an alarm: acknowledged is not cleared, nobody is told twice, late facts change no identity."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_bridge.cases.calendar import calendar_of
from cloud_bridge.rules.alarm import Alarm, alarm_id
from cloud_bridge.rules.alarm_state import Life, raised
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.monitor import evaluate
from cloud_bridge.rules.open_time import unix_ns
from cloud_bridge.rules.quiet_hours import QuietHours
from cloud_bridge.rules.reconcile import reconcile
from cloud_bridge.rules.window import WindowDetector

NS = 1_000_000_000
NIGHT = unix_ns(datetime(2026, 6, 2, 23, tzinfo=UTC))
MORNING = unix_ns(datetime(2026, 6, 3, 8, tzinfo=UTC))
DAYTIME = QuietHours(
    calendar_of("UTC", {day: ["08:00-20:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")})
)


def alarm(raised_ns=NIGHT, cleared_ns=None, evidence=("a", "b", "c")):
    raised_by = evidence[-1]
    return Alarm(
        alarm_id("rule", "s", raised_by), "rule", "s", raised_ns - NS, raised_ns, raised_by, cleared_ns, evidence, 3
    )


def test_acknowledged_is_not_cleared():
    seen = raised(alarm()).tell(NIGHT).acknowledge("Ann", NIGHT + 5)
    assert seen.life is Life.ACTIVE
    assert not seen.is_done
    assert seen.follow(alarm(cleared_ns=NIGHT + 9)).is_done
    cleared = raised(alarm()).tell(NIGHT).follow(alarm(cleared_ns=NIGHT + 9))
    assert cleared.life is Life.CLEARED
    assert not cleared.is_done
    assert cleared.acknowledge("Ann", NIGHT + 10).is_done


def test_every_transition_may_be_repeated():
    once = raised(alarm()).tell(1).acknowledge("Ann", 2)
    assert once.tell(3).acknowledge("Bob", 4) == once
    assert once.withdraw().withdraw() == once.withdraw()
    assert once.follow(alarm()) == once


def test_people_are_told_once_and_after_quiet_hours():
    state = raised(alarm())
    assert state.tell_at_ns(None) == NIGHT
    assert state.tell_at_ns(DAYTIME) == MORNING
    assert raised(alarm(raised_ns=MORNING + NS)).tell_at_ns(DAYTIME) == MORNING + NS
    assert state.tell(MORNING).tell_at_ns(DAYTIME) is None
    assert state.acknowledge("Ann", NIGHT).tell_at_ns(DAYTIME) is None
    assert state.withdraw().tell_at_ns(DAYTIME) is None
    # What came and went in the night is told in the morning all the same.
    assert state.follow(alarm(cleared_ns=NIGHT + 9)).tell_at_ns(DAYTIME) == MORNING
    assert not state.follow(alarm(cleared_ns=NIGHT + 9)).is_done


def test_withdrawn_before_anybody_knew_is_done_with():
    assert raised(alarm()).withdraw().is_done
    assert not raised(alarm()).tell(NIGHT).withdraw().is_done


def test_nobody_cannot_acknowledge_and_alarms_do_not_change_streams():
    with pytest.raises(RuleError, match="their name"):
        raised(alarm()).acknowledge(" ", 1)
    with pytest.raises(RuleError, match="not of 'rule' on 't'"):
        raised(alarm()).follow(replace(alarm(), stream="t"))
    with pytest.raises(RuleError, match="one rule on one stream"):
        reconcile([raised(alarm())], [replace(alarm(), stream="t")])


def test_a_late_fact_that_moves_the_raise_leaves_the_record():
    told = raised(alarm(evidence=("a", "b", "c"))).tell(1).acknowledge("Ann", 2)
    moved = alarm(evidence=("late", "a", "b"))
    (record,) = reconcile([told], [moved])
    assert (record.id, record.alarm, record.acknowledged_by) == (told.id, moved, "Ann")
    assert record.tell_at_ns(None) is None


def test_a_fact_that_undoes_an_alarm_withdraws_it_and_may_bring_it_back():
    told = raised(alarm()).tell(1)
    (gone,) = reconcile([told], [])
    assert gone.life is Life.WITHDRAWN
    (back,) = reconcile([gone], [alarm()])
    assert (back.id, back.life, back.told_ns) == (told.id, Life.ACTIVE, 1)


def test_a_new_alarm_takes_no_id_that_a_record_has_kept():
    first, second = alarm(evidence=("a", "b")), alarm(raised_ns=NIGHT + 9 * NS, evidence=("b", "c"))
    moved_on = raised(first).follow(second)
    records = reconcile([moved_on], [first, second])
    assert [(record.id, record.alarm) for record in records if record.alarm == second] == [(first.id, second)]
    (new,) = [record for record in records if record.alarm == first]
    assert new.id not in {first.id, second.id}
    assert reconcile(records, [first, second]) == records


def test_an_alarm_that_splits_keeps_one_record_and_makes_one():
    told = raised(alarm(evidence=("a", "b", "c", "d", "e"))).tell(1)
    first, second = alarm(evidence=("a", "b")), alarm(raised_ns=NIGHT + 9 * NS, evidence=("c", "d", "e"))
    records = reconcile([told], [first, second])
    assert [record.alarm for record in records] == [first, second]
    assert len({record.id for record in records}) == 2
    assert [record.told_ns for record in records].count(1) == 1


DETECTOR = WindowDetector(3, 100 * NS, 1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 600), min_size=1, max_size=40),
    st.lists(st.lists(st.integers(0, 39), max_size=15), max_size=6),
)
def test_records_keep_their_identity_over_any_history_of_computations(times, steps):
    facts = [Fact(at * NS, f"{place}", counted=True) for place, at in enumerate(times)]
    present: set[int] = set()
    known = ()
    for step in [*steps, range(len(facts))]:
        # Facts come and, where one is named again, go.
        present ^= {place for place in step if place < len(facts)}
        computed = evaluate("rule", "s", DETECTOR, [facts[place] for place in present], 1000 * NS)
        before, known = known, reconcile(known, computed)
        assert {state.id for state in before} <= {state.id for state in known}
        assert len({state.id for state in known}) == len(known)
        alive = [state.alarm for state in known if state.life is not Life.WITHDRAWN]
        assert sorted(alive, key=lambda one: one.id) == sorted(computed, key=lambda one: one.id)
        assert reconcile(known, computed) == known
