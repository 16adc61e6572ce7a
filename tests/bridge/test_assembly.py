"""Tracks put together from chunks: in any order, whatever breaks in between, never from wrong bytes."""

import io
import tempfile

import numpy as np
import pytest
import soundfile
from bridge_box import SimBox
from bridge_rig import Rig, dump

from cloud_bridge import faultpoint
from cloud_bridge.blobs import BlobError, open_blobs
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.sound import PEAKS
from cloud_bridge.store import queries
from cloud_bridge.store.rows import PressFilter, TrackState
from edge import wire


def state(store, track):
    return queries.track(store, track.id).state


def test_the_sound_arrives_bit_for_bit_and_its_states_are_seen_on_the_way(store, tmp_path):
    box = SimBox()
    messages, track = box.press_and_track()
    rig = Rig(store, open_blobs(f"file://{tmp_path}/blobs"))
    assert len(track.chunks) > 3
    seen = []
    for message in messages:
        rig.take([message])
        page = queries.list_presses(store, PressFilter())
        seen.append(str(page.presses[0].track_state))
    assert seen == ["expected"] + ["receiving"] * len(track.chunks) + ["complete"]
    row = queries.track(store, track.id)
    assert (row.damaged, row.manifest, row.chunks_received) == (None, track.data, len(track.chunks))
    assert (tmp_path / "blobs/tracks/site/box" / f"{track.id}.flac").read_bytes() == track.sound
    assert rig.link.received("track") == [wire.Received(kind="track", id=track.id, sha256=track.data.sha256)]
    assert dump(store)["chunk"] == []


def test_peaks_show_where_the_sound_is(store):
    samples = np.zeros(16_000, np.int16)
    samples[4_000:4_100] = 16_384
    samples[12_000:12_010] = -32_768
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="FLAC")
    box = SimBox()
    track = box.track(box.new_id(), sound=file.getvalue(), frames=16_000)
    Rig(store).take(track.messages)
    peaks = np.frombuffer(queries.track_peaks(store, track.id), np.int8).reshape(PEAKS, 2)
    assert sorted(set(np.flatnonzero(peaks[:, 1]))) == list(range(250, 257))
    assert list(np.flatnonzero(peaks[:, 0])) == [750]
    assert (peaks[250, 1], peaks[750, 0]) == (64, -127)


def test_a_wrong_chunk_after_the_manifest_is_asked_for_again(store):
    box = SimBox()
    track = box.track(box.new_id())
    wrong = (track.chunks[1][0], b"wrong")
    rig = Rig(store)
    rig.take([track.manifest, track.chunks[0], wrong, *track.chunks[2:]])
    expected = wire.Received(kind="chunk", id=track.id, n=1, sha256=track.data.chunk_sha256[1])
    assert rig.link.resend() == [expected]
    assert expected not in rig.link.received("chunk")
    assert [row.kind for row in queries.list_quarantine(store)] == ["chunk_hash"]
    rig.take([track.chunks[1]])
    assert state(store, track) == TrackState.COMPLETE


def test_a_wrong_chunk_before_the_manifest_neither_blocks_nor_replaces_the_right_one(store):
    box = SimBox()
    track = box.track(box.new_id())
    rig = Rig(store)
    rig.take([(track.chunks[0][0], b"wrong"), *track.chunks, (track.chunks[1][0], b"wrong")])
    assert state(store, track) == TrackState.RECEIVING
    rig.take([track.manifest])
    assert state(store, track) == TrackState.COMPLETE
    assert [row.kind for row in queries.list_quarantine(store)] == ["chunk_hash", "chunk_hash"]


def test_an_index_beyond_the_manifest(store):
    box = SimBox()
    track = box.track(box.new_id())
    beyond = (wire.chunk_topic("site", "box", track.id, len(track.chunks)), b"more")
    rig = Rig(store)
    rig.take([beyond, track.manifest, beyond, *track.chunks])
    assert [(row.kind, row.times) for row in queries.list_quarantine(store)] == [("chunk_index", 2)]
    assert state(store, track) == TrackState.COMPLETE
    assert rig.link.resend() == []


