"""The sound of a track over HTTP: whole or one range of it, straight from the blob store, every listening on record."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from litestar import Response, get, head
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.blobs import BlobError, BlobMissing
from cloud_bridge.store import queries
from cloud_bridge.store.rows import TrackRow, TrackState
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.web import audit
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.press_view import AUDIO_TYPES
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.settings import Services
from cloud_bridge.web.visitor import AnyRequest, services_of
from edge.wire import TrackData

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class RangeError(ValueError):
    """The asked range does not touch the sound."""


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and length of the one range that is asked for; None where the whole is to be sent.

    RFC 9110: what is no single byte range is ignored; a range outside raises `RangeError`.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        length = min(int(suffix), size_bytes)
        if length == 0:
            raise RangeError
        return size_bytes - length, length
    start = int(first)
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeError
    return start, end - start + 1


@get(
    "/tracks/{track_id:str}/audio",
    opt=needs(Action.LISTEN, TokenScope.TRACKS_READ),
    sync_to_thread=True,
    operation_id="getTrackAudio",
    summary="The sound of a complete track",
    description="Answers ranges. Each listening and each download is written into the audit trail.",
)
def send_audio(request: AnyRequest, track_id: FromPath[str], *, download: FromQuery[bool] = False) -> Response[Any]:
    """The sound itself, as FLAC, WAV or Ogg Opus; 404 while it is not complete."""
    services = services_of(request)
    sound = _find(request, track_id, download=download)
    action, again_s = ("track.download", 0.0) if download else ("track.listen", services.settings.listen_again_s)
    # Before the first byte leaves: who hears it is on record, or it is not heard.
    audit.record(services, request, action, track_id, unless_within_s=again_s)
    headers = sound.headers
    if request.headers.get("if-none-match") == sound.etag and "range" not in request.headers:
        return Response(None, status_code=304, headers=headers)
    size_bytes = _size_bytes(services, sound)
    # A range of another version would be joined to what the browser has.
    wanted = request.headers.get("range", "") if request.headers.get("if-range", sound.etag) == sound.etag else ""
    try:
        part = parse_range(wanted, size_bytes)
    except RangeError:
        return Response(None, status_code=416, headers={**headers, "content-range": f"bytes */{size_bytes}"})
    start, length = part or (0, size_bytes)
    headers["content-length"] = str(length)
    if part:
        headers["content-range"] = f"bytes {start}-{start + length - 1}/{size_bytes}"
    pieces = services.blobs.stream(sound.blob, start, length)
    return Stream(pieces, status_code=206 if part else 200, headers=headers, media_type=headers["content-type"])


@head(
    "/tracks/{track_id:str}/audio",
    opt=needs(Action.LISTEN, TokenScope.TRACKS_READ),
    sync_to_thread=True,
    operation_id="headTrackAudio",
    summary="Length and type of the sound of a complete track",
)
def describe_audio(
    request: AnyRequest, track_id: FromPath[str], *, download: FromQuery[bool] = False
) -> Response[None]:
    """The headers of the whole sound. Nothing is heard, so nothing goes on record."""
    services = services_of(request)
    sound = _find(request, track_id, download=download)
    if request.headers.get("if-none-match") == sound.etag:
        return Response(None, status_code=304, headers=sound.headers)
    headers = {**sound.headers, "content-length": str(_size_bytes(services, sound))}
    return Response(None, headers=headers)


class _Sound(Struct, frozen=True):
    """Where a complete track's sound is, and what is said of it."""

    blob: str
    etag: str
    headers: dict[str, str]


def _find(request: AnyRequest, track_id: str, *, download: bool) -> _Sound:
    sight = sight_of(request, Action.DOWNLOAD_SOUND if download else Action.LISTEN)
    track = queries.track(services_of(request).store, known_id(track_id), sight)
    if track is None or track.state is not TrackState.COMPLETE or track.blob is None or track.manifest is None:
        raise NotFoundException("there is no sound of this track")
    etag = f'"{track.manifest.sha256}"'
    place = "attachment" if download else "inline"
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-type": AUDIO_TYPES[track.manifest.codec],
        "content-disposition": f'{place}; filename="{file_name(track, track.manifest)}"',
        "etag": etag,
    }
    return _Sound(track.blob, etag, headers)


def _size_bytes(services: Services, sound: _Sound) -> int:
    try:
        return services.blobs.size_bytes(sound.blob)
    except BlobMissing as error:
        raise NotFoundException("the sound of this track is missing in the blob store") from error
    except BlobError as error:
        raise HTTPException("the blob store does not answer; try again later", status_code=503) from error


def file_name(track: TrackRow, manifest: TrackData) -> str:
    """A download's name: place, moment of the press (UTC), beginning of the track's id."""
    seconds = (track.instant.wall_ns if track.instant else manifest.stamp.wall_ns) // 1_000_000_000
    try:
        moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    except (OverflowError, ValueError, OSError):
        moment = "undated"
    suffix = "ogg" if manifest.codec == "opus" else manifest.codec
    return f"earshot_{track.site}_{track.box}_{moment}_{track.id[:8]}.{suffix}"
