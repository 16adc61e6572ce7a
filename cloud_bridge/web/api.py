"""The REST API, version 1: the pages' data for programs. Lists are paged by cursor, times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, Struct, UnsetType, structs

from cloud_bridge.access.table import Action
from cloud_bridge.store import queries, snapshots
from cloud_bridge.store.rows import BoxRow, Instant, PressRow, SeqGap, TrackRow
from cloud_bridge.store.snapshots import BoxIndex
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.web.audio import describe_audio, send_audio
from cloud_bridge.web.permits import may, needs, sight_of
from cloud_bridge.web.press_view import cursor_text, is_dated, state_of
from cloud_bridge.web.presses import (
    BoxQuery,
    CursorQuery,
    SoundQuery,
    TriggerQuery,
    known_id,
    parse_cursor,
    parse_filter,
)
from cloud_bridge.web.receipts_api import list_receipts, take_receipts
from cloud_bridge.web.reports import API_ROUTES
from cloud_bridge.web.snapshots import (
    ApiSnapshot,
    api_snapshot,
    get_snapshot,
    list_qualifications,
    qualify_snapshot,
    send_picture,
)
from cloud_bridge.web.times import iso_time, unix_ns
from cloud_bridge.web.visitor import AnyRequest, services_of
from edge.wire import Health, TrackData
from edge.wire.smile_index import Publishing, publishing


class ApiPress(Struct, frozen=True, kw_only=True):
    """A press. `time` is null where it lies outside the calendar; believe it only where `dated`, ± `uncertainty_ms`."""

    id: str
    site: str
    box: str
    button: str
    trigger: str
    rating: int | None
    employee: str | None
    time: datetime | None
    dated: bool
    uncertainty_ms: float
    misuse: bool
    source: str
    simulated: bool
    track: str | None
    track_state: str
    partial: bool
    damaged: bool
    received: datetime | None


class ApiPressPage(Struct, frozen=True):
    """Presses, newest first; `next` is the `cursor` of the next page, null at the end."""

    presses: list[ApiPress]
    next: str | None


class ApiTrack(Struct, frozen=True, kw_only=True):
    """A track; `manifest` is what the box promised, null until it came; `audio` is the sound's path once complete."""

    id: str
    site: str
    box: str
    state: str
    press: str | None
    extends: str | None
    time: datetime | None
    chunks_received: int
    lost_reason: str | None
    damaged: str | None
    completed: datetime | None
    manifest: TrackData | None
    audio: str | None


class ApiPressDetail(Struct, frozen=True, kw_only=True):
    """A press with its tracks, its own first, and its snapshot, null where it has none (yet)."""

    press: ApiPress
    tracks: list[ApiTrack]
    snapshot: ApiSnapshot | None


class ApiPeaks(Struct, frozen=True):
    """The waveform: `values` holds minimum and maximum by turns, -128 to 127, evenly spread over the track."""

    values: list[int]


class ApiSmileIndex(Struct, frozen=True, kw_only=True):
    """The Smile-Index of the latest day with a snapshot, from `since` on; hidden (nulls) while `n` is below 10."""

    since: datetime | None
    simulated: bool
    n: int
    percent: float | None
    low_percent: float | None
    high_percent: float | None
    publishing: str


class ApiBox(Struct, frozen=True, kw_only=True):
    """A box: whether it is connected, its last health report, how many of its events have not arrived."""

    site: str
    box: str
    online: bool
    version: str
    status_time: datetime | None
    health: Health | None
    health_time: datetime | None
    presses: int
    last_press: datetime | None
    missing: int
    smile_index: ApiSmileIndex | None
    missing_ranges: list[SeqGap] | UnsetType = UNSET


_PRESSES = needs(Action.SEE_PRESSES, TokenScope.PRESSES_READ)
_TRACKS = needs(Action.LISTEN, TokenScope.TRACKS_READ)


@get("/presses", opt=_PRESSES, sync_to_thread=True, operation_id="listPresses")
def list_presses(
    request: AnyRequest,
    *,
    box: BoxQuery = "",
    trigger: TriggerQuery = "",
    sound: SoundQuery = "",
    since: Annotated[datetime | None, QueryParameter(description="Not before; ISO 8601 with Z")] = None,
    until: Annotated[datetime | None, QueryParameter(description="Before; ISO 8601 with Z")] = None,
    cursor: CursorQuery = "",
    limit: Annotated[int, QueryParameter(ge=1, le=queries.LIMIT_MAX)] = 50,
) -> ApiPressPage:
    """One page of presses."""
    store = services_of(request).store
    chosen = parse_filter(box, trigger, sound)
    where = structs.replace(chosen, since_ns=unix_ns(since), until_ns=unix_ns(until))
    found = queries.list_presses(store, where, parse_cursor(cursor), limit, sight_of(request))
    return ApiPressPage([_press(row) for row in found.presses], cursor_text(found.next) if found.next else None)


