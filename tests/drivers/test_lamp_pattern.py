"""Patterns in virtual time."""

import pytest

from drivers.contract import Pattern
from drivers.lamp_pattern import BUZZER, LAMP, PatternState
from drivers.log_lamp import LogLamp


def played(state, start_s, seconds):
    """Return the (time, level) changes between start and start + seconds."""
    changes, now_s, last = [], start_s, None
    while now_s < start_s + seconds:
        on, left_s = state.level(now_s)
        if on != last:
            changes.append((round(now_s, 3), on))
            last = on
        now_s += max(left_s, 0.001)
    return changes


def test_acknowledged_lights_for_a_second():
    state = PatternState(LAMP)
    state.show(Pattern.READY, 10.0)
    state.show(Pattern.ACKNOWLEDGED, 20.0)
    assert played(state, 20.0, 5) == [(20.0, True), (21.0, False)]


def test_identify_blinks_ten_seconds_and_falls_back_to_the_fault():
    state = PatternState(LAMP)
    state.show(Pattern.FAULT, 0.0)
    state.show(Pattern.IDENTIFY, 100.0)
    changes = played(state, 100.0, 10)
    assert len(changes) == 80
    after = played(state, 110.0, 4)
    assert [on for _, on in after] == [True, False, True, False]
    assert after[2][0] - after[0][0] == pytest.approx(2.0)


def test_a_fault_or_ready_meanwhile_does_not_cut_an_acknowledgement_short():
    state = PatternState(LAMP)
    state.show(Pattern.ACKNOWLEDGED, 0.0)
    state.show(Pattern.FAULT, 0.1)
    state.show(Pattern.READY, 0.2)
    assert played(state, 0.2, 5) == [(0.2, True), (1.0, False)]


def test_off_is_off_at_once():
    state = PatternState(LAMP)
    state.show(Pattern.ACKNOWLEDGED, 0.0)
    state.show(Pattern.OFF, 0.5)
    assert state.level(0.5)[0] is False


def test_a_second_press_is_acknowledged_anew():
    state = PatternState(LAMP)
    state.show(Pattern.ACKNOWLEDGED, 0.0)
    state.show(Pattern.ACKNOWLEDGED, 0.75)
    assert played(state, 0.75, 5) == [(0.75, True), (1.75, False)]


@pytest.mark.parametrize("table", [LAMP, BUZZER])
def test_every_pattern_is_defined_and_ends_or_lasts(table):
    for pattern in Pattern:
        steps = table[pattern]
        assert all(seconds > 0 for _, seconds in steps.pairs)
    assert {pattern for pattern in Pattern if table[pattern].total_s} == {
        Pattern.ACKNOWLEDGED,
        Pattern.REFUSED,
        Pattern.IDENTIFY,
    }


def test_the_log_lamp_says_that_it_is_simulated():
    lines = []
    lamp = LogLamp("red", lines.append)
    lamp.show(Pattern.ACKNOWLEDGED)
    lamp.close()
    assert lines == ["simulated lamp red: acknowledged"]
    assert lamp.simulated
