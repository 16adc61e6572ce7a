"""Prebuilt MQTT messages of simulated boxes, and the generator that sends them and counts receipts."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from paho.mqtt.client import Client, MQTTMessage

from bench import bare
from demo.broker import Broker, box_user
from edge import wire

SITE = "bench"
GENERATOR = "generator"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Messages to publish, and how many receipts of each kind will answer them."""

    messages: list[tuple[str, bytes]]
    events: int
    tracks: int = 0

    @property
    def bytes(self) -> int:
        """Payload bytes."""
        return sum(len(payload) for _, payload in self.messages)


def new_id() -> str:
    """A wire id."""
    return secrets.token_hex(16)


def _stamp(boot: str, mono_ns: int) -> wire.Stamp:
    return wire.Stamp(boot_id=boot, mono_ns=mono_ns, wall_ns=NOW_NS + mono_ns, synced=True, uncertainty_ms=1)


def _event(box: str, series: str, seq: int, data: wire.EventData) -> tuple[str, bytes]:
    event = wire.Event(
        id=new_id(), site=SITE, box=box, type=wire.type_name(data), time=NOW, series=series, seq=seq, data=data
    )
    return event.id, wire.encode_event(event)


def _press(boot: str, seq: int, track: str | None) -> wire.PressData:
    return wire.PressData(
        button="red",
        trigger=wire.Trigger.INCIDENT,
        stamp=_stamp(boot, seq * 1_000_000_000),
        stamp_uncertainty_ms=1,
        source="simulated",
        simulated=True,
        track=track,
    )


def presses(boxes: int, per_box: int) -> Load:
    """Press events without sound, boxes taking turns."""
    names = [(f"box-{n}", new_id(), new_id()) for n in range(boxes)]
    messages = [
        (wire.topic(SITE, box, "event"), _event(box, series, seq, _press(boot, seq, None))[1])
        for seq in range(1, per_box + 1)
        for box, series, boot in names
    ]
    return Load(messages, events=len(messages))


def tracks(count: int, audio: bytes, frames: int, rate_hz: int) -> Load:
    """`count` tracks whose file is `audio` (WAV), with their presses, manifests and chunks."""
    box, series, boot = "box-tracks", new_id(), new_id()
    chunks = [audio[at : at + wire.CHUNK_BYTES_MAX] for at in range(0, len(audio), wire.CHUNK_BYTES_MAX)]
    hashes = tuple(wire.sha256(chunk) for chunk in chunks)
    messages = []
    for n in range(count):
        track = new_id()
        press_id, press = _event(box, series, 2 * n + 1, _press(boot, n + 1, track))
        manifest = wire.TrackData(
            track=track,
            press=press_id,
            trigger=wire.Trigger.INCIDENT,
            stamp=_stamp(boot, (n + 1) * 1_000_000_000),
            codec="wav",
            rate_hz=rate_hz,
            channels=1,
            frames=frames,
            before_s=frames / rate_hz / 2,
            after_s=frames / rate_hz / 2,
            press_offset_frames=frames // 2,
            align_error_ms=1,
            drift_ppm=0,
            gaps=(),
            partial=False,
            partial_reason=None,
            capture="bench",
            simulated=True,
            bytes=len(audio),
            sha256=wire.sha256(audio),
            chunk_bytes=wire.CHUNK_BYTES_MAX,
            chunk_sha256=hashes,
        )
        messages.append((wire.topic(SITE, box, "event"), press))
        messages.append((wire.manifest_topic(SITE, box, track), _event(box, series, 2 * n + 2, manifest)[1]))
        messages += [(wire.chunk_topic(SITE, box, track, i), chunk) for i, chunk in enumerate(chunks)]
    return Load(messages, events=2 * count, tracks=count)


def health(boxes: int) -> Iterator[tuple[str, bytes]]:
    """One health message of each box."""
    for n in range(boxes):
        box = f"box-{n}"
        ear = wire.EarHealth(
            capture="bench",
            simulated=True,
            running=True,
            stalled_ms=0,
            rate_hz=16000,
            drift_ppm=0,
            captured_frames=1,
            lost_frames=0,
            unexplained_frames=0,
            peak_dbfs=-20,
            rms_dbfs=-30,
        )
        data = wire.Health(
            stamp=_stamp(new_id(), 1),
            uptime_s=1,
            version="bench",
            ear=ear,
            seq=1,
            events_waiting=0,
            tracks_waiting=0,
            bytes_waiting=0,
            disk_free_bytes=1,
            rss_bytes=1,
            devices={"red": True},
            faults=(),
        )
        yield wire.topic(SITE, box, "health"), wire.encode(data)


class Generator:
    """One client that may speak for every box; `send` returns the seconds until the last receipt."""

    def __init__(self, broker: Broker) -> None:
        self._changed = threading.Condition()
        self._events: set[str] = set()
        self._tracks: set[str] = set()
        self.client: Client = bare.connect(broker, box_user(SITE, GENERATOR), in_flight=1000)
        self.client.on_message = self._on_message
        self.client.subscribe([("earshot/1/+/+/receipt", 1)])

    def send(self, load: Load) -> float:
        """Publish everything and wait for every receipt; raises TimeoutError that says what is missing."""
        with self._changed:
            self._events.clear()
            self._tracks.clear()
        begin = time.monotonic()
        for topic, payload in load.messages:
            self.client.publish(topic, payload, 1)
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self._events) >= load.events and len(self._tracks) >= load.tracks, bare.TIMEOUT_S
            ):
                events = f"{len(self._events)} of {load.events} events"
                raise TimeoutError(f"receipts came for {events}, {len(self._tracks)} of {load.tracks} tracks")
        return time.monotonic() - begin

    def close(self) -> None:
        """Disconnect."""
        bare.disconnect(self.client)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        receipt: wire.Receipt = wire.decode(message.payload, wire.Receipt)
        with self._changed:
            for received in receipt.received:
                if received.kind == "event":
                    self._events.add(received.id)
                elif received.kind == "track":
                    self._tracks.add(received.id)
            self._changed.notify_all()