def test_chunks_without_a_manifest_are_bounded_and_come_again(store):
    box = SimBox()
    track = box.track(box.new_id())
    rig = Rig(store, limits=Limits(orphan_chunks=2))
    rig.take(track.chunks, batch=1)
    assert len(rig.link.received("chunk")) == 2
    assert {row.kind for row in queries.list_quarantine(store)} == {"orphan"}
    rig.take(track.messages)
    assert state(store, track) == TrackState.COMPLETE


def test_a_whole_that_is_not_what_the_manifest_says_is_never_receipted(store):
    box = SimBox()
    track = box.track(box.new_id(), sha256="0" * 64)
    rig = Rig(store)
    rig.take(track.messages)
    rig.take(track.messages)
    assert state(store, track) == TrackState.RECEIVING
    assert rig.link.received("track") == []
    assert [row.kind for row in queries.list_quarantine(store)] == ["track_hash"]
    assert "manifest says" in queries.track(store, track.id).damaged
    assert len(dump(store)["chunk"]) == len(track.chunks)


@pytest.mark.parametrize(
    "fields", [{"sound": b"this is no FLAC" * 100}, {"frames": 1234}, {"rate_hz": 8000}, {"channels": 2}]
)
def test_sound_that_is_not_as_promised_is_kept_and_named_damaged(store, fields):
    box = SimBox()
    messages, track = box.press_and_track(**fields)
    rig = Rig(store)
    rig.take(messages)
    row = queries.track(store, track.id)
    assert row.state == TrackState.COMPLETE
    assert row.damaged
    assert rig.blobs.read(row.blob, 0, 10**6) == track.sound
    assert len(rig.link.received("track")) == 1
    assert queries.list_presses(store, PressFilter()).presses[0].damaged
    assert rig.metrics.registry.get_sample_value("earshot_quarantined_total", {"kind": "damaged"}) == 1


@pytest.mark.parametrize("codec", ["wav", "opus"])
def test_other_codecs(store, codec):
    kind = {"wav": ("WAV", "PCM_16"), "opus": ("OGG", "OPUS")}[codec]
    tone = (np.sin(np.arange(32_000) / 10) * 8000).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, tone, 16_000, format=kind[0], subtype=kind[1])
    box = SimBox()
    track = box.track(box.new_id(), sound=file.getvalue(), frames=32_000, codec=codec)
    Rig(store).take(track.messages)
    row = queries.track(store, track.id)
    assert (row.state, row.damaged, row.blob) == (TrackState.COMPLETE, None, f"tracks/site/box/{track.id}.{codec}")


def test_a_lost_track_is_lost_whatever_comes_first_but_sound_that_is_there_wins(store):
    box = SimBox()
    press, gone = box.new_id(), box.new_id()
    lost = box.lost(press, gone)
    rig = Rig(store)
    rig.take([lost])
    rig.take([box.press(track=gone, event_id=press)])
    assert queries.press(store, press).press.track_state == TrackState.LOST
    assert queries.press(store, press).tracks[0].lost_reason == "overwritten"
    track = box.track(press, gone)
    rig.take(track.messages)
    assert state(store, track) == TrackState.COMPLETE


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("name", faultpoint.NAMES)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_crash_anywhere_loses_and_doubles_nothing(store, tmp_path, name, nth):
    """A crash, then a new worker that hears again what was not acknowledged: as if nothing had happened."""
    box = SimBox()
    messages, track = box.press_and_track(seconds=1.0, chunk_bytes=20_000)
    left = nth

    def fault(passed):
        nonlocal left
        left -= passed == name
        if not left:
            left = -1
            raise Crash

    blobs = open_blobs(f"file://{tmp_path}/blobs", fault=fault)
    first = Rig(store, blobs, fault=fault)
    try:
        first.take(messages, batch=1)
    except Crash:
        pass
    else:
        assert (
            name in {"bridge.blob.before_put", "bridge.blob.before_fsync", "bridge.blob.after_put"} or "track" in name
        )
        assert nth == 2, "the place was never passed"
        return
    promised = [entry for kind in ("event", "chunk", "track") for entry in first.link.received(kind)]
    known = dump(store)
    for entry in promised:
        # What was receipted before the crash is there after it.
        if entry.kind == "event":
            assert entry.id in {row[0] for row in known["event"]}
    second = Rig(store, blobs)
    second.worker._find_unfinished()
    second.worker.finish_tracks()
    done = {message.mid for message in first.link.acknowledged}
    second.take([message for n, message in enumerate(messages) if n not in done])
    assert state(store, track) == TrackState.COMPLETE
    assert blobs.read(queries.track(store, track.id).blob, 0, 10**6) == track.sound
    assert len(queries.list_presses(store, PressFilter()).presses) == 1
    second.take(messages)
    received = {(entry.kind, entry.n) for kind in ("event", "chunk", "track") for entry in second.link.received(kind)}
    assert received == {("event", 0), ("track", 0), *(("chunk", n) for n in range(len(track.chunks)))}


