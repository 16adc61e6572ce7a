"""The judge of the power cuts finds every kind of loss: what is taken from a good end is what it names."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile

from demo.ledger import StoredTrack
from edge.wire import Event, GapSpan, PressData, Stamp, TrackData, Trigger, encode_event, sha256
from lab.cuts.judge import Witnessed, judge

RATE_HZ = 16000
BOOT = "5d2f0a1e00004000800000000000000a"
LINE, PAGE = "a" * 32, "b" * 32
SOURCE = np.random.default_rng(5).integers(1, 9000, 20 * RATE_HZ).astype(np.int16)


class Bridge:
    """A bridge's end of the story: two presses with a track each, to be spoilt by a test."""

    def __init__(self, folder):
        self.folder = folder
        self.presses = {LINE: self.press("red", 5_000_000_000), PAGE: self.press("page", 9_000_000_000, "request-1")}
        self.stored = {press: self.track(press, first) for press, first in ((LINE, 1000), (PAGE, 90_000))}
        self.lost_seqs = 0
        self.refused = []

    def press(self, button, mono_ns, request=None):
        stamp = Stamp(boot_id=BOOT, mono_ns=mono_ns, wall_ns=0, synced=False, uncertainty_ms=0)
        return PressData(
            button=button, trigger=Trigger.INCIDENT, stamp=stamp, stamp_uncertainty_ms=0.2, source="gpio",
            simulated=False, track=("c" if button == "red" else "d") * 32, request_id=request,
        )  # fmt: skip

    def track(self, press, first_frame, gaps=(), samples=None):
        data = self.presses[press]
        frames = 5 * RATE_HZ
        if samples is None:
            samples = SOURCE[first_frame : first_frame + frames].copy()
        for gap in gaps:
            samples[gap.offset_frames : gap.offset_frames + gap.frames] = 0
        file = io.BytesIO()
        soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
        content = file.getvalue()
        path = self.folder / data.track
        path.write_bytes(content)
        manifest = TrackData(
            track=data.track, press=press, trigger=data.trigger, stamp=data.stamp, codec="wav", rate_hz=RATE_HZ,
            channels=1, frames=frames, before_s=3, after_s=2, press_offset_frames=3 * RATE_HZ, align_error_ms=1,
            drift_ppm=0, gaps=tuple(gaps), partial=False, partial_reason=None, capture="alsa:x", simulated=False,
            bytes=len(content), sha256=sha256(content), chunk_bytes=96 * 1024, chunk_sha256=(sha256(content),),
        )  # fmt: skip
        return StoredTrack(data.track, press, "complete", None, manifest, path)

    def tracks(self):
        return {track.id: track for track in self.stored.values()}

    def quarantined(self):
        return self.refused

    def missing_seqs(self):
        return self.lost_seqs

    def verdict(self, witnessed):
        database = self.folder / "bridge.db"
        database.unlink(missing_ok=True)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE event (payload TEXT)")
            for seq, (press, data) in enumerate(self.presses.items(), start=1):
                event = Event(
                    id=press, site="s", box="b", type="earshot.press.v1", time=datetime.now(UTC),
                    series="e" * 32, seq=seq, data=data,
                )  # fmt: skip
                payload = encode_event(event)
                connection.execute("INSERT INTO event VALUES (?)", (payload,))
            connection.commit()
        return judge(witnessed, database, self, SOURCE)


@pytest.fixture
def bridge(tmp_path):
    return Bridge(tmp_path)


@pytest.fixture
def witnessed():
    boot = f"{BOOT[:8]}-{BOOT[8:12]}-{BOOT[12:16]}-{BOOT[16:20]}-{BOOT[20:]}"
    return Witnessed(pages={"request-1": PAGE}, lamps=[(boot, 4_999_900_000, 5_000_100_000)])


def test_a_good_end_has_no_fault(bridge, witnessed):
    verdict = bridge.verdict(witnessed)
    assert verdict.faults == []
    assert (verdict.presses, verdict.tracks, verdict.least_pre_roll_s) == (2, 2, 3.0)


def test_an_acknowledged_press_that_is_not_there(bridge, witnessed):
    del bridge.presses[PAGE]
    assert any("request-1" in fault and "not there" in fault for fault in bridge.verdict(witnessed).faults)


def test_a_touch_whose_lamp_shone_for_nothing(bridge, witnessed):
    del bridge.presses[LINE]
    assert any("the lamp shone, and there is no press" in fault for fault in bridge.verdict(witnessed).faults)


def test_a_touch_that_became_two_presses(bridge, witnessed):
    bridge.presses["9" * 32] = bridge.press("red", 5_000_050_000)
    assert any("presses ['aaaa" in fault for fault in bridge.verdict(witnessed).faults)


def test_a_request_that_became_two_presses(bridge, witnessed):
    bridge.presses["9" * 32] = bridge.press("page", 9_500_000_000, "request-1")
    assert "request request-1: 2 presses" in bridge.verdict(witnessed).faults


@pytest.mark.parametrize("press", [LINE, PAGE])
def test_a_track_that_is_not_whole(bridge, witnessed, press):
    track = bridge.stored[press]
    bridge.stored[press] = StoredTrack(track.id, press, "receiving", None, track.manifest, None)
    assert any(track.id in fault and "receiving" in fault for fault in bridge.verdict(witnessed).faults)


@pytest.mark.parametrize("press", [LINE, PAGE])
def test_lost_sound_breaks_what_was_promised(bridge, witnessed, press):
    track = bridge.stored[press]
    bridge.stored[press] = StoredTrack(track.id, press, "lost", None, None, None)
    verdict = bridge.verdict(witnessed)
    assert len(verdict.faults) == verdict.lost == 1
    assert "is lost" in verdict.faults[0]


def test_a_file_that_is_not_its_manifests(bridge, witnessed):
    path = bridge.stored[LINE].file
    path.write_bytes(path.read_bytes()[:-2] + b"xx")
    assert any("are not its manifest's" in fault for fault in bridge.verdict(witnessed).faults)


def test_sound_that_was_never_played(bridge, witnessed):
    samples = SOURCE[1000 : 1000 + 5 * RATE_HZ].copy()
    samples[70_000] += 1
    bridge.stored[LINE] = bridge.track(LINE, 0, samples=samples)
    assert any("are not what was played" in fault for fault in bridge.verdict(witnessed).faults)


def test_a_press_without_the_sound_before_it(bridge, witnessed):
    gap = GapSpan(offset_frames=0, frames=3 * RATE_HZ, reason="restart")
    bridge.stored[LINE] = bridge.track(LINE, 1000, (gap,))
    faults = bridge.verdict(witnessed).faults
    assert any("no sound before the press (gaps: restart 48000)" in fault for fault in faults)


def test_a_named_gap_is_no_fault(bridge, witnessed):
    gap = GapSpan(offset_frames=100, frames=2 * RATE_HZ, reason="overrun")
    bridge.stored[LINE] = bridge.track(LINE, 1000, (gap,))
    verdict = bridge.verdict(witnessed)
    assert verdict.faults == []
    assert verdict.least_pre_roll_s == pytest.approx(1.0)


def test_holes_and_refusals_are_told(bridge, witnessed):
    bridge.lost_seqs = 2
    bridge.refused = [("topic", "reason")]
    assert {"2 numbers of events are missing", "quarantined: topic: reason"} <= set(bridge.verdict(witnessed).faults)
