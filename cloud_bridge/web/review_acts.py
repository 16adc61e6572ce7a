"""What is done in the review: say something of a press or of all that match, and take it back."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import UNSET, Struct
from sqlalchemy import select

from cloud_bridge.access.table import Action
from cloud_bridge.review import acts, queue
from cloud_bridge.review.acts import ReviewError, Say
from cloud_bridge.review.queue import Asker
from cloud_bridge.review.state import Person
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import needs
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.review import asker_of, filters_of, judgement_context
from cloud_bridge.web.review_filter import Filters, parse
from cloud_bridge.web.review_view import pace, row_view
from cloud_bridge.web.visitor import AnyRequest, address_of, services_of, the_visitor, translator_of

_BULK_BYTES = 512 * 1024
PART = "x-part"
"""The header of a request whose answer is a part of the page, not a way to go on."""


class SayForm(Struct, frozen=True):
    """What a form says of one press; fields that are not sent say nothing."""

    verdict: str | None = None
    note: str | None = None
    tags: str | None = None
    score: str | None = None
    reviewed: str | None = None
    spent_s: str | None = None


@post("/review/items/{press_id:str}/say", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def say(request: AnyRequest, press_id: FromPath[str], data: URLEncodedBody[SayForm]) -> Template | Redirect:
    """Say something of one press; leads back to it."""
    filters, asker, services = filters_of(request), asker_of(request), services_of(request)
    if queue.one(services.store, asker, known_id(press_id)) is None:
        raise NotFoundException
    step = _act(request, [press_id], _say(data))
    if step is not None:
        audit.record(services, request, "review.say", f"{press_id} {_told(data)}")
    if PART not in request.headers:
        return Redirect(filters.url("/review", item=press_id), status_code=303)
    return _part(request, filters, asker, press_id, step)


@post(
    "/review/bulk",
    opt=needs(Action.REVIEW),
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=_BULK_BYTES,
)
def say_of_many(request: AnyRequest, data: URLEncodedBody[dict[str, Any]]) -> Redirect:
    """Say something of the chosen presses, or of all that matched when the page was drawn."""
    services, asker = services_of(request), asker_of(request)
    filters = parse(dict(parse_qsl(_text(data, "where"))), services.time_zone)
    presses = _matching(services.store, asker, filters, data)
    form = SayForm(verdict=_given(data, "verdict"), reviewed=_given(data, "reviewed"), score=None, tags=None, note=None)
    words = _say(form)
    tag = _text(data, "add_tag")
    if tag and "tag_it" in data:
        words = Say(add_tag=tag)
    step = _act(request, presses, words)
    if step is None:
        return Redirect(filters.url("/review", changed="0"), status_code=303)
    audit.record(services, request, "review.say_many", f"step {step}: {len(presses)} presses, {_told(form)} {tag}")
    return Redirect(filters.url("/review", step=str(step), changed=str(len(presses))), status_code=303)


class UndoForm(Struct, frozen=True):
    """The step to take back, and the filters to go back to."""

    step: int
    where: str = ""


@post("/review/undo", opt=needs(Action.REVIEW), sync_to_thread=True, include_in_schema=False)
def undo(request: AnyRequest, data: URLEncodedBody[UndoForm]) -> Redirect:
    """Take a step of one's own back; what others changed since stays."""
    services = services_of(request)
    filters = parse(dict(parse_qsl(data.where)), services.time_zone)
    try:
        undone = acts.undo(services.store, _person(request), data.step)
    except (ReviewError, OverflowError) as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "review.undo", f"step {data.step}: {undone.presses} presses, {undone.kept} kept")
    return Redirect(filters.url("/review", undone=str(undone.presses), kept=str(undone.kept)), status_code=303)


def _part(request: AnyRequest, filters: Filters, asker: Asker, press_id: str, step: int | None) -> Template:
    services, translator = services_of(request), translator_of(request)
    row = queue.one(services.store, asker, press_id)
    if row is None:
        raise NotFoundException
    view = row_view(translator, row, asker.organisation, filters.url("/review", item=press_id))
    spent = acts.spent(services.store, asker.account)
    item = {
        "row": view,
        "act_url": filters.url(f"/review/items/{press_id}/say"),
        **judgement_context(request, press_id),
    }
    return page(request, "_review_answer.html", "", item=item, step=step, pace=pace(translator, spent))


def _act(request: AnyRequest, presses: list[str], words: Say) -> int | None:
    try:
        return acts.act(services_of(request).store, _person(request), presses, words)
    except ReviewError as error:
        raise ValidationException(str(error)) from error


def _say(form: SayForm) -> Say:
    try:
        return Say(
            verdict=UNSET if form.verdict is None else form.verdict or None,
            note=UNSET if form.note is None else form.note.replace("\r\n", "\n"),
            tags=UNSET if form.tags is None else tuple(tag for tag in form.tags.split(",") if tag.strip()),
            score=UNSET if form.score is None else int(form.score) if form.score else None,
            reviewed=UNSET if form.reviewed is None else form.reviewed == "1",
            spent_s=min(float(form.spent_s), acts.SPENT_MAX_S) if form.spent_s else None,
        )
    except ValueError as error:
        raise ValidationException("score and seconds must be numbers") from error


def _matching(store: Store, asker: Asker, filters: Filters, data: dict[str, Any]) -> list[str]:
    """The presses of a form that may be seen, newest first; raises `ValidationException` where they are too many."""
    # What has arrived since the page was drawn is not what "all that match" was said of.
    seen_ns = _text(data, "seen_ns")
    if re.fullmatch(r"[0-9]{1,18}|[1-8][0-9]{18}", seen_ns) is None:
        raise ValidationException("seen_ns must be the moment at which the page was drawn")
    wanted = [*queue.conditions(store, asker, filters.wanted), t.press.c.received_ns <= int(seen_ns)]
    if "all" not in data:
        chosen = data.get("press", [])
        ids = [known_id(one) for one in ([chosen] if isinstance(chosen, str) else chosen)]
        wanted = [t.press.c.id.in_(ids[: queue.COUNTED_MAX]), asker.sight.where()]
    query = select(t.press.c.id).where(*wanted).order_by(t.press.c.wall_ns.desc(), t.press.c.id.desc())
    with store.read() as connection:
        found = [row.id for row in connection.execute(query.limit(queue.COUNTED_MAX + 1))]
    if len(found) > queue.COUNTED_MAX:
        raise ValidationException(f"more than {queue.COUNTED_MAX} match; narrow the filters")
    return found


def _person(request: AnyRequest) -> Person:
    user = the_visitor(request).user
    return Person(user.id, user.name, address_of(request), services_of(request).now_ns())


def _told(form: SayForm) -> str:
    """What was said, for the audit trail; a note is in the press's history."""
    parts = {"verdict": form.verdict, "score": form.score, "tags": form.tags, "reviewed": form.reviewed}
    told = [f"{name}={value or 'none'}" for name, value in parts.items() if value is not None]
    return " ".join([*told, *(["note"] if form.note is not None else [])])


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _given(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None


ROUTES: Final[tuple[BaseRouteHandler, ...]] = (say, say_of_many, undo)
