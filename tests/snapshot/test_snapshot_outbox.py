"""A picture in the outbox: delivered as sound is, given up before it, and never a reason to lose the figures."""

import errno

import pytest
from box_parts import S
from snapshot_rig import SnapshotRig

from edge.outbox import TrackState
from edge.wire import (
    Receipt,
    Received,
    SnapshotData,
    Stamp,
    TimeData,
    TrackLostData,
    decode_event,
    parse_topic,
    sha256,
)


@pytest.fixture
def rig(quick_folder):
    rigs = []

    def make(**values):
        rigs.append(SnapshotRig(quick_folder, privacy="snapshot", **values))
        return rigs[0]

    yield make
    for one in rigs:
        one.close()


def made(box):
    box.advance(40)
    box.press()
    box.advance(8)
    return box.made[-1]


def events(box):
    backlog = box.outbox.backlog
    return [decode_event(backlog.load(item)[1]) for _, item in backlog.events_after(0, 1000)]


def test_a_picture_goes_in_chunks_and_is_forgotten_after_its_receipt(rig):
    box = rig()
    data = made(box)
    backlog = box.outbox.backlog
    (whole,) = backlog.tracks()
    assert whole.id == data.snapshot
    assert box.told == [data.snapshot]
    chunks = backlog.chunks(whole.id)
    loaded = [backlog.load(chunk) for chunk in chunks]
    assert b"".join(payload for _, payload in loaded) == box.pictures[data.snapshot]
    topics = [parse_topic(topic) for topic, _ in loaded]
    assert [(topic.channel, topic.track, topic.n) for topic in topics] == [("picture", data.snapshot, 0)]
    assert [type(event.data) for event in events(box)][-1] is SnapshotData
    assert decode_event(backlog.load(whole)[1]).data == data
    (event,) = [event for event in events(box) if event.data == data]
    parts = [
        Received(kind="chunk", id=data.snapshot, n=n, sha256=digest)
        for n, digest in enumerate(data.picture.chunk_sha256)
    ]
    receipt = Receipt(received=(Received(kind="event", id=event.id, sha256=sha256(backlog.load(whole)[1])), *parts))
    assert box.outbox.apply_receipt(receipt).chunks == ((data.snapshot, 0),)
    # The event stays until the whole has its receipt: to repeat it is how that is asked for.
    assert backlog.load(whole) is not None
    last = Receipt(received=(Received(kind="track", id=data.snapshot, sha256=data.picture.sha256),))
    assert box.outbox.apply_receipt(last).tracks == (data.snapshot,)
    assert list(backlog.tracks()) == []
    assert not any(path.name.startswith(data.snapshot) for path in box.outbox.files.folder.iterdir())
    assert box.outbox.waiting().tracks == 0


def test_only_the_finished_picture_is_kept_on_the_disk(rig):
    box = rig()
    data = made(box)
    assert [path.name for path in box.outbox.files.folder.iterdir()] == [f"{data.snapshot}.jpg"]


def test_a_picture_is_no_track_for_commands(rig):
    box = rig()
    data = made(box)
    assert box.outbox.track(data.snapshot) is None


def test_room_is_made_by_pictures_first_and_each_is_told(rig):
    box = rig()
    data = made(box)
    room = box.outbox.make_room(2**62, box.clock.wall_ns())
    assert room.dropped == (data.snapshot,)
    lost = events(box)[-1].data
    assert lost == TrackLostData(track=data.snapshot, press=data.press, reason=lost.reason, bytes=data.picture.bytes)
    assert "disk" in lost.reason
    assert not list(box.outbox.files.folder.iterdir())
    # The figures are still to be delivered.
    assert any(event.data == data for event in events(box))


@pytest.mark.parametrize("point", ["snapshot.before_fsync", "picture.before_fsync"])
def test_without_room_for_the_picture_the_figures_go_alone(rig, point):
    def fault(name):
        if name == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    box = rig(fault=fault)
    data = made(box)
    assert (data.state, data.picture, data.privacy) == ("face", None, "snapshot")
    assert events(box)[-1].data == data
    assert box.told == []
    assert [len(box.made), box.outbox.snapshots.open()] == [1, []]


def test_without_room_for_the_beginning_the_snapshot_is_made_all_the_same(rig):
    def fault(name):
        if name == "snapshot_begun.before_fsync":
            raise OSError(errno.ENOSPC, "No space left on device")

    box = rig(fault=fault)
    data = made(box)
    assert (data.partial, box.pictures[data.snapshot] is not None) == (False, True)


@pytest.mark.parametrize(
    "point",
    ["snapshot.before_fsync", "snapshot.after_rename", "picture.before_fsync", "picture.after_rename",
     "outbox.snapshot.before_commit", "outbox.snapshot.after_commit"],
)  # fmt: skip
def test_a_crash_at_any_moment_leaves_one_snapshot_with_its_picture(rig, point):
    class Crash(BaseException):
        pass

    strikes = [True]

    def fault(name):
        if name == point and strikes:
            strikes.clear()
            raise Crash

    box = rig(fault=fault)
    box.advance(40)
    press = box.press()
    with pytest.raises(Crash):
        box.advance(8)
    box.stop_box()
    box.start_box()
    box.advance(8)
    told = [event.data for event in events(box) if isinstance(event.data, SnapshotData)]
    assert [data.snapshot for data in told] == [press.snapshot_id]
    (kept,) = box.outbox.files.folder.iterdir()
    assert sha256(kept.read_bytes()) == told[0].picture.sha256
    (state,) = box.outbox._db.execute("select state from track where id = ?", [press.snapshot_id]).fetchone()
    assert state == TrackState.FINISHED
    assert told[0].index.n == 1


def test_a_clock_that_was_set_later_puts_each_client_into_its_day(rig):
    box = rig()
    box.clock.is_synced = False
    data = made(box)
    true_ns = 1_900_000_000 * S
    at = Stamp(boot_id=box.clock.boot_id, mono_ns=box.clock.mono_ns(), wall_ns=true_ns, synced=True, uncertainty_ms=1.0)
    box.outbox.snapshots.repair(TimeData(stamp=at))
    days = box.outbox.snapshots.days(true_ns, 2, simulated=False)
    assert [figures.n for _, figures in days] == [0, 1]
    known = box.outbox.snapshots.known([data.snapshot])[data.snapshot]
    assert known.wall_ns == true_ns + data.stamp.mono_ns - at.mono_ns
