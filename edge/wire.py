"""The wire contract between box, broker and bridge, version 1.

Everything that crosses MQTT is defined here once: topics, the event envelope (CloudEvents 1.0, structured JSON), the
payloads, receipts, commands. Decoding is strict; anything else raises `WireError` with the reason. The JSON Schemas
and docs/asyncapi.yaml are generated from these types.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

VERSION = 1
ROOT = f"earshot/{VERSION}"
BRIDGE_STATE_TOPIC = f"{ROOT}/bridge/state"
CHUNK_BYTES_MAX = 96 * 1024
JSON_BYTES_MAX = 128 * 1024


class WireError(ValueError):
    """A topic or payload breaks the contract; the message says where and why."""


NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}$"
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description="Lower-case letters, digits, '-' and '_'; at most 63.")]
Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="128 random bits in lower-case hex.")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
NonNegative = Annotated[float, Meta(ge=0)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every payload: immutable, unknown fields refused."""


class Stamp(Strict, frozen=True):
    """One instant: exact on this boot's monotonic clock, and wall time as the box knew it then.

    `wall_ns` is Unix time; its error is at most `uncertainty_ms` when `synced`, unknown otherwise.
    """

    boot_id: Id
    mono_ns: Count
    wall_ns: int
    synced: bool
    uncertainty_ms: NonNegative


class Trigger(StrEnum):
    """What a press means, hence which window and which queue its track belongs to."""

    INCIDENT = "incident"
    FORCE_MAJEURE = "force_majeure"
    APPEAL = "appeal"
    SALE = "sale"
    RATING = "rating"
    EXTENSION = "extension"


class PressData(Strict, frozen=True):
    """A client or a member of staff pressed. `track` is the id of the track that will hold the sound, if any will.

    `misuse` marks hammering: the press counts as evidence, shares the track of the press that began the series.
    `bounces` is the number of edges taken as contact bounce of this press.
    """

    button: Name
    trigger: Trigger
    stamp: Stamp
    stamp_uncertainty_ms: NonNegative
    source: Name
    simulated: bool
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    employee: Text | None = None
    track: Id | None = None
    misuse: bool = False
    bounces: Count = 0
    request_id: Text | None = None


class GapSpan(Strict, frozen=True):
    """Frames of a track that hold silence because nothing was captured; offset from the track's first frame."""

    offset_frames: Count
    frames: Positive
    reason: Name


class TrackData(Strict, frozen=True):
    """The manifest of one finished track: what the file is, where the press is in it, how sure that is.

    `press_offset_frames` counts from the first frame; the true instant lies within ± `align_error_ms`. `stamp` dates
    the press. `partial` says that sound of the window is missing for good (`partial_reason`).
    """

    track: Id
    press: Id
    trigger: Trigger
    stamp: Stamp
    codec: Literal["flac", "wav", "opus"]
    rate_hz: Positive
    channels: Positive
    frames: Count
    before_s: NonNegative
    after_s: NonNegative
    press_offset_frames: int
    align_error_ms: NonNegative
    drift_ppm: float
    gaps: tuple[GapSpan, ...]
    partial: bool
    partial_reason: Text | None
    capture: Text
    simulated: bool
    bytes: Positive
    sha256: Sha256
    chunk_bytes: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    chunk_sha256: tuple[Sha256, ...]
    extends: Id | None = None


class TrackLostData(Strict, frozen=True):
    """A promised track will never come (`reason`): nothing in the ring, or dropped because the disk was full."""

    track: Id
    press: Id
    reason: Text
    bytes: Count


class TimeData(Strict, frozen=True):
    """After clock synchronisation: the wall time of one monotonic instant of `stamp.boot_id`.

    All records of that boot that were stamped unsynchronised are dated anew: wall = wall_ns + (their mono_ns - mono_ns).
    """

    stamp: Stamp


class FaultData(Strict, frozen=True):
    """Something of the box stopped working or works again (`active=False`). `name` is stable, `detail` is for people."""

    name: Name
    device: Text
    active: bool
    detail: Text
    stamp: Stamp
    lost_frames: Count = 0


class ShiftData(Strict, frozen=True):
    """From `stamp` on, presses of the shared `button` belong to `employee` (None: nobody is on shift)."""

    button: Name
    employee: Text | None
    stamp: Stamp
    source: Name


