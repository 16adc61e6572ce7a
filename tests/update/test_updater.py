"""The way of an update on the box: each step once, told once, whenever the power goes; what does not work goes back."""

import msgspec
import pytest
from update_world import SHA, World, offer

from edge.outbox import TrackState
from edge.update.downloader import DownloadEnded, DownloadProgress, DownloadWaits
from edge.update.record import Record
from edge.wire import UpdateState

WHOLE_WAY = ["offered", "downloading", "downloaded", "installing", "installed", "booted", "good"]


@pytest.fixture
def world(memory_path):
    made = World(memory_path)
    yield made
    made.stop()


def test_a_good_release_goes_the_whole_way_and_each_step_is_told_once(world):
    reply = world.updater.offer(offer())
    assert (reply.ok, reply.result) == (True, {"state": "offered"})
    world.install()
    world.tick(3)
    world.serve()
    assert world.machine.reboots == 1
    assert world.boot() == "B"
    world.tick(5)
    world.serve()
    world.tick(2)
    assert world.states == WHOLE_WAY
    last = world.told[-1]
    assert (last.version, last.before, last.slot, last.percent, last.reason) == ("2.0", "1.0", "B", 100, None)
    assert world.presses == 1
    assert not world.machine.bundle.exists()
    for _ in range(4):
        assert world.boot() == "B"
        world.tick(3)
    assert world.states == WHOLE_WAY
    assert world.presses == 1


@pytest.mark.parametrize(
    ("break_it", "missing"),
    [
        (lambda world: setattr(world, "sound", False), "no sound flows"),
        (lambda world: setattr(world, "track_state", TrackState.OPEN), "no whole track"),
        (lambda world: setattr(world, "track_state", TrackState.FINISHED), "bridge has not confirmed"),
        (lambda world: setattr(world, "partial", True), "no whole track"),
    ],
    ids=["no sound", "no track", "no receipt", "a gap"],
)
def test_a_release_that_does_not_do_its_work_goes_back_and_says_why(world, break_it, missing):
    world.updater.offer(offer())
    world.install()
    slots = []
    while True:
        slots.append(world.boot())
        if slots[-1] == "A":
            break
        break_it(world)
        world.tick(200)
        world.serve()
        world.machine.slot("deadline")
        assert world.machine.reboots == 1
    assert slots == ["B", "B", "B", "A"]
    world.tick(3)
    assert world.states == [*WHOLE_WAY[:-1], "rolled_back"]
    assert missing in world.told[-1].reason
    refused = world.updater.offer(offer(2))
    assert not refused.ok
    assert missing in refused.error
    assert world.updater.offer(offer(3, force=True)).ok


def test_a_release_whose_program_never_runs_goes_back_and_that_is_the_reason(world):
    world.updater.offer(offer())
    world.install()
    while world.boot(userspace=False) == "B":
        pass
    world.machine.slot("boot")
    world.start()
    world.tick(3)
    assert world.states == [*WHOLE_WAY[:-2], "rolled_back"]
    assert "never came as far" in world.told[-1].reason


def test_a_bundle_of_another_release_than_offered_is_never_confirmed(world):
    world.content = "signed 3.0"
    world.start()
    world.updater.offer(offer())
    world.install()
    assert world.boot() == "B"
    world.tick(100)
    assert not world.helper.pending
    assert world.updater.record.missing == "it is not the release that was offered"
    assert world.presses == 0


def test_a_self_test_that_fails_is_made_again_each_minute(world):
    world.updater.offer(offer())
    world.install()
    world.boot()
    world.track_state = TrackState.LOST
    world.tick(185)
    assert world.presses == 4
    world.track_state = TrackState.FINISHED
    world.tick(100)
    assert world.presses == 4
    world.track_state = TrackState.DELIVERED
    world.tick(2)
    world.serve()
    world.tick(2)
    assert world.states[-1] == "good"


def test_what_rauc_refuses_fails_and_is_not_tried_again(world):
    world.content = "forged"
    world.start()
    world.updater.offer(offer())
    world.install()
    assert world.states[-1] == "failed"
    assert "signature verification failed" in world.told[-1].reason
    world.tick(10)
    assert [call for call in world.machine.state["calls"] if call == "install"] == ["install"]
    refused = world.updater.offer(offer(2))
    assert not refused.ok
    assert "signature verification failed" in refused.error
    assert world.boot() == "A"


def test_offers_that_are_not_taken_are_told_too(world):
    for number, version in enumerate(("0.9", "0.9.9.9", "1.0"), 1):
        reply = world.updater.offer(offer(number, version))
        assert reply.ok == (version == "1.0")
    assert world.states == ["failed", "failed", "good"]
    assert world.told[-1].reason == "it runs already"
    assert "older than 1.0" in world.told[0].reason
    assert world.updater.offer(offer(9, "0.9", force=True)).ok


def test_a_box_without_slots_or_with_updates_switched_off_says_so(world):
    world.start(slot=None)
    assert "two slots" in world.updater.offer(offer()).error
    world.enabled = False
    world.start()
    assert "update.enabled" in world.updater.offer(offer(2)).error
    world.tick(5)
    assert world.states == ["failed", "failed"]


