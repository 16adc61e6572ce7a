"""Bytes to messages and back: deterministic encoding, strict decoding."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from edge.wire.events import EVENT_TYPES, TYPE_NAMES, EventData
from edge.wire.fields import JSON_BYTES_MAX, Id, Positive, SourcePath, WireError


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The CloudEvents envelope as it crosses the wire; `data` is decoded by `type`."""

    specversion: Literal["1.0"]
    id: Id
    source: SourcePath
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
        Envelope(
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
    return TYPE_NAMES[type(data)]


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
    envelope = decode(payload, Envelope)
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