class BootData(Strict, frozen=True):
    """A box process has started: its software, its configuration's hash, and what it found unfinished."""

    stamp: Stamp
    version: Text
    config_sha256: Sha256
    session: Positive
    open_tracks: Count


EventData = PressData | TrackData | TrackLostData | TimeData | FaultData | ShiftData | BootData

EVENT_TYPES: dict[str, type[EventData]] = {
    "earshot.press.v1": PressData,
    "earshot.track.v1": TrackData,
    "earshot.track_lost.v1": TrackLostData,
    "earshot.time.v1": TimeData,
    "earshot.fault.v1": FaultData,
    "earshot.shift.v1": ShiftData,
    "earshot.boot.v1": BootData,
}
_TYPE_NAMES: dict[type[Any], str] = {cls: name for name, cls in EVENT_TYPES.items()}


class _Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, Meta(pattern="^/earshot/[a-z0-9_-]{1,63}/[a-z0-9_-]{1,63}$")]
    type: str
    time: str
    series: Id
    seq: Positive
    data: msgspec.Raw
    datacontenttype: Literal["application/json"] = "application/json"


class Event(Struct, frozen=True, kw_only=True):
    """A decoded event. (`series`, `seq`) number a box's events without a hole: `series` is born with the outbox."""

    id: str
    site: str
    box: str
    type: str
    time: datetime
    series: str
    seq: int
    data: EventData


class Status(Strict, frozen=True):
    """Retained on `…/status`: the birth message, and the will with `online=False`. `session` grows at every connect."""

    online: bool
    session: Count
    version: Text
    boot_id: Id
    series: Id


class EarHealth(Strict, frozen=True):
    """What the ear does. Levels in dBFS over the last second; None while the stream stands."""

    capture: Text
    simulated: bool
    running: bool
    stalled_ms: Count
    rate_hz: NonNegative
    drift_ppm: float
    captured_frames: Count
    lost_frames: Count
    unexplained_frames: int
    peak_dbfs: float | None
    rms_dbfs: float | None


class Health(Strict, frozen=True):
    """Retained on `…/health`, every `health_period_s`."""

    stamp: Stamp
    uptime_s: NonNegative
    version: Text
    ear: EarHealth | None
    seq: Count
    events_waiting: Count
    tracks_waiting: Count
    bytes_waiting: Count
    disk_free_bytes: Count
    rss_bytes: Count
    devices: dict[str, bool]
    faults: tuple[Text, ...]


class Received(Strict, frozen=True):
    """One thing that the bridge has committed; `n` is the chunk's index for `kind="chunk"`."""

    kind: Literal["event", "chunk", "track"]
    id: Id
    sha256: Sha256
    n: Count = 0


class Receipt(Strict, frozen=True):
    """On `…/receipt`, after the bridge's commit. `resend` lists chunks whose content did not match the manifest."""

    received: tuple[Received, ...] = ()
    resend: tuple[Received, ...] = ()


class BridgeState(Strict, frozen=True):
    """Retained on `earshot/1/bridge/state`; boxes hold their data unless a bridge is online."""

    online: bool
    worker: Text


class Ping(Strict, frozen=True, tag_field="command", tag="ping"):
    """Answers with the box's stamp."""

    id: Id


class Identify(Strict, frozen=True, tag_field="command", tag="identify"):
    """Blinks every lamp so that a person finds the box."""

    id: Id
    seconds: Annotated[int, Meta(ge=1, le=600)] = 10


class PressCommand(Strict, frozen=True, tag_field="command", tag="press"):
    """VirtualPanel: the same press as the button's; `id` makes a repetition the same press."""

    id: Id
    button: Name
    employee: Text | None = None


class Extend(Strict, frozen=True, tag_field="command", tag="extend"):
    """A new track with `before_s` more seconds before and `after_s` after `track`, while the ring still has them."""

    id: Id
    track: Id
    before_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    after_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class ShiftCommand(Strict, frozen=True, tag_field="command", tag="shift"):
    """Binds a shared staff button to a person from now on (None: to nobody)."""

    id: Id
    button: Name
    employee: Text | None = None


Command = Ping | Identify | PressCommand | Extend | ShiftCommand


