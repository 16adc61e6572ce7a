"""The review: one screen with the queue and the press in work. Its parts come alone, too, for the keys."""

from __future__ import annotations

from typing import Any, Final

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.response import Template

from cloud_bridge.access.table import Action
from cloud_bridge.checklists import second
from cloud_bridge.checklists.causes import causes
from cloud_bridge.review import acts, queue
from cloud_bridge.review.queue import Asker
from cloud_bridge.review.state import known_tags, state
from cloud_bridge.store import org, queries, snapshots, staff
from cloud_bridge.store.org import Place
from cloud_bridge.web import audit, sheet_part
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import may, needs, sight_of
from cloud_bridge.web.press_view import cursor_text, track_view
from cloud_bridge.web.presses import known_id, parse_cursor
from cloud_bridge.web.question_part import question_part
from cloud_bridge.web.review_filter import QUEUES, REVIEWED, TRIGGERS, VERDICTS, Filters, parse
from cloud_bridge.web.review_view import pace, row_view, told_view
from cloud_bridge.web.snapshot_view import snapshot_view
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

PAGE_ROWS = 50
_MERGE = "/cases/merge"


@get("/review", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def show_review(request: AnyRequest) -> Template:
    """The queue, and the press of `item`, else the first one."""
    services = services_of(request)
    filters, asker = filters_of(request), asker_of(request)
    listed = _listed(request, filters, asker)
    wanted = request.query_params.get("item", "")
    first = listed["rows"][0].press.id if listed["rows"] else ""
    item = item_context(request, filters, asker, known_id(wanted) if wanted else first) if wanted or first else None
    count = queue.count(services.store, asker, filters.wanted)
    return page(
        request,
        "review.html",
        "review",
        filters=filters,
        count=min(count, queue.COUNTED_MAX),
        many=count > queue.COUNTED_MAX,
        pace=_pace(request),
        seen_ns=services.now_ns(),
        done=_done(request),
        second_count=len(second.waiting(services.store, sight_of(request, Action.SCORE), asker.account)),
        item=item,
        **listed,
        **_choices(request, filters, asker),
    )


@get("/review/rows", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def show_rows(request: AnyRequest) -> Template:
    """Rows of the queue after `cursor`, alone."""
    filters, asker = filters_of(request), asker_of(request)
    return page(request, "_review_rows.html", "", filters=filters, item=None, **_listed(request, filters, asker))


@get("/review/items/{press_id:str}", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def show_item(request: AnyRequest, press_id: FromPath[str]) -> Template:
    """One press of the review, alone."""
    filters, asker = filters_of(request), asker_of(request)
    item = item_context(request, filters, asker, known_id(press_id))
    return page(request, "_review_item.html", "", filters=filters, item=item)


def filters_of(request: AnyRequest) -> Filters:
    """The filters of the request's address."""
    return parse(dict(request.query_params.items()), services_of(request).time_zone)


def asker_of(request: AnyRequest) -> Asker:
    """The visitor as the queue knows them."""
    return Asker(the_visitor(request).user.id, sight_of(request), org.organisation(services_of(request).store))


def item_context(request: AnyRequest, filters: Filters, asker: Asker, press_id: str) -> dict[str, Any]:
    """All that the part of one press shows; looking at it goes on record. Raises the 404."""
    services, translator = services_of(request), translator_of(request)
    detail = queries.press(services.store, press_id, asker.sight)
    row = queue.one(services.store, asker, press_id)
    if detail is None or row is None:
        raise NotFoundException
    found = snapshots.of_press(services.store, press_id) if may(request, Action.SEE_PICTURES) else None
    audit.record(services, request, "press.view", press_id, unless_within_s=services.settings.listen_again_s)
    shared = queries.press_of_track(services.store, detail.press.track) if detail.press.track else None
    return {
        "row": row_view(translator, row, asker.organisation, filters.url("/review", item=press_id)),
        "tracks": [track_view(translator, track) for track in detail.tracks],
        "shared_with": shared if shared not in {None, press_id} else None,
        "snapshot": None if found is None else snapshot_view(translator, found),
        "can_merge": may(request, Action.MERGE_CASES) and _has_route(request, _MERGE),
        "act_url": filters.url(f"/review/items/{press_id}/say"),
        **judgement_context(request, press_id),
        **sheet_part.context(request, press_id),
        **question_part(request, detail.press, asker.organisation),
    }


def judgement_context(request: AnyRequest, press_id: str) -> dict[str, Any]:
    """What is said of a press, and what was said before."""
    services, account = services_of(request), the_visitor(request).user.id
    translator = translator_of(request)
    return {
        "said": state(services.store, press_id, account),
        "told": told_view(translator, acts.history(services.store, press_id, account)),
        "scores": snapshots.SCORES,
        "verdicts": tuple(reversed(acts.VERDICTS)),
        "tags": known_tags(services.store),
    }


def _listed(request: AnyRequest, filters: Filters, asker: Asker) -> dict[str, Any]:
    services, translator = services_of(request), translator_of(request)
    start = parse_cursor(request.query_params.get("cursor", ""))
    found = queue.page(services.store, asker, filters.wanted, start, PAGE_ROWS)
    url = filters.url
    return {
        "rows": [
            row_view(translator, row, asker.organisation, url("/review", item=row.press.id)) for row in found.rows
        ],
        "older_url": url("/review", cursor=cursor_text(found.next)) if found.next else None,
        "rows_url": url("/review/rows", cursor=cursor_text(found.next)) if found.next else None,
    }


def _choices(request: AnyRequest, filters: Filters, asker: Asker) -> dict[str, Any]:
    organisation, sight = asker.organisation, asker.sight
    places = [
        (f"{place.site}/{place.counter}", f"{organisation.site_title(place.site)} / {counter.title}")
        for place, counter in organisation.counters.items()
        if not sight.scope.places or place in sight.scope.places or Place(place.site) in sight.scope.places
    ]
    sites = [
        (name, site.title)
        for name, site in organisation.sites.items()
        if not sight.scope.places or Place(name) in sight.scope.places
    ]
    chosen = filters.chosen["employee"]
    services = services_of(request)
    people = list(staff.people_in(services.store, sight, organisation, services.now_ns()))
    if chosen and chosen not in {name for name, _ in people}:
        people.append((chosen, chosen))
    return {
        "queues": QUEUES,
        "reviewed_choices": REVIEWED,
        "triggers": TRIGGERS,
        "verdict_choices": VERDICTS,
        "places": sorted([*sites, *places], key=lambda one: one[1]),
        "people": people,
        "tag_names": known_tags(services_of(request).store),
        "cause_choices": causes(services_of(request).store, translator_of(request).language),
    }


def _pace(request: AnyRequest) -> Any:
    return pace(translator_of(request), acts.spent(services_of(request).store, the_visitor(request).user.id))


def _done(request: AnyRequest) -> dict[str, Any] | None:
    """What an act on many came to, as the address that it led to says."""
    try:
        done = {name: int(request.query_params.get(name, "-1")) for name in ("step", "changed", "undone", "kept")}
    except ValueError:
        return None
    if any(value >= 2**63 for value in done.values()):
        return None
    return done if max(done["changed"], done["undone"]) >= 0 else None


def _has_route(request: AnyRequest, path: str) -> bool:
    return any(route.path == path for route in request.app.routes)


ROUTES: Final[tuple[BaseRouteHandler, ...]] = (show_review, show_rows, show_item)
