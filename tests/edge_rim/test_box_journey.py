"""The whole box in one process, with a real ring, a real broker and a bridge in memory: a press becomes a track."""

import io
import queue
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from broker import box_user, running_broker
from fake_bridge import FakeBridge
from web_client import WebClient

from drivers.contract import DeviceState, Edge, Source
from edge.app import Overrides, run_box
from edge.clock import SystemClock
from edge.config import decode
from edge.wire import (
    BootData,
    Extend,
    FaultData,
    Health,
    Identify,
    Ping,
    PressCommand,
    PressData,
    ShiftCommand,
    ShiftData,
    Status,
    TimeData,
    TrackData,
)
from edge.wire import decode as wire_decode
from ringbuffer.audio_ring import AudioRingWriter

RATE = 16000
PERIOD = 320
NS = 1_000_000_000


class PlayedRing:
    """An ear without a microphone: each sample's value is its frame number modulo 20011, stamped exactly."""

    def __init__(self, path, history_s):
        self.start_ns = SystemClock().mono_ns() - history_s * NS
        self.ring = AudioRingWriter(
            path,
            rate_hz=RATE,
            channels=1,
            depth_s=60,
            period_frames=PERIOD,
            boot_id=SystemClock().boot_id,
            source="played",
            simulated=True,
        )
        self.frame = 0
        self.stop = threading.Event()
        self.fill()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def fill(self):
        until = (SystemClock().mono_ns() - self.start_ns) * RATE // NS - PERIOD
        while self.frame < until:
            numbers = (np.arange(self.frame, self.frame + PERIOD) % 20011).astype(np.int16)
            self.frame += PERIOD
            self.ring.append(numbers, self.start_ns + self.frame * NS // RATE, 0)

    def run(self):
        while not self.stop.wait(0.02):
            self.fill()

    def close(self):
        self.stop.set()
        self.thread.join()
        self.ring.close()


class Hand:
    """A button that the test presses."""

    def __init__(self, name):
        self.name = name
        self.emit = None

    def start(self, emit):
        self.emit = emit

    def close(self):
        pass

    def edge(self, pressed):
        self.emit(Edge(self.name, pressed, time.monotonic_ns(), 0, Source.SIMULATED, simulated=True))

    def press(self):
        self.edge(True)
        self.edge(False)


class Lines:
    def __init__(self):
        self.messages = []

    def __call__(self, record):
        self.messages.append(record.getMessage())


@dataclass
class Running:
    web: WebClient
    hand: Hand
    lamp: list
    notices: list = field(default_factory=list)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [("north", "one")]) as running:
        yield running


@pytest.fixture
def bridge(broker):
    with FakeBridge(broker) as running:
        yield running
        running.online(False)


@pytest.fixture
def tree(tmp_path, broker):
    user = box_user("north", "one")
    return {
        "box": {
            "site": "north",
            "name": "one",
            "place": "Counter one",
            "data_dir": str(tmp_path / "data"),
            "ring": str(tmp_path / "ring"),
        },
        "tracks": {
            "windows": {"incident": {"before_s": 3, "after_s": 0.5}, "appeal": {"before_s": 2, "after_s": 0.5}},
            "tail_grace_s": 2,
            "disk_reserve_bytes": 0,
        },
        "ear": {"depth_s": 60},
        "buttons": [
            {"name": "red", "driver": "virtual", "trigger": "incident"},
            {"name": "kok", "driver": "virtual", "trigger": "appeal", "shared": True},
            {"name": "smile", "driver": "virtual", "trigger": "rating", "rating": 5},
        ],
        "lamps": [{"name": "lamp", "driver": "log"}],
        "uplink": {
            "host": broker.host,
            "port": broker.port,
            "tls": False,
            "user": user,
            "password": broker.accounts[user],
            "backoff_min_ms": 20,
            "backoff_max_ms": 200,
            "receipt_timeout_ms": 300,
            "health_period_s": 1,
        },
        "web": {"port": 0},
    }


