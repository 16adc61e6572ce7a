"""A box to be examined: its folders, a ring that plays, the state that its page would tell."""

from __future__ import annotations

import contextlib
import copy

import msgspec
import numpy as np
from box_parts import counting_ids
from fake_clock import FakeClock

from edge import wire
from edge.clock import stamp
from edge.config import decode
from edge.field.accounts import Account, current_account
from edge.field.surroundings import Folders, Surroundings
from edge.outbox import Outbox
from edge.plan import PlannedTrack
from ringbuffer.audio_ring import AudioRingWriter

RATE_HZ = 16000
PERIOD = 320
NS = 1_000_000_000
NOBODY = Account("nobody-here", 54321, frozenset({54321}))

STATE = {
    "site": "shop",
    "box": "one",
    "place": "",
    "connected": True,
    "bridge_online": True,
    "last_failure": None,
    "last_receipt_s": 2.0,
    "contacts": [],
    "shifts": {"kok": "Anna Person"},
    "presses": [
        {
            "id": "ab" * 16,
            "button": "red",
            "trigger": "incident",
            "employee": "Anna Person",
            "wall_ns": 1_700_000_000 * NS,
            "synced": True,
            "misuse": False,
            "simulated": False,
            "delivered": True,
            "track": "cd" * 16,
            "track_state": "delivered",
        }
    ],
    "health": {
        "version": "0.1.0",
        "uptime_s": 7200.0,
        "events_waiting": 0,
        "tracks_waiting": 0,
        "faults": [],
    },
}


def state(**changes):
    """The state of a healthy box; `health` changes parts of the health."""
    made = copy.deepcopy(STATE)
    made["health"] |= changes.pop("health", {})
    return made | changes


class Place:
    """A box in `folder`; its kernel's folders are `folder`/dev, proc, sys."""

    def __init__(self, folder, **sections):
        self.folder = folder
        self.clock = FakeClock()
        self.folders = Folders(folder / "dev", folder / "proc", folder / "sys")
        for made in (self.folders.dev, self.folders.proc / "self", self.folders.sys, folder / "run", folder / "data"):
            made.mkdir(parents=True)
        self.mount(("/", "ext4"), (folder / "run", "tmpfs"))
        box = {"site": "shop", "name": "one", "data_dir": str(folder / "data"), "ring": str(folder / "run/ring")}
        ear = {"driver": "alsa", "device": "hw:CARD=Test", "depth_s": 300}
        tree = {"box": box, "ear": ear, "tracks": {"disk_reserve_bytes": 1000}, **sections}
        self.config = decode(tree, "test")

    def mount(self, *mounted):
        lines = [f"1 1 0:1 / {point} rw - {kind} none rw" for point, kind in mounted]
        (self.folders.proc / "self/mountinfo").write_text("\n".join(lines) + "\n")

    def around(self, **changes):
        parts = {"ear": current_account(), "box": current_account(), "state": state(), **changes}
        return Surroundings(self.config, clock=self.clock, folders=self.folders, **parts)

    def play(self, samples, *, boot_id=None, simulated=False, ago_s=0.0):
        """The ear has captured `samples`, the last of them `ago_s` ago."""
        ear = self.config.ear
        with AudioRingWriter(
            self.config.box.ring,
            boot_id=boot_id or self.clock.boot_id,
            source="alsa:hw:CARD=Test",
            simulated=simulated,
            rate_hz=ear.rate_hz,
            channels=ear.channels,
            depth_s=ear.depth_s,
            period_frames=PERIOD,
        ) as ring:
            end_ns = self.clock.mono_ns() - round(ago_s * NS)
            for first in range(0, len(samples), PERIOD):
                left = len(samples) - first - PERIOD
                ring.append(samples[first : first + PERIOD], end_ns - left * NS // RATE_HZ, 0)


def hum(seconds=15, amplitude=1000):
    """A tone of so many seconds."""
    times = np.arange(seconds * RATE_HZ) / RATE_HZ
    return np.round(amplitude * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def codes(findings):
    """(check, code) of each finding."""
    return [(one.check, one.code) for one in findings]


def fill_outbox(folder, clock, tracks, *, sound=b"sound" * 100):
    """An outbox in `folder` with so many presses, one each hour up to now, each with a finished track of `sound`."""
    with contextlib.closing(Outbox(folder, "shop", "one", new_id=counting_ids())) as box:
        for number in range(tracks):
            at_ns = clock.mono_ns() - (tracks - 1 - number) * 3600 * NS
            at = stamp(clock, clock.mono_ns())
            at = msgspec.structs.replace(at, mono_ns=at_ns, wall_ns=clock.wall_ns() - (clock.mono_ns() - at_ns))
            press, track = f"{0xA00 + number:032x}", f"{0xB00 + number:032x}"
            data = wire.PressData(
                button="red",
                trigger=wire.Trigger.INCIDENT,
                stamp=at,
                stamp_uncertainty_ms=1,
                source="gpio",
                simulated=False,
                track=track,
            )
            plan = PlannedTrack(track, press, wire.Trigger.INCIDENT, at_ns, 1000, 2.0, 1.0)
            box.record_press(press, data, plan)
            path = folder / "tracks" / f"{track}.flac"
            path.write_bytes(sound)
            manifest = wire.TrackData(
                track=track,
                press=press,
                trigger=wire.Trigger.INCIDENT,
                stamp=at,
                codec="flac",
                rate_hz=RATE_HZ,
                channels=1,
                frames=48000,
                before_s=2,
                after_s=1,
                press_offset_frames=32000,
                align_error_ms=0.1,
                drift_ppm=0.0,
                gaps=(),
                partial=False,
                partial_reason=None,
                capture="test",
                simulated=True,
                bytes=len(sound),
                sha256=wire.sha256(sound),
                chunk_bytes=len(sound),
                chunk_sha256=(wire.sha256(sound),),
            )
            box.finish_track(path, manifest, at.wall_ns)
