"""The session: each human press exactly once, bounces counted, hammering flagged, right person, right window."""

import pytest
from box_parts import MS, S, config, counting_ids, edge, press, stamp
from fake_clock import BOOT_A, BOOT_B
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Source
from edge.actions import AcceptPress, BindShift, CountBounces, FinishTrack, Refuse, RepeatedPress, Shift
from edge.debounce import ARRIVAL_NS
from edge.plan import OpenTrack, PlannedTrack
from edge.session import Session
from edge.wire import Trigger

DEBOUNCE = 25 * MS
NO_MISUSE = {"misuse_presses": 10_000}


def session(**sections):
    return Session(config(**sections), counting_ids())


def play(box, edges, tick_ns=None):
    """All actions of `edges`, handled at their stamps; ticks at each deadline, or every `tick_ns`."""
    actions = []
    for fact in edges:
        while (due := box.next_deadline_ns()) is not None and due <= fact.mono_ns and tick_ns != 0:
            actions += box.tick(due)
        actions += box.handle(fact, fact.mono_ns)
    end = edges[-1].mono_ns + S if edges else 0
    return actions + box.tick(end)


def accepted(actions):
    return [action for action in actions if isinstance(action, AcceptPress)]


def stamps(actions):
    return [action.mono_ns for action in accepted(actions)]


@st.composite
def human_presses(draw):
    """(edges, true press stamps): a finger holds and lets go for longer than the contact bounces after each."""
    edges, truth, t = [], [], draw(st.integers(1, 10**12))
    for _ in range(draw(st.integers(1, 8))):
        truth.append(t)
        for pressed in (True, False):
            edges.append(edge(pressed, t))
            bounce = t
            for _ in range(draw(st.integers(0, 3))):
                open_at = bounce + draw(st.integers(1, 4 * MS))
                bounce = open_at + draw(st.integers(1, 4 * MS))
                edges += [edge(not pressed, open_at), edge(pressed, bounce)]
            t = bounce + draw(st.integers(DEBOUNCE, 2 * S))
    return edges, truth


@given(human_presses())
def test_every_human_press_counts_once_with_its_first_stamp(case):
    edges, truth = case
    assert stamps(play(session(presses=NO_MISUSE), edges)) == truth


any_edges = st.lists(st.tuples(st.booleans(), st.integers(0, 60 * MS)), min_size=1, max_size=30)


def timed(steps):
    t, edges = S, [edge(True, S)]
    for pressed, gap in steps:
        t += gap
        edges.append(edge(pressed, t))
    return edges


@given(any_edges)
def test_every_press_edge_is_a_press_or_a_counted_bounce(steps):
    edges = timed(steps)
    actions = play(session(presses=NO_MISUSE), edges)
    bounces = sum(action.bounces for action in actions if isinstance(action, CountBounces))
    assert len(accepted(actions)) + bounces == sum(e.pressed for e in edges)


@given(any_edges)
def test_when_time_is_told_changes_nothing_but_the_moment(steps):
    edges = timed(steps)
    assert stamps(play(session(), edges)) == stamps(play(session(), edges, tick_ns=0))


@given(any_edges)
def test_the_same_facts_give_the_same_actions(steps):
    edges = timed(steps)
    assert play(session(), edges) == play(session(), edges)


def test_the_first_edge_is_taken_at_once():
    (action,) = session().handle(edge(True, S), S)
    assert isinstance(action, AcceptPress)
    assert action.mono_ns == S


def test_contact_bounce_belongs_to_its_press():
    edges = [edge(True, S), edge(False, S + MS), edge(True, S + 2 * MS), edge(False, S + 300 * MS)]
    actions = play(session(), edges)
    (only,) = accepted(actions)
    assert CountBounces(only.id, 1) in actions


def test_a_press_within_the_bounce_of_a_release_that_stays_is_real_with_its_own_stamp():
    box = session()
    edges = [edge(True, S), edge(False, S + 100 * MS), edge(True, S + 110 * MS)]
    actions = [action for fact in edges for action in box.handle(fact, fact.mono_ns)]
    assert stamps(actions) == [S]
    due = S + 110 * MS + DEBOUNCE + ARRIVAL_NS
    assert box.next_deadline_ns() == due
    assert stamps(box.tick(due - 1)) == []
    assert stamps(box.tick(due)) == [S + 110 * MS]


def test_a_late_arriving_release_still_ends_the_doubt():
    box = session()
    for fact in (edge(True, S), edge(False, S + 100 * MS), edge(True, S + 110 * MS)):
        box.handle(fact, fact.mono_ns)
    late = S + 110 * MS + DEBOUNCE + ARRIVAL_NS - 1
    assert stamps(box.tick(late)) == []
    assert stamps(box.handle(edge(False, S + 111 * MS), late)) == []
    assert stamps(box.tick(late + S)) == []


def test_buttons_do_not_bounce_each_other():
    box = session()
    assert stamps(box.handle(edge(True, S, "red"), S)) == [S]
    assert stamps(box.handle(edge(True, S - MS, "green"), S)) == [S - MS]


def test_a_lost_release_edge_does_not_lose_the_next_press():
    assert stamps(play(session(), [edge(True, S), edge(True, 2 * S)])) == [S, 2 * S]


def test_hammering_is_flagged_shares_the_track_and_is_never_deleted():
    box = session(presses={"misuse_presses": 3, "misuse_window_s": 10})
    presses = accepted(play(box, [press(S * n) for n in range(1, 8)]))
    assert [p.misuse for p in presses] == [False, False, True, True, True, True, True]
    opened = [p.track.track for p in presses if p.track]
    assert len(opened) == 2
    assert {p.track_id for p in presses[2:]} == {opened[1]}


