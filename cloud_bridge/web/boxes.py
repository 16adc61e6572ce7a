"""Pages of boxes and of the quarantine."""

from __future__ import annotations

import secrets
from typing import Annotated

from litestar import MediaType, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import Template
from markupsafe import escape

from cloud_bridge.access.table import Action
from cloud_bridge.store import queries, snapshots
from cloud_bridge.updates.offers import last_offers
from cloud_bridge.web import audit
from cloud_bridge.web.box_view import box_view, quarantine_view
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.settings import CommandsUnavailable, Services
from cloud_bridge.web.snapshot_view import box_index_text
from cloud_bridge.web.updates_page import state_text
from cloud_bridge.web.visitor import AnyRequest, services_of, translator_of
from edge.wire import Identify

_FAULT_REPORTS = 100
_QUARANTINE_ROWS = 50


@get("/boxes", opt=needs(Action.SEE_BOXES), sync_to_thread=True, include_in_schema=False)
def show_boxes(request: AnyRequest) -> Template:
    """All boxes: are they there, do they record, what waits, what is missing, what is broken."""
    return _boxes_page(request, None)


@post(
    "/boxes/{site:str}/{box:str}/identify", opt=needs(Action.IDENTIFY_BOXES), sync_to_thread=True, status_code=200,
    include_in_schema=False,
)  # fmt: skip
def identify(request: AnyRequest, site: FromPath[str], box: FromPath[str]) -> Template | Response[str]:
    """Let a box blink so that a person finds it; answers what the box answered."""
    services = services_of(request)
    if (site, box) not in queries.box_names(services.store) or not sight_of(request).holds_box(site, box):
        raise NotFoundException
    audit.record(services, request, "box.identify", f"{site}/{box}")
    text = _send_identify(services, translator_of(request), site, box)
    if "hx-request" in request.headers:
        # htmx puts the answer into the page as HTML, and the box has a say in the text.
        return Response(str(escape(text)), media_type=MediaType.HTML, headers={"cache-control": "no-store"})
    return _boxes_page(request, {"site": site, "box": box, "text": text})


@get("/quarantine", opt=needs(Action.SEE_QUARANTINE), sync_to_thread=True, include_in_schema=False)
def show_quarantine(
    request: AnyRequest, before: Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)] = None
) -> Template:
    """What could not be accepted, and why."""
    rows = queries.list_quarantine(services_of(request).store, before, _QUARANTINE_ROWS)
    translator = translator_of(request)
    older = f"/quarantine?before={rows[-1].id}" if len(rows) == _QUARANTINE_ROWS else None
    views = [quarantine_view(translator, row) for row in rows]
    return page(request, "quarantine.html", "quarantine", rows=views, older_url=older)


def _boxes_page(request: AnyRequest, answer: dict[str, str] | None) -> Template:
    store = services_of(request).store
    translator = translator_of(request)
    views = []
    sight = sight_of(request, Action.SEE_BOXES)
    found = snapshots.box_indices(store, [name for name in queries.box_names(store) if sight.holds_box(*name)])
    indices = {f"{site}/{box}": box_index_text(translator, index) for (site, box), index in found.items()}
    updates = last_offers(store)
    for row in queries.boxes(store):
        if not sight.holds_box(row.site, row.name):
            continue
        gaps = queries.missing_seq(store, row.site, row.name) if row.missing else ()
        faults = queries.faults(store, row.site, row.name, _FAULT_REPORTS)
        offer = updates.get((row.site, row.name))
        update = f"{offer.version}: {state_text(translator, offer)}" if offer else ""
        views.append(box_view(translator, row, gaps, faults, update))
    return page(request, "boxes.html", "boxes", boxes=views, answer=answer, indices=indices)


def _send_identify(services: Services, t: Translator, site: FromPath[str], box: FromPath[str]) -> str:
    command = Identify(id=secrets.token_hex(16))
    try:
        reply = services.commands(site, box, command, services.settings.command_timeout_s)
    except CommandsUnavailable:
        return t("boxes.identify_unavailable")
    if reply is None:
        return t("boxes.identify_timeout")
    if not reply.ok:
        return t("boxes.identify_failed", error=reply.error or t("common.not_known"))
    return t("boxes.identify_sent")
