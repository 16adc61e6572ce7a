"""The invented history: the same for the same seed, with the shares it promises, and three failures that stand out."""

from collections import Counter as Tally
from datetime import UTC, datetime

import pytest

from cloud_bridge.simulate.failures import Kind
from cloud_bridge.simulate.records import box_messages
from cloud_bridge.simulate.world import CUSTOMERS_A_DAY, VOTE_SHARES, ZONE, Vote, make_world
from edge import wire

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world():
    return make_world(8, 20, 1, UNTIL)


def test_the_same_seed_is_the_same_world_and_another_seed_another(world):
    assert make_world(8, 20, 1, UNTIL) == world
    assert make_world(8, 20, 2, UNTIL).customers != world.customers


def test_people_come_and_press_as_often_as_promised(world):
    calm = [customer for customer in world.customers if customer.failure is None]
    assert len(world.customers) / (8 * 20) == pytest.approx(CUSTOMERS_A_DAY, rel=0.05)
    votes = Tally(customer.vote for customer in calm)
    for vote, share in VOTE_SHARES.items():
        # Four standard deviations.
        assert votes[vote] / len(calm) == pytest.approx(share, abs=4 * (share / len(calm)) ** 0.5)


def test_everybody_is_served_in_opening_hours_by_who_is_on_shift(world):
    on_shift = {}
    moments = sorted([*world.shifts, *world.customers], key=lambda one: one.at_ns)
    assert len({customer.number for customer in world.customers}) == len(world.customers)
    for moment in moments:
        if moment in world.shifts:
            on_shift[moment.counter] = moment.employee
        else:
            assert on_shift[moment.counter] == moment.employee
            assert 9 <= datetime.fromtimestamp(moment.at_ns // 10**9, ZONE).hour < 21


def test_each_planted_failure_is_red_where_it_strikes(world):
    assert {failure.kind for failure in world.failures} == set(Kind)
    for number, failure in enumerate(world.failures):
        assert world.start_ns < failure.from_ns < failure.until_ns <= world.end_ns
        struck = [customer for customer in world.customers if customer.failure == number]
        red = sum(customer.vote is Vote.RED for customer in struck)
        assert red / len(struck) > 3 * VOTE_SHARES[Vote.RED]


def test_a_failure_changes_nothing_but_what_it_makes_worse():
    one = make_world(3, 9, 5, UNTIL)
    greens = [c.vote is Vote.GREEN for c in one.customers if c.failure is not None]
    assert sum(greens) / len(greens) == pytest.approx(VOTE_SHARES[Vote.GREEN], abs=0.05)


@pytest.mark.parametrize(("counters", "days"), [(0, 5), (5, 0)])
def test_an_empty_world_is_refused(counters, days):
    with pytest.raises(ValueError, match="must be 1 or more"):
        make_world(counters, days, 1, UNTIL)


def test_messages_are_numbered_without_a_hole_and_equal_in_every_run(world):
    messages = list(box_messages(world, 3, lambda _kind, number: f"sound {number}".encode()))
    assert messages == list(box_messages(world, 3, lambda _kind, number: f"sound {number}".encode()))
    events = [wire.decode_event(message.parts[0][1]) for message in messages]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    presses = {event.id: event.data for event in events if isinstance(event.data, wire.PressData)}
    tracks = [event.data for event in events if isinstance(event.data, wire.TrackData)]
    assert all(data.simulated for data in (*presses.values(), *tracks))
    assert {track.press for track in tracks} == {key for key, press in presses.items() if press.track}
    expected = sum((c.vote is not None) + c.appeal + c.force_majeure for c in world.customers if c.counter == 3)
    assert len(presses) == expected