def test_a_repeated_offer_changes_nothing(world):
    first = world.updater.offer(offer())
    world.tick(3)
    again = world.updater.offer(offer())
    assert (first.ok, again.ok, again.result) == (True, True, {"state": "downloading"})
    assert world.states == ["offered", "downloading"]


def test_another_release_takes_the_place_of_one_that_is_only_downloaded(world):
    world.updater.offer(offer())
    world.tick(3)
    assert world.updater.offer(offer(2, "2.1", "6b" * 32)).ok
    assert world.fetch.removed == 1
    assert world.states == ["offered", "downloading", "failed", "offered"]
    world.updater.handle(DownloadEnded(offer().id, None))
    assert world.states[-1] == "offered"
    world.content = "signed 2.1"
    world.install()
    refused = world.updater.offer(offer(3, "2.2", "7c" * 32))
    assert "2.1 is being installed" in refused.error
    assert world.updater.record.version == "2.1"
    assert world.boot() == "B"
    world.tick(5)
    world.serve()
    world.tick(2)
    assert world.states[-1] == "good"


def test_percent_is_told_in_tens_and_a_wait_once(world):
    world.updater.offer(offer())
    world.tick(2)
    for have in range(0, 1000, 10):
        world.updater.handle(DownloadProgress(offer().id, have))
    told = [data.percent for data in world.told if data.state is UpdateState.DOWNLOADING]
    assert told == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    for _ in range(3):
        world.updater.handle(DownloadWaits(offer().id, "the bridge answers 503"))
    assert [data.reason for data in world.told][-2:] == [None, "the bridge answers 503"]


def test_evidence_goes_first(world):
    world.updater.offer(offer())
    world.tick(2)
    assert world.fetch.allowed is True
    world.evidence = True
    world.tick()
    assert world.fetch.allowed is False
    assert world.fetch.offer == offer().id


def test_a_bundle_goes_before_sound_does(world):
    world.updater.offer(offer())
    world.tick(2)
    world.updater.give_room(10**9)
    assert world.fetch.removed == 0
    world.fetch.free -= 1
    world.updater.give_room(10**9)
    assert world.fetch.removed == 1
    world.tick()
    assert world.fetch.offer == offer().id


def test_no_restart_while_something_is_in_the_way_which_is_told_once(world):
    world.updater.offer(offer())
    world.obstacle = "the window of a press is open"
    world.install()
    world.tick(300)
    assert not world.helper.pending
    assert [data.reason for data in world.told if data.state is UpdateState.INSTALLED] == [None, world.obstacle]
    world.obstacle = None
    world.tick(1)
    assert world.helper.pending


def test_a_wish_that_nobody_hears_is_repeated_and_said(world):
    world.updater.offer(offer())
    world.download()
    world.tick(130)
    assert "does not answer" in world.told[-1].reason
    assert world.states.count("installing") == 2
    world.serve()
    world.tick(2)
    assert world.states[-1] == "installed"


@pytest.mark.parametrize("cut", ["begun", "activated"])
def test_a_power_cut_during_the_installation_ends_well(world, cut):
    world.updater.offer(offer())
    world.install(cut=cut)
    for _ in range(4):
        if world.states[-1] == "good":
            break
        world.boot()
        world.tick(3)
        world.serve()
        world.tick(3)
        world.serve()
        world.tick(3)
    told = [state for n, state in enumerate(world.states) if state not in world.states[:n]]
    assert told in (WHOLE_WAY, [state for state in WHOLE_WAY if state != "installed"])
    assert world.machine.state["booted"] == "B"
    assert world.machine.state["left"]["B"] == 3


def test_power_cuts_after_every_step_end_in_the_new_release(world):
    world.updater.offer(offer())
    for _ in range(60):
        if world.states[-1] == "good":
            break
        world.tick()
        if world.updater.record.state is UpdateState.DOWNLOADING and world.fetch.offer:
            world.machine.bundle.write_text(world.content)
            world.updater.handle(DownloadEnded(world.updater.record.offer, None))
        # A power cut every few seconds would rightly use up the tries of a new release.
        for _ in range(3):
            world.serve()
            world.tick()
        world.boot()
    assert world.machine.state["booted"] == "B"
    told = [state for n, state in enumerate(world.states) if state not in world.states[:n]]
    assert told[-1] == "good"
    assert len(world.states) == len(told)


def test_only_the_process_restarted_goes_on_where_it_was(world):
    world.updater.offer(offer())
    world.obstacle = "the window of a press is open"
    world.install()
    world.start()
    world.tick(3)
    assert world.updater.record.state is UpdateState.INSTALLED
    world.obstacle = None
    world.tick(2)
    world.serve()
    assert world.boot() == "B"
    world.tick(1)
    world.start()
    world.tick(3)
    world.serve()
    world.tick(2)
    assert world.states[-1] == "good"


def test_a_new_release_may_add_to_the_record_and_the_old_one_reads_it():
    known = Record(offer="1" * 32, version="2.0", url="u", bytes=1, sha256=SHA, before="1.0", from_slot="A")
    tree = msgspec.json.decode(msgspec.json.encode(known)) | {"added_later": [1, 2]}
    assert msgspec.json.decode(msgspec.json.encode(tree), type=Record) == known
