"""Receipts by HTTP: tills and CRMs tell who was served, and programs read it back."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.exceptions import PermissionDeniedException, ValidationException
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.store import sales
from cloud_bridge.store.org import Place, organisation
from cloud_bridge.store.sales import BATCH_MAX, Receipt, SaleCursor, SaleRow
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.web import audit
from cloud_bridge.web.permits import needs, programs_only, scope_of
from cloud_bridge.web.times import iso_time, unix_ns
from cloud_bridge.web.visitor import AnyRequest, services_of
from edge.wire import NAME_PATTERN

_BODY_BYTES_MAX = 1024 * 1024
_DAY_NS = 86_400_000_000_000
_CURSOR = re.compile(r"([0-9]{1,19})\.(.{1,100})", re.DOTALL)
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]+$"

Name = Annotated[str, Meta(pattern=NAME_PATTERN, max_length=63)]
ReceiptId = Annotated[str, Meta(min_length=1, max_length=100, pattern=_PRINTABLE)]


class ApiReceipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One customer served: `id` is the till's number of the receipt, unique within the site for ever.

    `till` is the box of the counter, or a name of the till's own, which then gets a counter. `time` has an offset or Z.
    """

    id: ReceiptId
    till: Name
    time: Annotated[datetime, Meta(tz=True)]
    employee: Annotated[str, Meta(min_length=1, max_length=500, pattern=_PRINTABLE)] | None = None
    voided: bool = False


class ApiReceipts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Receipts of a site and the ids of those that were taken back; at most 1000 together."""

    site: Name
    receipts: Annotated[list[ApiReceipt], Meta(max_length=BATCH_MAX)] = []
    voids: Annotated[list[ReceiptId], Meta(max_length=BATCH_MAX)] = []
    simulated: bool = False


class ApiTaken(Struct, frozen=True, kw_only=True):
    """What became of them. `conflicting` ids are known with another till, time or employee: the first ones stay."""

    new: int
    repeated: int
    voided: int
    conflicting: list[str]


class ApiSale(Struct, frozen=True, kw_only=True):
    """A receipt."""

    site: str
    id: str
    till: str
    employee: str | None
    time: datetime | None
    voided: bool
    simulated: bool
    received: datetime | None


class ApiSalePage(Struct, frozen=True):
    """Receipts, newest first; `next` is the `cursor` of the next page, null at the end."""

    receipts: list[ApiSale]
    next: str | None


@post(
    "/receipts",
    opt=programs_only(TokenScope.RECEIPTS_WRITE),
    sync_to_thread=True,
    status_code=200,
    request_max_body_size=_BODY_BYTES_MAX,
    operation_id="postReceipts",
)
def take_receipts(request: AnyRequest, data: JSONBody[ApiReceipts]) -> ApiTaken:
    """Take receipts in. Sending the same again changes nothing, so send again whatever had no answer."""
    if len(data.receipts) + len(data.voids) > BATCH_MAX:
        raise ValidationException(f"{len(data.receipts)} receipts and {len(data.voids)} voids: {BATCH_MAX} at most")
    services = services_of(request)
    now_ns = services.now_ns()
    receipts = [_receipt(one, now_ns) for one in data.receipts]
    held = scope_of(request)
    places = {Place(data.site, receipt.till) for receipt in receipts} or {Place(data.site)}
    if held.places and not (Place(data.site) in held.places or (data.receipts and places <= set(held.places))):
        raise PermissionDeniedException(f"this token may not write receipts of all of {data.site}")
    taken = sales.take(services.store, data.site, receipts, data.voids, simulated=data.simulated, now_ns=now_ns)
    # A till may send each receipt by itself; the trail says who sent to which site, once in a while.
    audit.record(services, request, "receipts.take", data.site, unless_within_s=services.settings.listen_again_s)
    return ApiTaken(new=taken.new, repeated=taken.repeated, voided=taken.voided, conflicting=list(taken.conflicting))


@get(
    "/receipts",
    opt=needs(Action.EXPORT_ROWS, TokenScope.RECEIPTS_READ),
    sync_to_thread=True,
    operation_id="listReceipts",
)
def list_receipts(
    request: AnyRequest,
    *,
    site: Annotated[str, QueryParameter(max_length=63, description="Of which site")],
    since: Annotated[datetime | None, QueryParameter(description="Not before; ISO 8601 with Z")] = None,
    until: Annotated[datetime | None, QueryParameter(description="Before; ISO 8601 with Z")] = None,
    cursor: Annotated[str, QueryParameter(max_length=130, description="Where the page before ended")] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
) -> ApiSalePage:
    """One page of a site's receipts."""
    store = services_of(request).store
    rows, following = sales.list_sales(
        store,
        organisation(store),
        scope_of(request),
        site,
        since_ns=unix_ns(since),
        until_ns=unix_ns(until),
        cursor=_cursor(cursor),
        limit=limit,
    )
    return ApiSalePage([_sale(row) for row in rows], f"{following.wall_ns}.{following.id}" if following else None)


def _receipt(one: ApiReceipt, now_ns: int) -> Receipt:
    wall_ns = unix_ns(one.time)
    if not 0 < wall_ns <= now_ns + _DAY_NS:
        raise ValidationException(f"receipt {one.id!r} is of {one.time.isoformat()}: that is no time of a sale")
    return Receipt(id=one.id, till=one.till, wall_ns=wall_ns, employee=one.employee, voided=one.voided)


def _cursor(text: str) -> SaleCursor | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) >= 2**63 or "\0" in text:
        raise ValidationException("cursor is not one that this list gave")
    return SaleCursor(int(match[1]), match[2])


def _sale(row: SaleRow) -> ApiSale:
    return ApiSale(
        site=row.site,
        id=row.id,
        till=row.till,
        employee=row.employee,
        time=iso_time(row.wall_ns),
        voided=row.voided,
        simulated=row.simulated,
        received=iso_time(row.received_ns),
    )
