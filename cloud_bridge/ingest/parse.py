"""One MQTT message to one item, or to the reason why it is none. Pure: needs no database and raises nothing.

What is accepted here fits the database: integers have room for arithmetic within 64 bits (the wire has no NUL).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from edge import wire

PAYLOAD_KEPT_BYTES = 64 * 1024
# Sums of two such numbers stay below 2**63 (wall time until the year 2116, 73 years of uptime).
WALL_NS_MAX = 2**62
MONO_NS_MAX = 2**61
_OFFSET_MAX = 2**53


class BadKind(StrEnum):
    """Why a message went to quarantine; stable, for counting."""

    TOPIC = "topic"
    PAYLOAD = "payload"
    SOURCE = "source"
    RANGE = "range"
    MANIFEST = "manifest"
    CONFLICT = "conflict"
    FOREIGN_TRACK = "foreign_track"
    CHUNK_SIZE = "chunk_size"
    CHUNK_INDEX = "chunk_index"
    CHUNK_HASH = "chunk_hash"
    ORPHAN = "orphan"
    TRACK_HASH = "track_hash"
    DAMAGED = "damaged"
    DATABASE = "database"


class Incoming(Struct, frozen=True, kw_only=True):
    """A message as it came. `payload` is cut to `PAYLOAD_KEPT_BYTES` where no payload may be that long."""

    topic: str
    payload: bytes
    payload_bytes: int
    sha256: str
    qos: int = 1
    mid: int = 0
    connection: int = 0


class Bad(Struct, frozen=True):
    """A message that cannot be used, and why."""

    message: Incoming
    kind: BadKind
    reason: str


class EventItem(Struct, frozen=True):
    """A valid event from the box that its topic names."""

    message: Incoming
    event: wire.Event


class ChunkItem(Struct, frozen=True):
    """Some bytes of a track or a picture; whether they are the right ones only the manifest knows."""

    message: Incoming
    site: str
    box: str
    track: str
    n: int


class StatusItem(Struct, frozen=True):
    """A box's birth or will."""

    message: Incoming
    site: str
    box: str
    status: wire.Status


class HealthItem(Struct, frozen=True):
    """A box's health."""

    message: Incoming
    site: str
    box: str
    health: wire.Health


Item = Bad | EventItem | ChunkItem | StatusItem | HealthItem


def incoming(topic: str, payload: bytes, *, qos: int = 1, mid: int = 0, connection: int = 0) -> Incoming:
    """Take a message; a payload longer than any may be is measured and cut at once, so that memory stays bounded."""
    limit = max(wire.JSON_BYTES_MAX, wire.CHUNK_BYTES_MAX)
    return Incoming(
        topic=topic,
        payload=payload if len(payload) <= limit else payload[:PAYLOAD_KEPT_BYTES],
        payload_bytes=len(payload),
        sha256=wire.sha256(payload),
        qos=qos,
        mid=mid,
        connection=connection,
    )


def parse(message: Incoming) -> Item | None:
    """The item that a message is; None for the empty payload that clears a retained message."""
    try:
        topic = wire.parse_topic(message.topic)
    except wire.WireError as error:
        return Bad(message, BadKind.TOPIC, str(error))
    if topic.channel in {"chunk", "picture"}:
        return _chunk(message, topic)
    if message.payload_bytes != len(message.payload):
        return Bad(
            message,
            BadKind.PAYLOAD,
            f"payload has {message.payload_bytes} bytes, at most {wire.JSON_BYTES_MAX} are taken",
        )
    try:
        if topic.channel in {"event", "manifest"}:
            return _event(message, topic)
        if topic.channel == "status":
            if not message.payload:
                return None
            status = wire.decode(message.payload, wire.Status)
            return StatusItem(message, topic.site, topic.box, status)
        if topic.channel == "health":
            if not message.payload:
                return None
            health = wire.decode(message.payload, wire.Health)
            reason = _stamp_problem(health.stamp)
            return Bad(message, BadKind.RANGE, reason) if reason else HealthItem(message, topic.site, topic.box, health)
    except wire.WireError as error:
        return Bad(message, BadKind.PAYLOAD, str(error))
    return Bad(message, BadKind.TOPIC, f"channel {topic.channel!r} is not for the bridge")


