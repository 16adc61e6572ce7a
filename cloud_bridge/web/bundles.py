"""Bundles over HTTP, for boxes: by the address that an offer holds, whole or in ranges."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Stream

from cloud_bridge.blobs import BlobError, BlobMissing
from cloud_bridge.updates.offers import find_offer
from cloud_bridge.web.audio import RangeError, parse_range
from cloud_bridge.web.visitor import PUBLIC, AnyRequest, services_of


@get("/updates/{offer:str}/{token:str}/bundle.raucb", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def send_bundle(request: AnyRequest, offer: FromPath[str], token: FromPath[str]) -> Response[Any]:
    """The bundle while its offer is open; 404 for an address that is none of ours, 410 for one whose offer is over."""
    services = services_of(request)
    found = find_offer(services.store, offer, token)
    if found is None:
        raise NotFoundException
    if not found.is_open:
        raise HTTPException("the offer is over", status_code=410)
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-type": "application/vnd.rauc.bundle",
        "etag": f'"{found.sha256}"',
    }
    try:
        size_bytes = services.blobs.size_bytes(found.blob)
    except BlobMissing as error:
        raise NotFoundException("the bundle is missing in the blob store") from error
    except BlobError as error:
        raise HTTPException("the blob store does not answer; try again later", status_code=503) from error
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", headers["etag"]) != headers["etag"]:
        wanted = ""
    try:
        part = parse_range(wanted, size_bytes)
    except RangeError:
        return Response(None, status_code=416, headers={**headers, "content-range": f"bytes */{size_bytes}"})
    start, length = part or (0, size_bytes)
    headers["content-length"] = str(length)
    if part:
        headers["content-range"] = f"bytes {start}-{start + length - 1}/{size_bytes}"
    pieces = services.blobs.stream(found.blob, start, length)
    return Stream(pieces, status_code=206 if part else 200, headers=headers, media_type=headers["content-type"])
