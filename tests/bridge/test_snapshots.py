"""Snapshots at the bridge: what is refused, what is damaged, and the same numbers as on the box."""

import msgspec
import pytest
from bridge_box import WALL_NS, SimBox
from bridge_rig import Rig

from cloud_bridge.store import queries, snapshots
from cloud_bridge.store.rows import TrackState
from edge.wire import IndexData
from edge.wire.smile_index import smile_index


def quarantined(store):
    return [(row.kind, row.reason) for row in queries.list_quarantine(store)]


def press_with(box, **more):
    press, snapshot, stamp = box.new_id(), box.new_id(), box.stamp()
    return (
        press,
        [box.press(event_id=press, snapshot=snapshot, stamp=stamp)],
        box.snapshot(press, snapshot, stamp=stamp, **more),
    )


def test_a_picture_arrives_whole_and_is_no_track(sqlite_store):
    box, rig = SimBox(), Rig(sqlite_store)
    picture = box.jpeg()
    press, told, snapshot = press_with(box, picture=picture)
    rig.take([*told, *snapshot.messages])
    row = snapshots.of_press(sqlite_store, press)
    assert (row.data, row.picture, row.damaged) == (snapshot.data, TrackState.COMPLETE, None)
    assert rig.blobs.read(row.blob, 0, 10**6) == picture
    assert queries.press(sqlite_store, press).tracks == ()
    assert queries.track(sqlite_store, snapshot.data.snapshot) is None
    kinds = [entry.kind for entry in rig.link.received("track")]
    assert kinds == ["track"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"privacy": "index"}, "has no picture"),
        ({"frame_mono_ns": 2**62}, "longer than any machine runs"),
        (
            {"index": IndexData(since_ns=-1, n=0, smiled=0, percent=None, low_percent=None, high_percent=None)},
            "Unix time",
        ),
        (
            {"index": IndexData(since_ns=0, n=1, smiled=2, percent=None, low_percent=None, high_percent=None)},
            "more than",
        ),
    ],
)
def test_a_snapshot_that_can_not_be_is_refused(sqlite_store, change, told):
    box = SimBox()
    _, _, snapshot = press_with(box, picture=box.jpeg())
    Rig(sqlite_store).take([box.event(msgspec.structs.replace(snapshot.data, **change))])
    ((kind, reason),) = quarantined(sqlite_store)
    assert kind == "manifest"
    assert told in reason
    assert snapshots.by_id(sqlite_store, snapshot.data.snapshot) is None


def test_a_strip_out_of_order_is_refused(sqlite_store):
    box = SimBox()
    _, _, snapshot = press_with(box)
    data = msgspec.structs.replace(snapshot.data, strip=snapshot.data.strip[::-1])
    Rig(sqlite_store).take([box.event(data)])
    assert "in order" in quarantined(sqlite_store)[0][1]


@pytest.mark.parametrize("spoiled", ["text", "cut", "size"])
def test_a_picture_that_is_none_is_kept_and_named_damaged(sqlite_store, spoiled):
    box, rig = SimBox(), Rig(sqlite_store)
    picture = {"text": b"no picture at all", "cut": box.jpeg()[:-40], "size": box.jpeg((32, 48))}[spoiled]
    press, told, snapshot = press_with(box, picture=picture)
    rig.take([*told, *snapshot.messages])
    row = snapshots.of_press(sqlite_store, press)
    assert row.picture is TrackState.COMPLETE
    assert (
        row.damaged
        == {
            "text": "is no whole JPEG",
            "cut": "is no whole JPEG",
            "size": "has 32x48 pixels, the event promised 64x48",
        }[spoiled]
    )


def test_the_first_snapshot_of_an_id_stays(sqlite_store):
    box, rig = SimBox(), Rig(sqlite_store)
    press, told, first = press_with(box)
    second = box.event(msgspec.structs.replace(first.data, probability=0.99))
    rig.take([*told, first.event])
    rig.take([second])
    assert snapshots.of_press(sqlite_store, press).data == first.data
    assert [kind for kind, _ in quarantined(sqlite_store)] == ["conflict"]


def test_a_foreign_box_can_not_speak_for_a_press(sqlite_store):
    one, other = SimBox(1, box="one"), SimBox(2, box="two")
    press = one.new_id()
    Rig(sqlite_store).take([one.press(event_id=press), other.snapshot(press).event])
    assert snapshots.of_press(sqlite_store, press) is None


def test_the_bridge_counts_as_the_box_does(sqlite_store):
    box, rig = SimBox(), Rig(sqlite_store)
    outcomes = [True, False, None, True, True, None, False, True, True, True, True, False, True]
    for n, smiled in enumerate(outcomes):
        figures = smile_index(outcomes[: n + 1])
        index = IndexData(since_ns=WALL_NS, **figures._asdict())
        press, told, snapshot = press_with(box, smiled=smiled, index=index)
        rig.take([*told, snapshot.event])
        data = snapshots.of_press(sqlite_store, press).data
        mine = snapshots.smile_index(
            sqlite_store, "site", "box", data.index.since_ns, data.stamp.wall_ns, simulated=data.simulated
        )
        assert mine._asdict() == {name: getattr(data.index, name) for name in mine._fields}
    assert snapshots.smile_index(sqlite_store, "site", "box", 0) == (0, 0, None, None, None)