class Reply(Strict, frozen=True):
    """On `…/reply`: the outcome of the command `id`. `error` says what was wrong and the remedy."""

    id: Id
    ok: bool
    error: Text | None = None
    result: dict[str, Any] = {}


class BoxTopic(Struct, frozen=True):
    """A parsed box topic: `channel` is status, health, event, manifest, chunk, receipt, command or reply."""

    site: str
    box: str
    channel: str
    track: str | None = None
    n: int | None = None


_TOPIC = re.compile(
    rf"^{ROOT}/([a-z0-9][a-z0-9_-]{{0,62}})/([a-z0-9][a-z0-9_-]{{0,62}})/"
    r"(?:(status|health|event|receipt|command|reply)|track/([0-9a-f]{32})(?:/(0|[1-9][0-9]{0,5}))?)$"
)


def topic(site: str, box: str, channel: str) -> str:
    """Topic of one of a box's plain channels."""
    return f"{ROOT}/{site}/{box}/{channel}"


def manifest_topic(site: str, box: str, track: str) -> str:
    """Topic of a track's manifest (a `TrackData` event)."""
    return f"{ROOT}/{site}/{box}/track/{track}"


def chunk_topic(site: str, box: str, track: str, n: int) -> str:
    """Topic of chunk `n` (from 0) of a track; its payload is the bare bytes."""
    return f"{ROOT}/{site}/{box}/track/{track}/{n}"


def parse_topic(name: str) -> BoxTopic:
    """The parts of a box topic; raises `WireError` for every other name."""
    match = _TOPIC.fullmatch(name)
    if match is None or match[1] == "bridge":
        raise WireError(f"topic {name[:200]!r} is not a box topic of {ROOT}/<site>/<box>/…")
    site, box, channel, track, n = match.groups()
    if channel:
        return BoxTopic(site, box, channel)
    return BoxTopic(site, box, "manifest" if n is None else "chunk", track, None if n is None else int(n))


def sha256(data: bytes | memoryview) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


_encoder = msgspec.json.Encoder(order="deterministic")


def encode(message: Struct) -> bytes:
    """JSON bytes of any payload; equal objects give equal bytes."""
    return _encoder.encode(message)


def encode_event(event: Event) -> bytes:
    """CloudEvents 1.0 structured JSON. Equal events give equal bytes, so that their SHA-256 identifies them."""
    return _encoder.encode(
        _Envelope(
            specversion="1.0",
            id=event.id,
            source=f"/earshot/{event.site}/{event.box}",
            type=event.type,
            time=event.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            series=event.series,
            seq=event.seq,
            data=msgspec.Raw(_encoder.encode(event.data)),
        )
    )


def type_name(data: EventData) -> str:
    """The CloudEvents type of a payload."""
    return _TYPE_NAMES[type(data)]


def decode(payload: bytes | memoryview, kind: Any) -> Any:
    """Strictly decode one payload of a known type (`Receipt`, `Status`, `Command`, …); raises `WireError`."""
    if len(payload) > JSON_BYTES_MAX:
        raise WireError(f"payload has {len(payload)} bytes, more than the {JSON_BYTES_MAX} that JSON may have")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"payload is not a valid {getattr(kind, '__name__', 'message')}: {error}") from error


def decode_event(payload: bytes | memoryview) -> Event:
    """Strictly decode an event of any known type; raises `WireError`."""
    envelope = decode(payload, _Envelope)
    cls = EVENT_TYPES.get(envelope.type)
    if cls is None:
        raise WireError(f"event type {envelope.type[:100]!r} is unknown; known: {', '.join(EVENT_TYPES)}")
    try:
        time = datetime.fromisoformat(envelope.time)
    except ValueError as error:
        raise WireError(f"event time {envelope.time[:100]!r} is not RFC 3339") from error
    if time.tzinfo is None:
        raise WireError(f"event time {envelope.time[:100]!r} has no time zone")
    _, _, site, box = envelope.source.split("/")
    data = decode(bytes(envelope.data), cls)
    return Event(
        id=envelope.id,
        site=site,
        box=box,
        type=envelope.type,
        time=time,
        series=envelope.series,
        seq=envelope.seq,
        data=data,
    )
