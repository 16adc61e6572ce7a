"""A bridge with boxes, presses and sound, filled through the real ingest, for tests of the pages."""

from __future__ import annotations

import io
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from PIL import Image

from cloud_bridge.blobs import Blobs, open_blobs
from cloud_bridge.enrol.authority import Authority, make_authority
from cloud_bridge.enrol.enrolment import Enrolment, Told
from cloud_bridge.ingest.assemble import Assembler
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.commit import commit
from cloud_bridge.ingest.parse import incoming, parse
from cloud_bridge.store import migrate, users
from cloud_bridge.store.engine import Store, open_store
from cloud_bridge.web.settings import WebSettings
from edge import wire

RATE_HZ = 16_000
USER, PASSWORD = "anna", "correct horse battery"
SETTINGS = WebSettings(secret="0123456789abcdef" * 3, live_poll_s=0.05, live_ping_s=0.5)
_CSRF = re.compile(r'name="_csrf_token" value="([^"]+)"')


def speech(seconds: float, seed: int = 1) -> np.ndarray:
    """Something that looks like talk in a waveform: bursts of harmonics with pauses, int16."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    knots = np.linspace(0, seconds, max(3, int(seconds * 3)))
    loud = np.interp(t, knots, rng.choice([0.02, 0.1, 0.5, 0.8], len(knots)))
    voice = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(1, 6))
    return (loud * (voice * 0.3 + rng.normal(0, 0.02, len(t))) * 16_000).astype(np.int16)


@dataclass
class World:
    """Store and blobs, and boxes that report to them. Ids are counted, so that runs are the same.

    `template` is the closed `database` of another world; without one the database is made here.
    """

    folder: Path
    template: Path | None = None
    store: Store = field(init=False)
    blobs: Blobs = field(init=False)
    commands: list[tuple[str, str, wire.Command]] = field(default_factory=list)
    reply: wire.Reply | Exception | None = None
    enrolment: Enrolment | None = None
    _ids: int = 0
    _seqs: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.template is not None:
            shutil.copyfile(self.template, self.database)
        self.store = open_store(f"sqlite:///{self.database}")
        self.blobs = open_blobs((self.folder / "blobs").as_uri())
        if self.template is None:
            migrate.upgrade(self.store)
            users.create_user(self.store, USER, PASSWORD)

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.folder / "bridge.db"

    def close(self) -> None:
        self.store.close()

    def make_authority(self, **told: Any) -> Enrolment:
        """Let boxes enrol here."""
        values: dict[str, Any] = {
            "broker_host": "broker.example",
            "broker_port": 8883,
            "broker_ca_file": "",
            "bridge_ca_file": "",
            "code_ns": 3_600_000_000_000,
            "certificate_days": 365,
            "late_days": 30,
        }
        make_authority(self.folder / "enrol")
        self.enrolment = Enrolment(self.store, Authority(self.folder / "enrol"), Told(**values | told))
        return self.enrolment

    def send_command(self, site: str, box: str, command: wire.Command, timeout_s: float) -> wire.Reply | None:
        self.commands.append((site, box, command))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    def stamp(self, ago_s: float = 0, *, synced: bool = True) -> wire.Stamp:
        wall_ns = time.time_ns() - int(ago_s * 1e9)
        mono_ns = max(0, int((100_000 - ago_s) * 1e9))
        return wire.Stamp(boot_id="b" * 32, mono_ns=mono_ns, wall_ns=wall_ns, synced=synced, uncertainty_ms=4.0)

    def message(self, topic: str, payload: bytes) -> None:
        item = parse(incoming(topic, payload))
        if item is not None:
            commit(self.store, [item], time.time_ns(), Limits())

    def event(self, site: str, box: str, data: wire.EventData, *, topic: str = "", skip_seq: int = 0) -> str:
        seq = self._seqs.get((site, box), 0) + 1 + skip_seq
        self._seqs[site, box] = seq
        event = wire.Event(
            id=self.new_id(),
            site=site,
            box=box,
            type=wire.type_name(data),
            time=datetime.now(UTC),
            series=wire.sha256(f"{site}/{box}".encode())[:32],
            seq=seq,
            data=data,
        )
        self.message(topic or wire.topic(site, box, "event"), wire.encode_event(event))
        return event.id

    def press(
        self,
        site: str = "riga",
        box: str = "counter-1",
        *,
        track: bool | str = True,
        ago_s: float = 0,
        synced: bool = True,
        **more: Any,
    ) -> tuple[str, str | None]:
        """A press has arrived; its id, and that of the track that it promised."""
        values: dict[str, Any] = {
            "button": "red",
            "trigger": wire.Trigger.INCIDENT,
            "stamp": self.stamp(ago_s, synced=synced),
            "stamp_uncertainty_ms": 0.5,
            "source": "gpio",
            "simulated": False,
            "track": track if isinstance(track, str) else self.new_id() if track else None,
        } | more
        return self.event(site, box, wire.PressData(**values)), values["track"]

    def sound(
        self,
        press: str,
        track: str,
        site: str = "riga",
        box: str = "counter-1",
        *,
        seconds: float = 12,
        chunks: int | None = None,
        codec: str = "flac",
        **more: Any,
    ) -> bytes:
        """Manifest and the first `chunks` chunks (all: and the track is complete); the file's bytes."""
        samples = speech(seconds)
        buffer = io.BytesIO()
        kinds = {"flac": ("FLAC", "PCM_16"), "wav": ("WAV", "PCM_16"), "opus": ("OGG", "OPUS")}
        soundfile.write(buffer, samples, RATE_HZ, format=kinds[codec][0], subtype=kinds[codec][1])
        data = buffer.getvalue()
        pieces = [data[i : i + 32_768] for i in range(0, len(data), 32_768)]
        values: dict[str, Any] = {
            "track": track,
            "press": press,
            "trigger": wire.Trigger.INCIDENT,
            "stamp": self.stamp(),
            "codec": codec,
            "rate_hz": RATE_HZ,
            "channels": 1,
            "frames": len(samples),
            "before_s": seconds * 2 / 3,
            "after_s": seconds / 3,
            "press_offset_frames": int(len(samples) * 2 / 3),
            "align_error_ms": 0.8,
            "drift_ppm": 12.4,
            "gaps": (),
            "partial": False,
            "partial_reason": None,
            "capture": "hw:CARD=Device",
            "simulated": False,
            "bytes": len(data),
            "sha256": wire.sha256(data),
            "chunk_bytes": 32_768,
            "chunk_sha256": tuple(wire.sha256(piece) for piece in pieces),
        } | more
        self.event(site, box, wire.TrackData(**values), topic=wire.manifest_topic(site, box, track))
        for n, piece in enumerate(pieces[:chunks]):
            self.message(wire.chunk_topic(site, box, track, n), piece)
        if chunks is None:
            assembled = Assembler(self.store, self.blobs, Limits()).assemble(track, time.time_ns())
            assert assembled.completed
        return data

    def snapshot(
        self,
        press: str,
        site: str = "riga",
        box: str = "counter-1",
        *,
        snapshot: str | None = None,
        picture: bool = False,
        chunks: int | None = None,
        **more: Any,
    ) -> str:
        """A snapshot has arrived, with its `picture` or its first `chunks`; its id."""
        snapshot = snapshot or self.new_id()
        file = io.BytesIO()
        rows = np.linspace(0, 255, 340).astype(np.uint8)[:, None]
        Image.fromarray(np.broadcast_to(rows, (340, 480)).copy()).save(file, "JPEG", quality=95)
        data = file.getvalue()
        pieces = [data[at : at + 4000] for at in range(0, len(data), 4000)]
        strip = tuple(
            wire.StripPoint(
                offset_s=offset_s,
                state="no_data" if offset_s < -28 else "no_face" if offset_s < -25 else "face",
                probability=None if offset_s < -25 else 0.9 if offset_s >= -5 else 0.2,
            )
            for offset_s in range(-30, 0)
        )
        values: dict[str, Any] = {
            "snapshot": snapshot,
            "press": press,
            "stamp": self.stamp(),
            "before_s": 30,
            "after_s": 5,
            "privacy": "snapshot" if picture else "index",
            "subject": "client",
            "state": "face",
            "reason": None,
            "frame_mono_ns": 10**14,
            "skew_ms": -43.0,
            "probability": 0.87,
            "strip": strip,
            "face_share": 0.83,
            "smiled": True,
            "threshold": 0.5,
            "index": wire.IndexData(since_ns=0, n=24, smiled=16, percent=66.67, low_percent=46.7, high_percent=82.0),
            "model": "smile-v1",
            "model_sha256": "0" * 64,
            "camera": "camera",
            "simulated": False,
            "partial": False,
            "partial_reason": None,
            "picture": wire.Picture(
                content_type="image/jpeg",
                width_px=480,
                height_px=340,
                bytes=len(data),
                sha256=wire.sha256(data),
                chunk_bytes=4000,
                chunk_sha256=tuple(wire.sha256(piece) for piece in pieces),
            )
            if picture
            else None,
        } | more
        self.event(site, box, wire.SnapshotData(**values))
        if picture:
            for n, piece in enumerate(pieces[:chunks]):
                self.message(wire.picture_topic(site, box, snapshot, n), piece)
            if chunks is None:
                assert Assembler(self.store, self.blobs, Limits()).assemble(snapshot, time.time_ns()).completed
        return snapshot

    def box(self, site: str, name: str, *, online: bool = True, **more: Any) -> None:
        """Status and health of a box."""
        series = wire.sha256(f"{site}/{name}".encode())[:32]
        status = wire.Status(online=online, session=3, version="0.1.0", boot_id="b" * 32, series=series)
        self.message(wire.topic(site, name, "status"), wire.encode(status))
        ear = wire.EarHealth(
            capture="hw:CARD=Device",
            simulated=False,
            running=online,
            stalled_ms=0,
            rate_hz=RATE_HZ,
            drift_ppm=12.4,
            captured_frames=10**9,
            lost_frames=0,
            unexplained_frames=0,
            peak_dbfs=-18.0,
            rms_dbfs=-31.5,
        )
        values: dict[str, Any] = {
            "stamp": self.stamp(),
            "uptime_s": 263_000,
            "version": "0.1.0",
            "ear": ear,
            "seq": 10,
            "events_waiting": 0,
            "tracks_waiting": 0,
            "bytes_waiting": 0,
            "disk_free_bytes": 11_400_000_000,
            "rss_bytes": 60_000_000,
            "devices": {"red": True, "microphone": True},
            "faults": (),
        } | more
        self.message(wire.topic(site, name, "health"), wire.encode(wire.Health(**values)))


def token_of(page: str) -> str:
    """The form token of a page."""
    match = _CSRF.search(page)
    assert match is not None, "the page has no form token"
    return match[1]


def log_in(client: Any, name: str = USER, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Log a test client in through the form."""
    token = token_of(client.get("/login").text)
    form = {"name": name, "password": password, "_csrf_token": token} | more.pop("form", {})
    response: httpx.Response = client.post("/login", data=form, **more)
    return response
