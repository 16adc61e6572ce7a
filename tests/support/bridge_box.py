"""A box as the bridge hears it: numbered events, tracks of real sound with manifests and chunks, as MQTT messages."""

import hashlib
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from edge import wire

Message = tuple[str, bytes]
RATE_HZ = 16_000
WALL_NS = 1_800_000_000_000_000_000


@dataclass(frozen=True)
class Track:
    """A finished track: its sound, its manifest's data, and all messages that carry it."""

    id: str
    sound: bytes
    data: wire.TrackData
    manifest: Message
    chunks: list[Message]

    @property
    def messages(self) -> list[Message]:
        return [self.manifest, *self.chunks]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: its data, its event, and the chunks of its picture, if it has one."""

    data: wire.SnapshotData
    event: Message
    chunks: list[Message]
    picture: bytes | None

    @property
    def messages(self) -> list[Message]:
        return [self.event, *self.chunks]


class SimBox:
    """One outbox (`series`) of one boot; everything is made from `seed`, so equal seeds give equal bytes."""

    def __init__(self, seed: int = 1, site: str = "site", box: str = "box") -> None:
        self.rng = random.Random(seed)
        self.site = site
        self.box = box
        self.series = self.new_id()
        self.boot = self.new_id()
        self.seq = 0
        self.mono_ns = 10**9

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def stamp(self, *, synced: bool = True, wall_ns: int | None = None, uncertainty_ms: float = 1.0) -> wire.Stamp:
        """The next second of this boot; undated ones believe in 1970, as a box without a clock does."""
        self.mono_ns += 10**9
        true_ns = WALL_NS + self.mono_ns if synced else self.mono_ns
        return wire.Stamp(
            boot_id=self.boot,
            mono_ns=self.mono_ns,
            wall_ns=true_ns if wall_ns is None else wall_ns,
            synced=synced,
            uncertainty_ms=uncertainty_ms,
        )

    def event(self, data: wire.EventData, *, event_id: str | None = None, topic: str | None = None) -> Message:
        self.seq += 1
        event = wire.Event(
            id=event_id or self.new_id(),
            site=self.site,
            box=self.box,
            type=wire.type_name(data),
            time=datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC),
            series=self.series,
            seq=self.seq,
            data=data,
        )
        return topic or wire.topic(self.site, self.box, "event"), wire.encode_event(event)

    def press(
        self, *, track: str | None = None, synced: bool = True, event_id: str | None = None, **more: Any
    ) -> Message:
        data = wire.PressData(
            button=more.pop("button", "red"),
            trigger=more.pop("trigger", wire.Trigger.INCIDENT),
            stamp=more.pop("stamp", None) or self.stamp(synced=synced),
            stamp_uncertainty_ms=0.1,
            source="gpio",
            simulated=True,
            track=track,
            **more,
        )
        return self.event(data, event_id=event_id)

    def track(
        self, press: str, track: str | None = None, *, seconds: float = 2.0, chunk_bytes: int = 8000, **more: Any
    ) -> Track:
        """A FLAC of noise, so that it has several chunks; `more` overrides fields of the manifest."""
        track = track or self.new_id()
        noise = np.random.default_rng(self.rng.getrandbits(32)).integers(-9000, 9000, int(seconds * RATE_HZ))
        file = io.BytesIO()
        soundfile.write(file, noise.astype(np.int16), RATE_HZ, format="FLAC")
        sound = more.pop("sound", None) or file.getvalue()
        parts = [sound[start : start + chunk_bytes] for start in range(0, len(sound), chunk_bytes)]
        fields: dict[str, Any] = {
            "track": track,
            "press": press,
            "trigger": wire.Trigger.INCIDENT,
            "stamp": self.stamp(),
            "codec": "flac",
            "rate_hz": RATE_HZ,
            "channels": 1,
            "frames": len(noise),
            "before_s": seconds / 2,
            "after_s": seconds / 2,
            "press_offset_frames": len(noise) // 2,
            "align_error_ms": 0.3,
            "drift_ppm": 12.5,
            "gaps": (),
            "partial": False,
            "partial_reason": None,
            "capture": "sim",
            "simulated": True,
            "bytes": len(sound),
            "sha256": hashlib.sha256(sound).hexdigest(),
            "chunk_bytes": chunk_bytes,
            "chunk_sha256": tuple(hashlib.sha256(part).hexdigest() for part in parts),
        }
        data = wire.TrackData(**(fields | more))
        manifest = self.event(data, topic=wire.manifest_topic(self.site, self.box, track))
        chunks = [(wire.chunk_topic(self.site, self.box, track, n), part) for n, part in enumerate(parts)]
        return Track(track, sound, data, manifest, chunks)

    def press_and_track(self, *, synced: bool = True, **more: Any) -> tuple[list[Message], Track]:
        """A press, its manifest and its sound, in the order in which a box sends them."""
        press, track = self.new_id(), self.new_id()
        stamp = self.stamp(synced=synced)
        first = self.press(track=track, event_id=press, stamp=stamp)
        made = self.track(press, track, stamp=stamp, **more)
        return [first, *made.messages], made

    def snapshot(
        self,
        press: str,
        snapshot: str | None = None,
        *,
        picture: bytes | None = None,
        chunk_bytes: int = 600,
        **more: Any,
    ) -> Snapshot:
        """A snapshot of a calm client; with `picture` (a JPEG of 64x48) in the mode that sends one."""
        snapshot = snapshot or self.new_id()
        parts = [picture[at : at + chunk_bytes] for at in range(0, len(picture), chunk_bytes)] if picture else []
        stamp = more.pop("stamp", None) or self.stamp()
        fields: dict[str, Any] = {
            "snapshot": snapshot,
            "press": press,
            "stamp": stamp,
            "before_s": 30,
            "after_s": 5,
            "privacy": "snapshot" if picture else "index",
            "subject": "client",
            "state": "face",
            "reason": None,
            "frame_mono_ns": stamp.mono_ns + 40_000_000,
            "skew_ms": 40.0,
            "probability": 0.25,
            "strip": tuple(
                wire.StripPoint(offset_s=offset_s, state=wire.FaceState.FACE, probability=0.25)
                for offset_s in range(-30, 0)
            ),
            "face_share": 0.9,
            "smiled": False,
            "threshold": 0.5,
            "index": wire.IndexData(since_ns=WALL_NS, n=1, smiled=0, percent=0.0, low_percent=0.0, high_percent=79.3),
            "model": "smile-v1",
            "model_sha256": "0" * 64,
            "camera": "sim",
            "simulated": True,
            "partial": False,
            "partial_reason": None,
            "picture": None
            if picture is None
            else wire.Picture(
                content_type="image/jpeg",
                width_px=64,
                height_px=48,
                bytes=len(picture),
                sha256=hashlib.sha256(picture).hexdigest(),
                chunk_bytes=chunk_bytes,
                chunk_sha256=tuple(hashlib.sha256(part).hexdigest() for part in parts),
            ),
        }
        data = wire.SnapshotData(**(fields | more))
        chunks = [(wire.picture_topic(self.site, self.box, snapshot, n), part) for n, part in enumerate(parts)]
        return Snapshot(data, self.event(data), chunks, picture)

    def jpeg(self, side: tuple[int, int] = (64, 48)) -> bytes:
        """A picture of noise, another one each time."""
        noise = np.random.default_rng(self.rng.getrandbits(32)).integers(0, 256, (side[1], side[0], 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG")
        return file.getvalue()

    def time_fix(self, *, uncertainty_ms: float = 5.0) -> Message:
        """This boot's clock, synchronised now."""
        return self.event(wire.TimeData(stamp=self.stamp(uncertainty_ms=uncertainty_ms)))

    def fault(self, *, active: bool = True, synced: bool = True) -> Message:
        data = wire.FaultData(
            name="ear_lost", device="hw:CARD=X", active=active, detail="unplugged", stamp=self.stamp(synced=synced)
        )
        return self.event(data)

    def shift(self, employee: str | None, *, synced: bool = True) -> Message:
        return self.event(
            wire.ShiftData(button="staff", employee=employee, stamp=self.stamp(synced=synced), source="local_web")
        )

    def boot_event(self, *, synced: bool = True) -> Message:
        stamp = self.stamp(synced=synced)
        return self.event(wire.BootData(stamp=stamp, version="1", config_sha256="0" * 64, session=1, open_tracks=0))

    def lost(self, press: str, track: str) -> Message:
        return self.event(wire.TrackLostData(track=track, press=press, reason="overwritten", bytes=0))

    def status(self, *, online: bool = True, session: int = 1) -> Message:
        status = wire.Status(online=online, session=session, version="1", boot_id=self.boot, series=self.series)
        return wire.topic(self.site, self.box, "status"), wire.encode(status)

    def health(self, **more: Any) -> Message:
        fields: dict[str, Any] = {
            "stamp": self.stamp(),
            "uptime_s": 1.0,
            "version": "1",
            "ear": None,
            "seq": self.seq,
            "events_waiting": 0,
            "tracks_waiting": 0,
            "bytes_waiting": 0,
            "disk_free_bytes": 10**9,
            "rss_bytes": 10**7,
            "devices": {},
            "faults": (),
        }
        return wire.topic(self.site, self.box, "health"), wire.encode(wire.Health(**(fields | more)))


def shuffled_twice(messages: Sequence[Message], seed: int) -> list[Message]:
    """Every message twice, in random order."""
    doubled = [*messages, *messages]
    random.Random(seed).shuffle(doubled)
    return doubled
