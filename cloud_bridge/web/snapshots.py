"""Snapshots over HTTP: the picture, every look at it on record; the score that a person gives; the figures as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.params import FromPath, JSONBody, URLEncodedBody
from litestar.response import Redirect, Stream
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.blobs import BlobError, BlobMissing
from cloud_bridge.store import snapshots
from cloud_bridge.store.rows import TrackState
from cloud_bridge.store.sight import sees_of_press
from cloud_bridge.store.snapshots import SnapshotRow
from cloud_bridge.web import audit
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.times import iso_time
from cloud_bridge.web.visitor import AnyRequest, address_of, services_of, the_visitor
from edge.wire import SnapshotData


class ApiQualification(Struct, frozen=True):
    """What a person said of a snapshot; `score` 1 (unhappy) to 5 (delighted), null: taken back."""

    score: int | None
    user: str
    time: datetime | None


class ApiSnapshot(Struct, frozen=True, kw_only=True):
    """A snapshot; `data` is what the box told, `picture` the picture's path once it is complete."""

    id: str
    press: str
    site: str
    box: str
    data: SnapshotData
    picture_state: str | None
    picture: str | None
    qualification: ApiQualification | None


class ApiScore(Struct, frozen=True, forbid_unknown_fields=True):
    """POST …/qualification: 1 to 5, or null to take back what was said."""

    score: int | None


class ScoreForm(Struct, frozen=True):
    """The form beside a snapshot; an empty score takes back what was said."""

    score: str = ""


def api_snapshot(row: SnapshotRow) -> ApiSnapshot:
    """A snapshot for programs."""
    said = row.qualification
    return ApiSnapshot(
        id=row.id,
        press=row.press,
        site=row.site,
        box=row.box,
        data=row.data,
        picture_state=str(row.picture) if row.picture else None,
        picture=f"/api/v1/snapshots/{row.id}/picture" if row.blob and row.picture is TrackState.COMPLETE else None,
        qualification=None if said is None else ApiQualification(said.score, said.user, iso_time(said.at_ns)),
    )


@get("/snapshots/{snapshot_id:str}", opt=needs(Action.SEE_PICTURES), sync_to_thread=True, operation_id="getSnapshot")
def get_snapshot(request: AnyRequest, snapshot_id: FromPath[str]) -> ApiSnapshot:
    """One snapshot with its figures."""
    return api_snapshot(_known(request, snapshot_id))


@get(
    "/snapshots/{snapshot_id:str}/qualifications",
    opt=needs(Action.SEE_PICTURES),
    sync_to_thread=True,
    operation_id="listQualifications",
)
def list_qualifications(request: AnyRequest, snapshot_id: FromPath[str]) -> list[ApiQualification]:
    """All that was said of a snapshot, newest first."""
    row = _known(request, snapshot_id)
    said = snapshots.qualifications(services_of(request).store, row.id)
    return [ApiQualification(one.score, one.user, iso_time(one.at_ns)) for one in said]


@post(
    "/snapshots/{snapshot_id:str}/qualification",
    opt=needs(Action.REVIEW),
    sync_to_thread=True,
    status_code=200,
    operation_id="qualifySnapshot",
)
def qualify_snapshot(request: AnyRequest, snapshot_id: FromPath[str], data: JSONBody[ApiScore]) -> ApiSnapshot:
    """Say how the client of a snapshot was; the last word counts, all are kept."""
    _qualify(request, snapshot_id, data.score)
    return api_snapshot(_known(request, snapshot_id))


@get(
    "/snapshots/{snapshot_id:str}/picture",
    opt=needs(Action.SEE_PICTURES),
    sync_to_thread=True,
    operation_id="getSnapshotPicture",
    summary="The picture of a snapshot",
    description="JPEG. Each look at it is written into the audit trail.",
)
def send_picture(request: AnyRequest, snapshot_id: FromPath[str]) -> Response[Any]:
    """The picture; 404 while it has not come, and where there is none."""
    services = services_of(request)
    row = _known(request, snapshot_id)
    if row.picture is not TrackState.COMPLETE or row.blob is None or row.data.picture is None:
        raise NotFoundException("there is no picture of this snapshot")
    # Before the first byte leaves: who sees it is on record, or it is not seen.
    audit.record(services, request, "snapshot.view", row.id, unless_within_s=services.settings.listen_again_s)
    etag = f'"{row.data.picture.sha256}"'
    headers = {
        "cache-control": "private, no-cache",
        "etag": etag,
        "content-disposition": f'inline; filename="earshot_{row.site}_{row.box}_{row.id[:8]}.jpg"',
    }
    if request.headers.get("if-none-match") == etag:
        return Response(None, status_code=304, headers=headers)
    try:
        size_bytes = services.blobs.size_bytes(row.blob)
    except BlobMissing as error:
        raise NotFoundException("the picture of this snapshot is missing in the blob store") from error
    except BlobError as error:
        raise HTTPException("the blob store does not answer; try again later", status_code=503) from error
    headers["content-length"] = str(size_bytes)
    return Stream(services.blobs.stream(row.blob, 0, size_bytes), headers=headers, media_type="image/jpeg")


@post("/snapshots/{snapshot_id:str}/qualify", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def qualify(request: AnyRequest, snapshot_id: FromPath[str], data: URLEncodedBody[ScoreForm]) -> Redirect:
    """The form beside the snapshot; leads back to its press."""
    if data.score not in {"", *map(str, snapshots.SCORES)}:
        raise ValidationException("score must be 1 to 5, or empty to take back what was said")
    row = _known(request, snapshot_id)
    _qualify(request, row.id, int(data.score) if data.score else None)
    return Redirect(f"/presses/{row.press}#snapshot", status_code=303)


def _qualify(request: AnyRequest, snapshot_id: str, score: int | None) -> None:
    services = services_of(request)
    _known(request, snapshot_id)
    try:
        found = snapshots.qualify(
            services.store,
            known_id(snapshot_id),
            score,
            user=the_visitor(request).name,
            at_ns=services.now_ns(),
            address=address_of(request),
        )
    except ValueError as error:
        raise ValidationException(str(error)) from error
    if not found:
        raise NotFoundException("there is no such snapshot")


def _known(request: AnyRequest, snapshot_id: str) -> SnapshotRow:
    store = services_of(request).store
    row = snapshots.by_id(store, known_id(snapshot_id))
    if row is None or not sees_of_press(store, sight_of(request), row.site, row.box, row.press):
        raise NotFoundException("there is no such snapshot")
    return row