def test_a_blob_store_that_is_away_delays_the_track_only(store, monkeypatch):
    box = SimBox()
    messages, track = box.press_and_track()
    rig = Rig(store)
    working = rig.blobs.put

    def refuse(*_):
        raise BlobError("away")

    monkeypatch.setattr(rig.blobs, "put", refuse)
    rig.take(messages)
    assert len(rig.link.acknowledged) == len(messages)
    assert rig.link.received("track") == []
    monkeypatch.setattr(rig.blobs, "put", working)
    rig.worker.finish_tracks()
    assert rig.link.received("track") == [], "tried again at once instead of after a wait"
    rig.clock_s += 60
    rig.take([box.press()])
    assert len(rig.link.received("track")) == 1
    assert state(store, track) == TrackState.COMPLETE


def test_extensions_are_found_from_the_press(store):
    box = SimBox()
    messages, track = box.press_and_track()
    longer = box.track(messages[0] and track.data.press, trigger=wire.Trigger.EXTENSION, extends=track.id)
    Rig(store).take([*longer.messages, *messages])
    assert [row.id for row in queries.press(store, track.data.press).tracks] == [track.id, longer.id]
    assert queries.press_of_track(store, longer.id) == track.data.press


def test_one_track_that_cannot_be_stored_does_not_hold_the_others_up(store, tmp_path):
    """The first box's folder cannot be made; the tracks of the others are stored all the same."""
    (tmp_path / "blobs" / "tracks" / "site").mkdir(parents=True)
    (tmp_path / "blobs" / "tracks" / "site" / "a").write_text("in the way")
    rig = Rig(store, open_blobs(f"file://{tmp_path}/blobs"))
    sent = [SimBox(seed, box=name).press_and_track(seconds=0.5) for seed, name in enumerate("aabb")]
    rig.take([message for messages, _ in sent for message in messages])
    for _ in range(4):
        rig.clock_s += 60
        rig.worker.finish_tracks()
    assert [state(store, track) for _, track in sent] == [TrackState.RECEIVING] * 2 + [TrackState.COMPLETE] * 2
    (tmp_path / "blobs" / "tracks" / "site" / "a").unlink()
    for _ in range(2):
        rig.clock_s += 60
        rig.worker.finish_tracks()
    assert [state(store, track) for _, track in sent] == [TrackState.COMPLETE] * 4
    assert [len(rig.link.received("track", box=name)) for name in "ab"] == [2, 2]


def test_a_bridge_that_is_killed_leaves_no_sound_in_the_temporary_folder(sqlite_store, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    left_behind = []

    def fault(name):
        if name == "bridge.blob.before_put":
            left_behind.extend((tmp_path / "tmp").iterdir())

    blobs = open_blobs(f"file://{tmp_path}/blobs", fault=fault)
    messages, track = SimBox().press_and_track(seconds=0.5)
    Rig(sqlite_store, blobs).take(messages)
    assert state(sqlite_store, track) == TrackState.COMPLETE
    assert left_behind == []


def test_what_is_damaged_is_said_without_naming_a_temporary_file(store):
    box = SimBox()
    track = box.track(box.new_id(), sound=b"not a FLAC file at all")
    Rig(store).take(track.messages)
    assert queries.track(store, track.id).damaged == "does not decode: Format not recognised."
