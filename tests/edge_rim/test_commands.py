"""What a command may ask of the ring: more before and after a track while the ring has it, and no more than fits."""

import pytest
from box_parts import S, config, counting_ids

from drivers.contract import Press, Source
from edge.clock import SystemClock
from edge.commands import Commands, Reach
from edge.faults import FaultBook
from edge.lamps import Lamps
from edge.outbox import Outbox
from edge.recording import Recorder
from edge.session import Session
from edge.wire import Extend, PressCommand, encode

PRESS_NS = 1000 * S


class Nothing:
    """A cutter and a journal that do nothing."""

    def save_pre_roll(self, track):
        pass

    def finish(self, track):
        pass

    def append(self, press_id, data):
        pass

    def restore(self, presses):
        return 0

    def repair(self, time):
        return 0


class Desk:
    def __init__(self, folder):
        clock = SystemClock()
        self.outbox = Outbox(folder, "shop", "one", new_id=counting_ids())
        self.recorder = Recorder(
            session=Session(config(), counting_ids()),
            outbox=self.outbox,
            cutter=Nothing(),
            journal=Nothing(),
            faults=FaultBook(self.outbox, clock),
            clock=clock,
            acknowledge=lambda _: None,
            track_done=lambda _: None,
            disk_reserve_bytes=0,
        )
        self.reach = Reach(0, 600)
        self.commands = Commands(
            recorder=self.recorder, outbox=self.outbox, lamps=Lamps({}), clock=clock, reach=lambda: self.reach
        )
        # A window of 120 s before and 60 s after.
        (press,) = self.recorder.take(Press("red", PRESS_NS, 0, Source.SIMULATED, simulated=True), PRESS_NS)
        self.track = press.track_id
        self.numbers = counting_ids()

    def extend(self, **seconds):
        return self.commands.answer(encode(Extend(id=self.numbers(), track=self.track, **seconds)), PRESS_NS)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.outbox.close()


def test_more_before_is_given_as_far_as_the_ring_reaches(desk):
    desk.reach = Reach(PRESS_NS - 150 * S, 600)
    assert desk.extend(before_s=30).ok
    assert "at most 30 s" in desk.extend(before_s=31).error


def test_more_after_is_given_also_where_the_ring_never_had_the_whole_track(desk):
    """The box was switched on a few seconds before the press."""
    desk.reach = Reach(PRESS_NS - 10 * S, 600)
    reply = desk.extend(after_s=30)
    assert reply.ok, reply.error
    plan = desk.outbox.track(reply.result["track"]).plan
    assert (plan.before_s, plan.after_s, plan.extends) == (120, 90, desk.track)
    assert not desk.extend(before_s=1, after_s=30).ok


def test_a_window_that_is_overwritten_or_larger_than_a_track_is_refused(desk):
    desk.reach = Reach(PRESS_NS + 90 * S, 600)
    assert "nothing of this window" in desk.extend(after_s=30).error
    desk.reach = Reach(0, 200.4)
    assert "at most 20 s more" in desk.extend(after_s=21).error
    desk.reach = Reach(None, 600)
    assert not desk.extend(after_s=1).ok


def test_a_press_by_command_says_how_late_it_may_be(desk):
    reply = desk.commands.answer(encode(PressCommand(id=desk.numbers(), button="green")), PRESS_NS)
    assert desk.outbox.press(reply.result["press"]).data.stamp_uncertainty_ms == 1000
