"""Any order, any repetition, several workers at once: the same database."""

import random

import pytest
from bridge_box import WALL_NS, SimBox, shuffled_twice
from bridge_rig import Rig, dump, take_together
from sqlalchemy import select

from cloud_bridge.blobs import open_blobs
from cloud_bridge.store import queries
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.rows import PressFilter, TrackState


def story(seed=7):
    """Two boxes with everything that can happen; (messages, sounds by track and pictures by snapshot)."""
    messages, sounds = [], {}
    for number, name in enumerate(("one", "two")):
        box = SimBox(seed + number, box=name)
        messages += [box.status(), box.boot_event(synced=False), box.health()]
        for n in range(5):
            more, track = box.press_and_track(synced=n >= 3, seconds=1.0, chunk_bytes=9000)
            messages += more
            sounds[track.id] = track.sound
        messages += [box.press(track=track.id, misuse=True), box.press(employee="Anna", button="staff")]
        messages += [box.fault(synced=False), box.shift("Anna", synced=False), box.fault(active=False)]
        messages += [box.time_fix(uncertainty_ms=50), box.time_fix(uncertainty_ms=5)]
        for synced in (False, True):
            press, snapshot, stamp = box.new_id(), box.new_id(), box.stamp(synced=synced)
            picture = box.jpeg() if synced else None
            messages += [box.press(event_id=press, snapshot=snapshot, stamp=stamp)]
            messages += box.snapshot(press, snapshot, stamp=stamp, picture=picture).messages
            if picture:
                sounds[snapshot] = picture
        dropped = box.snapshot(box.new_id(), picture=box.jpeg())
        messages += [dropped.event, *dropped.chunks[1:], box.lost(dropped.data.press, dropped.data.snapshot)]
        gone = box.new_id()
        press = box.new_id()
        messages += [box.press(track=gone, event_id=press, synced=False), box.lost(press, gone)]
        never = box.press_and_track(seconds=0.5)[1]
        messages += never.messages[:-1]
        wrong = (never.chunks[0][0], b"not what the manifest lists")
        messages += [wrong, (f"earshot/1/site/{name}/track/{never.id}/77", b"no such index"), ("earshot/1/X", b"?")]
    return messages, sounds


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, sqlite_template):
    """What one worker makes of the story in order, on SQLite."""
    import shutil

    path = tmp_path_factory.mktemp("reference") / "bridge.db"
    shutil.copyfile(sqlite_template, path)
    store = open_store(f"sqlite:///{path}")
    messages, sounds = story()
    rig = Rig(store)
    rig.take(messages)
    found = dump(store)
    complete = {row[0] for row in found["track"] if str(TrackState.COMPLETE) in row}
    assert complete == set(sounds)
    yield found
    store.close()


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_and_doubled_gives_the_same_database(store, undisturbed, seed):
    rig = Rig(store)
    rig.take(shuffled_twice(story()[0], seed), batch=random.Random(seed).choice([1, 3, 17, 500]))
    assert dump(store) == undisturbed


@pytest.mark.parametrize("seed", range(6))
def test_two_workers_at_once_give_the_same_database(store, undisturbed, tmp_path, seed):
    blobs = open_blobs(f"file://{tmp_path}/blobs")
    rigs = [Rig(store, blobs), Rig(store, blobs)]
    messages, sounds = story()
    take_together(rigs, shuffled_twice(messages, seed), batch=random.Random(seed).choice([2, 5, 11]))
    assert dump(store) == undisturbed
    for track, sound in sounds.items():
        with store.read() as connection:
            blob = connection.execute(select(t.track.c.blob).where(t.track.c.id == track)).scalar_one()
        assert blobs.read(blob, 0, 10**7) == sound


def test_everything_got_its_receipt_and_each_message_its_acknowledgement(store):
    rig = Rig(store)
    box = SimBox()
    messages, track = box.press_and_track()
    rig.take(messages)
    rig.take(messages)
    assert len(rig.link.acknowledged) == 2 * len(messages)
    assert len(rig.link.received("event")) == 4
    assert {(entry.n, entry.sha256) for entry in rig.link.received("chunk")} == set(enumerate(track.data.chunk_sha256))
    assert {(entry.id, entry.sha256) for entry in rig.link.received("track")} == {(track.id, track.data.sha256)}
    assert len(rig.link.received("track")) >= 2


@pytest.mark.parametrize("fix_first", [True, False])
def test_a_later_clock_dates_what_came_before_and_after(store, fix_first):
    box = SimBox()
    press, track = box.press_and_track(synced=False)
    early = box.mono_ns
    rest = [box.fault(synced=False), box.shift("Anna", synced=False), box.boot_event(synced=False)]
    synced = box.press()
    fix = box.time_fix(uncertainty_ms=5)
    messages = [*press, *rest, synced]
    Rig(store).take([fix, *messages] if fix_first else [*messages, fix], batch=1)
    presses = queries.list_presses(store, PressFilter()).presses
    assert [row.instant.wall_ns for row in presses] == [WALL_NS + row.instant.mono_ns for row in presses]
    undated = presses[-1]
    assert (undated.instant.repaired, undated.instant.synced, undated.instant.uncertainty_ms) == (True, False, 5)
    assert presses[0].instant.repaired is False
    assert queries.track(store, track.id).instant.wall_ns == WALL_NS + undated.instant.mono_ns
    assert undated.instant.mono_ns <= early
    assert queries.faults(store)[0].instant.wall_ns == WALL_NS + queries.faults(store)[0].instant.mono_ns


def test_an_unsynchronised_clock_dates_nothing(store):
    from edge import wire

    box = SimBox()
    Rig(store).take([box.press(synced=False), box.event(wire.TimeData(stamp=box.stamp(synced=False)))])
    assert queries.list_presses(store, PressFilter()).presses[0].instant.repaired is False


def test_same_id_other_content_is_a_conflict_and_the_first_stays(store):
    box = SimBox()
    first = box.press(event_id="a" * 32, button="red")
    second = box.press(event_id="a" * 32, button="green", track="b" * 32)
    rig = Rig(store)
    rig.take([first])
    rig.take([second])
    assert [row.kind for row in queries.list_quarantine(store)] == ["conflict"]
    assert [row.button for row in queries.list_presses(store, PressFilter()).presses] == ["red"]
    assert len(rig.link.received("event")) == 1
    assert queries.track(store, "b" * 32) is None


def test_within_one_batch_too(store):
    box = SimBox()
    first = box.press(event_id="a" * 32, button="red")
    second = box.press(event_id="a" * 32, button="green")
    Rig(store).take([first, second])
    assert [row.kind for row in queries.list_quarantine(store)] == ["conflict"]
    assert [row.button for row in queries.list_presses(store, PressFilter()).presses] == ["red"]