def _chunk(message: Incoming, topic: wire.BoxTopic) -> Item:
    if not 0 < message.payload_bytes <= wire.CHUNK_BYTES_MAX:
        reason = f"a chunk has 1 to {wire.CHUNK_BYTES_MAX} bytes, this one {message.payload_bytes}"
        return Bad(message, BadKind.CHUNK_SIZE, reason)
    if topic.track is None or topic.n is None:
        return Bad(message, BadKind.TOPIC, "a chunk's topic names the track or snapshot and the index")
    return ChunkItem(message, topic.site, topic.box, topic.track, topic.n)


def _event(message: Incoming, topic: wire.BoxTopic) -> Item:
    event = wire.decode_event(message.payload)
    if (event.site, event.box) != (topic.site, topic.box):
        reason = (
            f"the event says it is from /earshot/{event.site}/{event.box}, its topic names {topic.site}/{topic.box}"
        )
        return Bad(message, BadKind.SOURCE, reason)
    data = event.data
    if topic.channel == "manifest":
        if not isinstance(data, wire.TrackData):
            return Bad(message, BadKind.MANIFEST, f"a manifest is an earshot.track.v1 event, not {event.type}")
        if data.track != topic.track:
            return Bad(message, BadKind.MANIFEST, f"the manifest is of track {data.track}, its topic of {topic.track}")
    if isinstance(data, wire.TrackData):
        reason = _manifest_problem(data)
        if reason:
            return Bad(message, BadKind.MANIFEST, reason)
    if isinstance(data, wire.SnapshotData):
        reason = _snapshot_problem(data)
        if reason:
            return Bad(message, BadKind.MANIFEST, reason)
    stamp = getattr(data, "stamp", None)
    reason = _stamp_problem(stamp) if isinstance(stamp, wire.Stamp) else ""
    if reason:
        return Bad(message, BadKind.RANGE, reason)
    return EventItem(message, event)


def _manifest_problem(data: wire.TrackData) -> str:
    reason = _chunks_problem(data)
    if reason:
        return reason
    if abs(data.press_offset_frames) > _OFFSET_MAX:
        return f"press_offset_frames = {data.press_offset_frames} is out of range"
    end = 0
    for gap in data.gaps:
        if gap.offset_frames < end or gap.offset_frames + gap.frames > data.frames:
            return f"the gap at frame {gap.offset_frames} overlaps another or leaves the track's {data.frames} frames"
        end = gap.offset_frames + gap.frames
    return ""


def _snapshot_problem(data: wire.SnapshotData) -> str:
    if data.privacy == "index" and data.picture is not None:
        return "a snapshot of the mode 'index' has no picture, this one promises one"
    if data.frame_mono_ns is not None and data.frame_mono_ns >= MONO_NS_MAX:
        return f"frame_mono_ns = {data.frame_mono_ns} is longer than any machine runs"
    if not 0 <= data.index.since_ns < WALL_NS_MAX:
        return f"index.since_ns = {data.index.since_ns} is no Unix time in nanoseconds"
    if data.index.smiled > data.index.n:
        return f"index.smiled = {data.index.smiled} is more than index.n = {data.index.n}"
    if [point.offset_s for point in data.strip] != list(range(-len(data.strip), 0)):
        return "the strip is not the seconds before the press in order"
    return "" if data.picture is None else _chunks_problem(data.picture)


def _chunks_problem(data: wire.TrackData | wire.Picture) -> str:
    total = -(-data.bytes // data.chunk_bytes)
    listed = len(data.chunk_sha256)
    if total == listed:
        return ""
    return f"{data.bytes} bytes in chunks of {data.chunk_bytes} are {total} chunks, the manifest lists {listed}"


def _stamp_problem(stamp: wire.Stamp) -> str:
    if not 0 <= stamp.wall_ns < WALL_NS_MAX:
        return f"stamp.wall_ns = {stamp.wall_ns} is no Unix time in nanoseconds"
    if stamp.mono_ns >= MONO_NS_MAX:
        return f"stamp.mono_ns = {stamp.mono_ns} is longer than any machine runs"
    return ""