@get("/presses/{press_id:str}", opt=_PRESSES, sync_to_thread=True, operation_id="getPress")
def get_press(request: AnyRequest, press_id: FromPath[str]) -> ApiPressDetail:
    """One press with its tracks and, for who may see pictures, its snapshot."""
    store = services_of(request).store
    detail = queries.press(store, known_id(press_id), sight_of(request))
    if detail is None:
        raise NotFoundException("there is no such press")
    found = snapshots.of_press(store, press_id) if may(request, Action.SEE_PICTURES) else None
    return ApiPressDetail(
        press=_press(detail.press),
        tracks=[_track(row) for row in detail.tracks],
        snapshot=None if found is None else api_snapshot(found),
    )


@get("/tracks/{track_id:str}", opt=_PRESSES, sync_to_thread=True, operation_id="getTrack")
def get_track(request: AnyRequest, track_id: FromPath[str]) -> ApiTrack:
    """One track."""
    row = queries.track(services_of(request).store, known_id(track_id), sight_of(request))
    if row is None:
        raise NotFoundException("there is no such track")
    return _track(row)


@get("/tracks/{track_id:str}/peaks", opt=_TRACKS, sync_to_thread=True, operation_id="getTrackPeaks")
def get_peaks(request: AnyRequest, track_id: FromPath[str]) -> ApiPeaks:
    """The waveform of a complete track."""
    peaks = queries.track_peaks(services_of(request).store, known_id(track_id), sight_of(request))
    if peaks is None:
        raise NotFoundException("there is no waveform of this track")
    return ApiPeaks(list(memoryview(peaks).cast("b")))


@get("/boxes", opt=needs(Action.SEE_BOXES), sync_to_thread=True, operation_id="listBoxes")
def list_boxes(request: AnyRequest) -> list[ApiBox]:
    """All boxes."""
    store = services_of(request).store
    sight = sight_of(request)
    rows = [row for row in queries.boxes(store) if sight.holds_box(row.site, row.name)]
    indices = snapshots.box_indices(store, [(row.site, row.name) for row in rows])
    return [_box(row, indices.get((row.site, row.name))) for row in rows]


@get("/boxes/{site:str}/{box:str}", opt=needs(Action.SEE_BOXES), sync_to_thread=True, operation_id="getBox")
def get_box(request: AnyRequest, site: FromPath[str], box: FromPath[str]) -> ApiBox:
    """One box, with the numbers of its events that are missing."""
    store = services_of(request).store
    row = next((row for row in queries.boxes(store) if (row.site, row.name) == (site, box)), None)
    if row is None or not sight_of(request).holds_box(site, box):
        raise NotFoundException("there is no such box")
    index = snapshots.box_indices(store, [(site, box)]).get((site, box))
    return _box(row, index, list(queries.missing_seq(store, site, box)))


def make_api() -> Router:
    """All of it under its version's path."""
    sound = [get_track, get_peaks, send_audio, describe_audio]
    pictures = [get_snapshot, send_picture, qualify_snapshot, list_qualifications]
    receipts = [take_receipts, list_receipts]
    handlers = [list_presses, get_press, *sound, *pictures, list_boxes, get_box, *receipts, *API_ROUTES]
    return Router("/api/v1", route_handlers=handlers)


def _press(row: PressRow) -> ApiPress:
    return ApiPress(
        id=row.id,
        site=row.site,
        box=row.box,
        button=row.button,
        trigger=row.trigger,
        rating=row.rating,
        employee=row.employee,
        time=iso_time(row.instant.wall_ns),
        dated=is_dated(row.instant),
        uncertainty_ms=row.instant.uncertainty_ms + row.stamp_uncertainty_ms,
        misuse=row.misuse,
        source=row.source,
        simulated=row.simulated,
        track=row.track,
        track_state=state_of(row),
        partial=row.partial,
        damaged=row.damaged,
        received=iso_time(row.received_ns),
    )


def _track(row: TrackRow) -> ApiTrack:
    instant: Instant | None = row.instant
    return ApiTrack(
        id=row.id,
        site=row.site,
        box=row.box,
        state=str(row.state),
        press=row.press,
        extends=row.extends,
        time=iso_time(instant.wall_ns) if instant else None,
        chunks_received=row.chunks_received,
        lost_reason=row.lost_reason,
        damaged=row.damaged,
        completed=iso_time(row.completed_ns),
        manifest=row.manifest,
        audio=f"/api/v1/tracks/{row.id}/audio" if row.blob else None,
    )


def _smile_index(index: BoxIndex) -> ApiSmileIndex:
    figures = index.figures
    shown = publishing(figures.n)
    hidden = shown is Publishing.HIDDEN
    return ApiSmileIndex(
        since=iso_time(index.since_ns),
        simulated=index.simulated,
        n=figures.n,
        percent=None if hidden else figures.percent,
        low_percent=None if hidden else figures.low_percent,
        high_percent=None if hidden else figures.high_percent,
        publishing=str(shown),
    )


def _box(row: BoxRow, index: BoxIndex | None, gaps: list[SeqGap] | UnsetType = UNSET) -> ApiBox:
    return ApiBox(
        site=row.site,
        box=row.name,
        online=row.online,
        version=row.version,
        status_time=iso_time(row.status_ns),
        health=row.health,
        health_time=iso_time(row.health_ns),
        presses=row.presses,
        last_press=iso_time(row.last_press_ns),
        missing=row.missing,
        smile_index=None if index is None else _smile_index(index),
        missing_ranges=gaps,
    )
