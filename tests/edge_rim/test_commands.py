"""What a command may ask of the ring: more before and after a track while the ring has it, and no more than fits."""

import pytest
from box_parts import S, counting_ids
from desk import Desk

from edge.commands import Commands, Reach
from edge.cutter import PreRollSaved
from edge.lamps import Lamps
from edge.wire import Extend, PressCommand, encode

PRESS_NS = 1000 * S


class Asked(Desk):
    """A desk with one press, of a window of 120 s before and 60 s after, that takes commands."""

    def __init__(self, folder):
        super().__init__(folder)
        self.reach = Reach(0, 600)
        self.commands = Commands(
            recorder=self.recorder,
            outbox=self.outbox,
            lamps=Lamps({}),
            clock=self.clock,
            reach=lambda: self.reach,
            offer=lambda _: None,
            send=(sent := []).append,
        )
        self.sent = sent
        self.track = self.press(PRESS_NS).track_id
        self.numbers = counting_ids()

    def extend(self, **seconds):
        return self.commands.answer(encode(Extend(id=self.numbers(), track=self.track, **seconds)), PRESS_NS)


@pytest.fixture
def desk(tmp_path):
    made = Asked(tmp_path)
    yield made
    made.close()


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


def by_command(desk, command_id):
    assert desk.commands.answer(encode(PressCommand(id=command_id, button="green")), PRESS_NS) is None


def test_a_press_by_command_says_how_late_it_may_be(desk):
    by_command(desk, desk.numbers())
    (reply,) = desk.sent
    assert desk.outbox.press(reply.result["press"]).data.stamp_uncertainty_ms == 1000


def red_by_command(desk, command_id):
    assert desk.commands.answer(encode(PressCommand(id=command_id, button="red")), PRESS_NS + 600 * S) is None


def test_the_answer_to_a_press_waits_for_the_sound_before_it_also_when_it_is_asked_again(desk):
    command_id = desk.numbers()
    red_by_command(desk, command_id)
    red_by_command(desk, command_id)
    assert desk.sent == []
    track = desk.work.pre_rolls[-1].plan.track
    desk.recorder.pre_roll_saved(PreRollSaved(track, desk.outbox.files.folder / "x", None))
    assert [(reply.id, reply.ok) for reply in desk.sent] == [(command_id, True)] * 2
    assert desk.lit == ["red"]
    assert desk.commands.answer(encode(PressCommand(id=command_id, button="red")), PRESS_NS + 601 * S) == desk.sent[0]


def test_where_there_is_no_sound_before_it_the_answer_comes_all_the_same(desk):
    red_by_command(desk, desk.numbers())
    desk.recorder.pre_roll_saved(PreRollSaved(desk.work.pre_rolls[-1].plan.track, None, "the ring is absent"))
    assert [reply.ok for reply in desk.sent] == [True]


def test_a_press_that_is_refused_is_answered_at_once(desk):
    assert desk.commands.answer(encode(PressCommand(id=desk.numbers(), button="none")), PRESS_NS) is None
    assert [reply.ok for reply in desk.sent] == [False]