@pytest.mark.parametrize(("gap_ns", "flagged"), [(5 * S, True), (5 * S + 1, False)])
def test_the_misuse_window_holds_its_edge(gap_ns, flagged):
    box = session(presses={"misuse_presses": 3, "misuse_window_s": 10})
    presses = accepted(play(box, [press(S), press(S + gap_ns), press(S + 2 * gap_ns)]))
    assert presses[-1].misuse is flagged


def test_hammering_ends_by_itself():
    box = session(presses={"misuse_presses": 3, "misuse_window_s": 10})
    actions = play(box, [press(S), press(2 * S), press(3 * S), press(14 * S)])
    assert [p.misuse for p in accepted(actions)] == [False, False, True, False]
    assert accepted(actions)[-1].track is not None


def test_each_trigger_has_its_own_window_and_overlapping_presses_their_own_tracks():
    box = session(
        tracks={"windows": {"incident": {"before_s": 20, "after_s": 5}, "appeal": {"before_s": 7, "after_s": 3}}}
    )
    first, second, third, fourth = accepted(
        play(box, [press(100 * S), press(101 * S), press(102 * S, "kok"), press(103 * S, "green")])
    )
    assert (first.track.start_ns, first.track.end_ns) == (80 * S, 105 * S)
    assert (second.track.start_ns, second.track.end_ns) == (81 * S, 106 * S)
    assert (third.track.start_ns, third.track.end_ns) == (95 * S, 105 * S)
    assert fourth.track is None
    assert fourth.track_id is None
    assert len({first.track_id, second.track_id, third.track_id}) == 3


def test_tracks_are_finished_once_after_their_window():
    box = session(tracks={"windows": {"incident": {"before_s": 1, "after_s": 5}}})
    (taken,) = accepted(box.handle(press(100 * S), 100 * S))
    due = box.next_deadline_ns()
    assert 105 * S <= due <= 105 * S + S
    assert box.tick(due - 1) == []
    assert box.tick(due) == [FinishTrack(taken.track_id)]
    assert box.tick(due + S) == []
    assert box.next_deadline_ns() is None


def test_a_repeated_request_is_the_same_press():
    box = session()
    (first,) = box.handle(press(S, request_id="r1"), S)
    assert box.handle(press(2 * S, request_id="r1"), 2 * S) == [RepeatedPress(first.id, "r1")]
    assert isinstance(box.handle(press(3 * S, request_id="r2"), 3 * S)[0], AcceptPress)


def shift(employee, mono_ns, button="kok"):
    return Shift(button, employee, mono_ns, Source.LOCAL_WEB)


def test_the_operator_on_shift_at_the_time_of_the_press_gets_it():
    box = session()
    facts = [shift("Olga", 10 * S), press(20 * S, "kok"), shift("Petr", 30 * S), press(40 * S, "kok")]
    facts += [press(29 * S, "kok"), shift(None, 50 * S), press(60 * S, "kok"), press(5 * S, "kok")]
    actions = [action for fact in facts for action in box.handle(fact, 60 * S)]
    assert [p.employee for p in accepted(actions)] == ["Olga", "Petr", "Olga", None, None]
    assert BindShift("kok", "Petr", 30 * S, Source.LOCAL_WEB, None) in actions


def test_a_named_button_is_its_owners_and_a_source_may_name_who_pressed_a_shared_one():
    box = session()
    box.handle(shift("Olga", S), S)
    facts = [press(2 * S, "anna", employee="Eve"), press(2 * S, "kok", employee="Petr"), press(3 * S, "red")]
    actions = [action for fact in facts for action in box.handle(fact, 3 * S)]
    assert [p.employee for p in accepted(actions)] == ["Anna", "Petr", None]


def test_facts_that_name_the_wrong_button_are_refused_with_a_remedy():
    box = session()
    (unknown,) = box.handle(press(S, "blue", request_id="r"), S)
    assert isinstance(unknown, Refuse)
    assert unknown.request_id == "r"
    assert "red" in unknown.reason
    (fixed,) = box.handle(shift("Olga", S, "anna"), S)
    assert isinstance(fixed, Refuse)
    assert "shared = true" in fixed.reason


def test_open_tracks_and_shifts_survive_a_restart():
    def plan(track):
        return PlannedTrack(track, "p", Trigger.INCIDENT, 100 * S, 0, 1, 5)

    box = session()
    tracks = [OpenTrack(plan("mine"), stamp(100 * S, BOOT_A)), OpenTrack(plan("older"), stamp(100 * S, BOOT_B))]
    assert box.resume(tracks, BOOT_A, {"kok": "Olga", "gone": "X"}) == [FinishTrack("older")]
    assert FinishTrack("mine") in box.tick(106 * S)
    assert accepted(box.handle(press(1, "kok"), 1))[0].employee == "Olga"


def test_hammering_beyond_the_window_of_its_track_is_recorded_too():
    box = session(presses={"misuse_presses": 3, "misuse_window_s": 10})
    presses = [accepted(box.handle(press(S * (100 + n)), S * (100 + n)))[0] for n in range(200)]
    plans = [p.track for p in presses if p.track is not None]
    by_track = {plan.track: plan for plan in plans}
    assert all(p.misuse for p in presses[2:])
    assert all(by_track[p.track_id].start_ns <= p.mono_ns < by_track[p.track_id].end_ns for p in presses)
    # A window holds 60 s after its press.
    assert [plan.mono_ns // S - 100 for plan in plans] == [0, 1, 61, 121, 181]
