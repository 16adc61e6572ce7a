"""A box that names ever new tracks for chunks without a manifest fills the database up to its quota, not further."""

import pytest
from bridge_box import SimBox
from bridge_rig import Rig, dump

from cloud_bridge.ingest.batch import Limits
from cloud_bridge.store import queries
from cloud_bridge.store.rows import TrackState
from edge import wire

QUOTA = Limits(box_orphan_chunks=5)


def strays(box, count, site="site", name="box"):
    return [(wire.chunk_topic(site, name, box.new_id(), 0), b"stray %d" % n) for n in range(count)]


def kinds(store):
    return [row.kind for row in queries.list_quarantine(store)]


@pytest.mark.parametrize("batch", [1, 500])
def test_beyond_the_quota_nothing_of_a_stray_chunk_is_stored(store, batch):
    rig = Rig(store, limits=QUOTA)
    rig.take(strays(SimBox(), 20), batch=batch)
    found = dump(store)
    assert (len(found["chunk"]), len(found["track"])) == (5, 5)
    assert len(rig.link.received("chunk")) == 5
    assert kinds(store) == ["orphan"] * 15
    assert "box site/box has 5 chunks without a manifest here, its quota" in queries.list_quarantine(store)[0].reason


def test_the_quota_is_a_boxs_own(sqlite_store):
    rig = Rig(sqlite_store, limits=QUOTA)
    rig.take([*strays(SimBox(), 9), *strays(SimBox(seed=2), 3, name="other")])
    assert len(dump(sqlite_store)["chunk"]) == 8


def test_what_is_stored_is_receipted_again_and_counts_once(sqlite_store):
    rig = Rig(sqlite_store, limits=QUOTA)
    sent = strays(SimBox(), 5)
    rig.take(sent)
    rig.take(sent + sent)
    assert kinds(sqlite_store) == []
    # Once for each batch; a receipt names nothing twice.
    assert len(rig.link.received("chunk")) == 10
    assert len(dump(sqlite_store)["chunk"]) == 5


def test_a_box_at_its_quota_still_delivers_what_has_a_manifest(sqlite_store):
    box = SimBox()
    rig = Rig(sqlite_store, limits=QUOTA)
    rig.take(strays(box, 9))
    messages, track = box.press_and_track()
    rig.take(messages)
    assert queries.track(sqlite_store, track.id).state == TrackState.COMPLETE


def test_chunks_that_were_refused_are_taken_when_their_manifest_is_there(store):
    box = SimBox()
    track = box.track(box.new_id())
    rig = Rig(store, limits=QUOTA)
    rig.take(strays(box, 5))
    rig.take(track.chunks)
    assert set(kinds(store)) == {"orphan"}
    rig.take([track.manifest])
    assert queries.track(store, track.id).state == TrackState.RECEIVING
    rig.take(track.chunks)
    assert queries.track(store, track.id).state == TrackState.COMPLETE


def test_orphans_that_find_their_manifest_are_orphans_no_more(sqlite_store):
    box = SimBox()
    rig = Rig(sqlite_store, limits=QUOTA)
    tracks = [box.track(box.new_id()) for _ in range(3)]
    for track in tracks:
        rig.take([track.chunks[0]])
        rig.take([track.manifest])
    rig.take(strays(box, 5))
    assert kinds(sqlite_store) == []


def test_a_manifest_in_the_same_batch_is_enough(sqlite_store):
    box = SimBox()
    track = box.track(box.new_id())
    rig = Rig(sqlite_store, limits=Limits(box_orphan_chunks=1))
    rig.take([*track.chunks, track.manifest])
    assert kinds(sqlite_store) == []
    assert queries.track(sqlite_store, track.id).state == TrackState.COMPLETE