@contextmanager
def running_box(tree, lamp_lines=None, **overrides):
    stop = threading.Event()
    ready = queue.Queue()
    hand = Hand("red")
    failure = []

    def run():
        try:
            given = Overrides(buttons=lambda: [hand], on_ready=ready.put, **overrides)
            run_box(decode(tree, "test"), stop, given)
        except Exception as error:  # noqa: BLE001 - handed to the test
            failure.append(error)
            ready.put(None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        web = ready.get(timeout=10)
        if failure:
            raise failure[0]
        yield Running(WebClient(web.port), hand, lamp_lines or [])
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
    if failure:
        raise failure[0]


@pytest.fixture
def ring(tmp_path):
    played = PlayedRing(tmp_path / "ring", history_s=8)
    yield played
    played.close()


def samples_of(bridge, track):
    samples, rate = soundfile.read(io.BytesIO(bridge.sound(track)), dtype="int16")
    assert rate == RATE
    return samples


def expect_aligned(bridge, ring, manifest, press_ns):
    """The sample at the press's offset is the one that the ear captured at the press."""
    samples = samples_of(bridge, manifest.track)
    offset = manifest.press_offset_frames
    true_frame = (press_ns - ring.start_ns) * RATE / NS
    assert len(samples) == manifest.frames
    first = int(samples[0])
    assert (np.diff(samples.astype(int)) % 20011 == 1).all(), "sample-exact, without a seam"
    assert abs(((first + offset) % 20011) - (true_frame % 20011)) <= 1 + manifest.align_error_ms * RATE / 1000


def test_a_press_becomes_a_track_and_is_acknowledged_when_safe(tree, ring, bridge, caplog):
    caplog.set_level("INFO", logger="earshot")
    with running_box(tree) as box:
        status, answer = box.web.post("/press", {"button": "red", "request_id": "r-1"})
        assert status == 202
        bridge.wait(lambda: bridge.of(TrackData) and bridge.sound(bridge.of(TrackData)[0].data.track), "the track")
        (press,) = bridge.of(PressData)
        assert press.id == answer["press"]
        assert (press.data.source, press.data.request_id, press.data.simulated) == ("local_web", "r-1", False)
        (track,) = bridge.of(TrackData)
        assert (track.data.press, track.data.track, track.data.partial) == (press.id, press.data.track, False)
        assert track.data.simulated
        expect_aligned(bridge, ring, track.data, press.data.stamp.mono_ns)

        box.web.wait_for(lambda state: state["presses"][0]["track_state"] == "delivered")
        state = box.web.get_json("/state")
        assert state["health"]["events_waiting"] == 0
        assert state["health"]["ear"]["running"]
        assert box.web.post("/press", {"button": "red", "request_id": "r-1"}) == (
            202,
            {"press": press.id, "repeated": True},
        )
        (boot,) = bridge.of(BootData)
        assert boot.data.session == 1
        seqs = [event.seq for event in sorted(bridge.events.values(), key=lambda event: event.seq)]
        assert seqs == list(range(1, len(seqs) + 1))
        statuses = [wire_decode(m.payload, Status) for m in bridge.messages if m.topic.endswith("/status")]
        assert statuses[-1].online
        assert statuses[-1].series == boot.series
        health = [wire_decode(m.payload, Health) for m in bridge.messages if m.topic.endswith("/health")]
        assert health[-1].ear is not None
        assert health[-1].rss_bytes > 1_000_000
    assert any("acknowledged" in line for line in caplog.messages)
    about_track = [record for record in caplog.records if getattr(record, "EARSHOT_TRACK", None) == track.data.track]
    assert {record.EARSHOT_PRESS for record in about_track} == {press.id}
    assert any("delivered" in record.getMessage() for record in about_track)
    journal = next((Path(tree["box"]["data_dir"]) / "journal").glob("*.csv")).read_text("utf-8-sig")
    assert press.id in journal
    assert "Counter one" in journal


def test_a_hammered_contact_and_a_device_that_comes_and_goes(tree, ring, bridge):
    with running_box(tree) as box:
        box.hand.press()
        bridge.wait(lambda: bridge.of(PressData), "the press")
        assert bridge.of(PressData)[0].data.simulated
        box.hand.emit(DeviceState("/dev/input/x", False, time.monotonic_ns(), "unplugged"))
        box.hand.emit(DeviceState("/dev/input/x", False, time.monotonic_ns(), "still unplugged"))
        box.hand.emit(DeviceState("/dev/input/x", True, time.monotonic_ns(), "back"))
        bridge.wait(lambda: len(bridge.of(FaultData)) == 2, "both changes")
        assert [(f.data.name, f.data.active) for f in bridge.of(FaultData)] == [
            ("device_lost", True),
            ("device_lost", False),
        ]
        assert box.web.get_json("/state")["health"]["devices"] == {"/dev/input/x": True}


def test_presses_are_kept_while_no_bridge_is_there_and_come_once_in_order(tree, ring, bridge):
    bridge.online(False)
    with running_box(tree) as box:
        ids = [box.web.post("/press", {"button": name})[1]["press"] for name in ("red", "smile", "red")]
        box.web.wait_for(lambda state: state["connected"] and state["health"]["tracks_waiting"] == 2)
        assert not bridge.events
        bridge.online(True)
        bridge.wait(lambda: len(bridge.of(TrackData)) == 2, "the tracks")
        box.web.wait_for(lambda state: state["health"]["tracks_waiting"] == state["health"]["events_waiting"] == 0)
        assert [event.id for event in bridge.of(PressData)] == ids
        assert set(bridge.times.values()) == {1}, "nothing was sent twice"
        first_chunks = [name.partition("/")[0] for name in bridge.order if name.endswith("/0")]
        newest = [event.data.track for event in bridge.of(PressData) if event.data.track][::-1]
        assert first_chunks == newest, "the newest press's sound goes first"


def test_lost_receipts_are_asked_for_again_and_nothing_stays_behind(tree, ring, bridge):
    bridge.forgetful = {"event", "chunk", "track"}
    with running_box(tree) as box:
        box.web.post("/press", {"button": "red"})
        bridge.wait(lambda: bridge.of(TrackData) and bridge.times[bridge.of(TrackData)[0].id] >= 2, "a repetition")
        bridge.forgetful = {"track"}
        box.web.wait_for(
            lambda state: state["health"]["events_waiting"] == 1 and state["health"]["tracks_waiting"] == 1
        )
        bridge.forgetful = set()
        box.web.wait_for(lambda state: state["presses"][0]["track_state"] == "delivered")
        assert box.web.get_json("/state")["health"]["events_waiting"] == 0
        assert len(bridge.of(PressData)) == len(bridge.of(TrackData)) == 1


def test_a_restarted_box_finishes_what_was_open(tree, ring, bridge):
    tree["tracks"]["windows"]["incident"]["after_s"] = 2
    with running_box(tree) as box:
        press = box.web.post("/press", {"button": "red", "request_id": "x"})[1]["press"]
    with running_box(tree) as box:
        assert box.web.post("/press", {"button": "red", "request_id": "x"})[1] == {"press": press, "repeated": True}
        bridge.wait(lambda: bridge.of(TrackData) and bridge.sound(bridge.of(TrackData)[0].data.track), "the track")
        assert [boot.data.open_tracks for boot in bridge.of(BootData)] == [0, 1]
        assert [boot.data.session for boot in bridge.of(BootData)] == sorted(
            b.data.session for b in bridge.of(BootData)
        )
        (track,) = bridge.of(TrackData)
        assert not track.data.partial
        expect_aligned(bridge, ring, track.data, bridge.of(PressData)[0].data.stamp.mono_ns)


def test_commands(tree, ring, bridge):
    with running_box(tree) as box:
        box.web.wait_for(lambda state: state["connected"])
        ping = bridge.command("north", "one", Ping(id="1" * 32))
        assert ping.ok
        assert ping.result["stamp"]["boot_id"] == SystemClock().boot_id
        assert bridge.command("north", "one", Identify(id="2" * 32, seconds=1)).ok

        command = PressCommand(id="3" * 32, button="red")
        first = bridge.command("north", "one", command)
        bridge.replies.clear()
        assert bridge.command("north", "one", command) == first
        bridge.wait(lambda: bridge.of(TrackData), "the track")
        (press,) = bridge.of(PressData)
        assert press.id == first.result["press"]
        assert press.data.source == "mqtt"
        unknown = bridge.command("north", "one", PressCommand(id="4" * 32, button="blue"))
        assert not unknown.ok
        assert "blue" in unknown.error

        assert bridge.command("north", "one", ShiftCommand(id="5" * 32, button="kok", employee="Анна")).ok
        assert not bridge.command("north", "one", ShiftCommand(id="6" * 32, button="red", employee="x")).ok
        box.web.post("/press", {"button": "kok"})
        bridge.wait(lambda: len(bridge.of(PressData)) == 2, "the press of the shift")
        assert bridge.of(PressData)[1].data.employee == "Анна"
        assert [event.data.employee for event in bridge.of(ShiftData)] == ["Анна"]

        track = press.data.track
        extended = bridge.command("north", "one", Extend(id="7" * 32, track=track, before_s=2, after_s=0.3))
        assert extended.ok, extended.error
        bridge.wait(lambda: bridge.sound(extended.result["track"]), "the extension")
        manifest = next(e.data for e in bridge.of(TrackData) if e.data.track == extended.result["track"])
        assert (manifest.extends, manifest.press, manifest.trigger) == (track, press.id, "extension")
        assert (manifest.before_s, manifest.after_s) == (5, 0.8)
        expect_aligned(bridge, ring, manifest, press.data.stamp.mono_ns)
        refused = bridge.command("north", "one", Extend(id="8" * 32, track=track, before_s=40))
        assert not refused.ok
        assert "ask for at most" in refused.error
        assert not bridge.command("north", "one", Extend(id="9" * 32, track="0" * 32, before_s=1)).ok

        bridge.publish("earshot/1/north/one/command", b'{"command":"dance","id":"' + b"a" * 32 + b'"}')
        bridge.wait(lambda: "a" * 32 in bridge.replies, "the refusal")
        assert not bridge.replies["a" * 32].ok
        bridge.publish("earshot/1/north/one/command", b"\xff\x00 nothing readable")
        bridge.publish("earshot/1/north/one/receipt", b"[]")
        bridge.publish("earshot/1/north/one/command", bytes(130_000))
        box.web.wait_for(lambda state: any("malformed" in fault for fault in state["health"]["faults"]))


def test_the_broker_goes_and_comes_back(tree, ring, tmp_path):
    user = box_user("north", "one")
    with running_broker(tmp_path, [("north", "one")]) as broker:
        tree["uplink"] |= {"host": broker.host, "port": broker.port, "password": broker.accounts[user]}
        with running_box(tree) as box:
            with FakeBridge(broker) as bridge:
                box.web.post("/press", {"button": "smile"})
                bridge.wait(lambda: len(bridge.of(PressData)) == 1, "the first press")
            broker.kill()
            box.web.wait_for(lambda state: not state["connected"])
            box.web.post("/press", {"button": "smile"})
            broker.start()
            with FakeBridge(broker) as bridge:
                bridge.wait(lambda: len(bridge.of(PressData)) == 1, "the second press")
                box.web.wait_for(lambda state: state["health"]["events_waiting"] == 0)
                sessions = [
                    wire_decode(m.payload, Status).session for m in bridge.messages if m.topic.endswith("/status")
                ]
                assert sessions[-1] >= 2


class StepClock(SystemClock):
    """The machine's clock without synchronisation, an hour slow, until `sync`."""

    def __init__(self):
        self.is_synced = False
        super().__init__()

    def wall_ns(self):
        return super().wall_ns() - (0 if self.is_synced else 3600 * NS)

    def synced(self):
        return (True, 1.0) if self.is_synced else (False, 16_000.0)


def test_the_time_is_told_once_a_boot_after_synchronisation(tree, ring, bridge):
    clock = StepClock()
    with running_box(tree, clock=clock) as box:
        box.web.post("/press", {"button": "smile"})
        bridge.wait(lambda: bridge.of(PressData), "the press")
        assert not bridge.of(PressData)[0].data.stamp.synced
        clock.is_synced = True
        bridge.wait(lambda: bridge.of(TimeData), "the time")
        told = bridge.of(TimeData)[0].data.stamp
        assert told.synced
        true_ns = told.wall_ns + bridge.of(PressData)[0].data.stamp.mono_ns - told.mono_ns
        assert abs(true_ns - bridge.of(PressData)[0].data.stamp.wall_ns - 3600 * NS) < NS
    with running_box(tree, clock=clock) as box:
        box.web.post("/press", {"button": "smile"})
        bridge.wait(lambda: len(bridge.of(PressData)) == 2, "the press after the restart")
        assert len(bridge.of(TimeData)) == 1


def test_an_absent_ear_is_a_fault_and_its_presses_say_that_sound_is_missing(tree, bridge):
    with running_box(tree) as box:
        box.web.post("/press", {"button": "red"})
        bridge.wait(
            lambda: any(f.data.name == "pre_roll_missing" for f in bridge.of(FaultData)), "the missing pre-roll"
        )
        bridge.wait(
            lambda: any(f.data.name == "sound_absent" and f.data.active for f in bridge.of(FaultData)), "the fault"
        )
        assert box.web.get_json("/state")["health"]["ear"] is None
