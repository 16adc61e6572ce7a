"""The page of webhooks: which programs are told of which events, what became of it, and sending it again."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.notify import delivery, log
from cloud_bridge.notify.addresses import Reach
from cloud_bridge.notify.log import EVENTS, HookRow
from cloud_bridge.notify.outbox import NotifyError
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_PAGE_ROWS = 50
_ID_MAX = 2**63 - 1
_TONES = {"waiting": "warn", "sent": "good", "failed": "bad", "void": ""}

BeforeQuery = Annotated[int, QueryParameter(description="Where the page before ended", ge=0, le=_ID_MAX)]


class HookForm(Struct, frozen=True):
    """A webhook as typed."""

    name: Annotated[str, Meta(max_length=200)] = ""
    url: Annotated[str, Meta(max_length=3000)] = ""
    # One that was chosen comes as a text, several as a list.
    events: str | list[str] = ""


class SwitchForm(Struct, frozen=True):
    """On where it has a value."""

    enabled: Annotated[str, Meta(max_length=10)] = ""


@get("/webhooks", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False)
def show_webhooks(request: AnyRequest) -> Template:
    """All webhooks."""
    return _list(request)


@post("/webhooks/new", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False)
def make_webhook(request: AnyRequest, data: URLEncodedBody[HookForm]) -> Template:
    """Make a webhook; its key is in this answer alone."""
    services = services_of(request)
    url = data.url.strip()
    try:
        Reach(services.settings.notify).target(url)
        with services.store.write() as connection:
            made, secret = log.make_hook(
                connection,
                name=data.name,
                url=url,
                events=[data.events] if isinstance(data.events, str) else data.events,
                by=the_visitor(request).name,
                now_ns=services.now_ns(),
            )
    except NotifyError as error:
        return _list(request, problem=str(error), typed=data)
    audit.record(services, request, "webhook.make", f"{made} {data.name.strip()}")
    return _list(request, secret=secret)


@get("/webhooks/{number:int}", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False)
def show_webhook(request: AnyRequest, number: FromPath[int], before: BeforeQuery = 0) -> Template:
    """One webhook and what was sent to it."""
    services, words = services_of(request), translator_of(request)
    hook = _known(request, number)
    rows = log.messages(services.store, hook=hook.id, before=before or None, limit=_PAGE_ROWS + 1)
    messages = [
        {
            "id": row.id,
            "event": row.subject,
            "state": words(f"notify.state_{row.state}"),
            "tone": _TONES[row.state],
            "time": words.moment(row.sent_ns or row.made_ns),
            "attempts": words.count("notify.attempts", row.attempts) if row.attempts > 1 else "",
            "detail": row.detail or "",
        }
        for row in rows[:_PAGE_ROWS]
    ]
    older = f"/webhooks/{hook.id}?before={rows[_PAGE_ROWS - 1].id}" if len(rows) > _PAGE_ROWS else None
    return page(request, "webhook.html", "webhooks", hook=_view(request, hook), messages=messages, older_url=older)


@post(
    "/webhooks/{number:int}/switch",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def switch_webhook(request: AnyRequest, number: FromPath[int], data: URLEncodedBody[SwitchForm]) -> Redirect:
    """Switch a webhook on or off."""
    hook, on = _known(request, number), bool(data.enabled)
    with services_of(request).store.write() as connection:
        log.change_hook(connection, hook.id, enabled=on)
    audit.record(services_of(request), request, "webhook.on" if on else "webhook.off", f"{hook.id}")
    return Redirect("/webhooks", status_code=303)


@post(
    "/webhooks/{number:int}/remove",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def remove_webhook(request: AnyRequest, number: FromPath[int]) -> Redirect:
    """Remove a webhook; what was sent to it stays in the database."""
    hook = _known(request, number)
    with services_of(request).store.write() as connection:
        log.change_hook(connection, hook.id, retired=True)
    audit.record(services_of(request), request, "webhook.remove", f"{hook.id} {hook.name}")
    return Redirect("/webhooks", status_code=303)


@post(
    "/webhooks/{number:int}/messages/{message:int}/replay",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def replay_message(request: AnyRequest, number: FromPath[int], message: FromPath[int]) -> Redirect:
    """Send an event once more, under the id that it had."""
    services = services_of(request)
    hook = _known(request, number)
    with services.store.write() as connection:
        mine = 0 < message < _ID_MAX and log.hook_of_message(connection, message) == hook.id
        if not mine or delivery.replay(connection, message, services.now_ns()) is None:
            raise NotFoundException("there is no such message")
    audit.record(services, request, "webhook.replay", f"{hook.id} message {message}")
    return Redirect(f"/webhooks/{hook.id}", status_code=303)


def _known(request: AnyRequest, number: int) -> HookRow:
    found = None
    if 0 < number < _ID_MAX:
        with services_of(request).store.read() as connection:
            found = log.find_hook(connection, number)
    if found is None:
        raise NotFoundException("there is no such webhook")
    return found


def _list(
    request: AnyRequest, *, problem: str | None = None, typed: HookForm | None = None, secret: str | None = None
) -> Template:
    with services_of(request).store.read() as connection:
        rows = log.hooks(connection)
    return page(
        request,
        "webhooks.html",
        "webhooks",
        status=200 if problem is None else 400,
        hooks=[_view(request, row) for row in rows],
        events=EVENTS,
        form=typed or HookForm(),
        open_form=typed is not None,
        problem=problem,
        secret=secret,
    )


def _view(request: AnyRequest, row: HookRow) -> dict[str, Any]:
    words = translator_of(request)
    return {
        "id": row.id,
        "name": row.name,
        "url": row.url,
        "events": row.events,
        "enabled": row.enabled,
        "made": words("hooks.made", user=row.made_by, time=words.moment(row.made_ns)),
    }


ROUTES = (show_webhooks, make_webhook, show_webhook, switch_webhook, remove_webhook, replay_message)
