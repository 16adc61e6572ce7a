"""The page of notifications: who is told of alarms and when, by which channels, and what became of each message."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import TABLE, Action
from cloud_bridge.notify import delivery, log, outbox, subscriptions
from cloud_bridge.notify.channels import Channels, masked
from cloud_bridge.notify.log import MessageRow
from cloud_bridge.notify.outbox import STATES, NotifyError
from cloud_bridge.notify.subscriptions import Subscription
from cloud_bridge.store import users
from cloud_bridge.store.org import organisation
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import LANGUAGES, Translator
from cloud_bridge.web.permits import may, needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_PAGE_ROWS = 50
_ID_MAX = 2**63 - 1
_KINDS = {"waiting": "warn", "sent": "good", "failed": "bad", "void": ""}

Text = Annotated[str, Meta(max_length=200)]
StateQuery = Annotated[str, QueryParameter(name="state", description="waiting, sent, failed or void", max_length=20)]
BeforeQuery = Annotated[int, QueryParameter(description="Where the page before ended", ge=0, le=_ID_MAX)]


class SubscribeForm(Struct, frozen=True):
    """Who is told: `who` is account:ID or channel:ID; `digest` empty: at once."""

    who: Text = ""
    # One that was chosen comes as a text, several as a list.
    sites: str | list[str] = ""
    digest: Text = ""
    quiet_from: Text = "0"
    quiet_until: Text = "0"
    time_zone: Text = "UTC"


class ChannelForm(Struct, frozen=True):
    """A channel as typed."""

    name: Text = ""
    url: Annotated[str, Meta(max_length=1000)] = ""
    language: Text = "en"


class SwitchForm(Struct, frozen=True):
    """On where it has a value."""

    enabled: Text = ""


class MessageView(Struct, frozen=True, kw_only=True):
    """A message in words. `tone` is the colour of its state."""

    id: int
    subject: str
    kind: str
    who: str
    state: str
    tone: str
    made: str
    attempts: str
    detail: str
    can_repeat: bool


class SubscriptionView(Struct, frozen=True, kw_only=True):
    """Who is told, in words."""

    id: int
    name: str
    is_channel: bool
    sites: str
    when: str
    quiet: str


@get("/notifications", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False)
def show_notifications(request: AnyRequest, stage: StateQuery = "", before: BeforeQuery = 0) -> Template:
    """Who is told, channels, and the delivery log."""
    return _page(request, state=stage, before=before)


@post(
    "/notifications/subscriptions", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False
)
def subscribe(request: AnyRequest, data: URLEncodedBody[SubscribeForm]) -> Template | Redirect:
    """Tell somebody of alarms from now on."""
    services = services_of(request)
    kind, _, number = data.who.partition(":")
    chosen = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    known = organisation(services.store).sites
    try:
        with services.store.write() as connection:
            subscriptions.subscribe(
                connection,
                account=chosen if kind == "account" else None,
                channel=chosen if kind == "channel" else None,
                sites=[site for site in ([data.sites] if isinstance(data.sites, str) else data.sites) if site in known],
                digest_hour=_hour(data.digest) if data.digest else None,
                quiet_from=_hour(data.quiet_from),
                quiet_until=_hour(data.quiet_until),
                time_zone=data.time_zone,
                by=the_visitor(request).name,
                now_ns=services.now_ns(),
            )
    except NotifyError as error:
        return _page(request, problem=str(error))
    audit.record(services, request, "notify.subscribe", data.who)
    return Redirect("/notifications", status_code=303)


@post(
    "/notifications/subscriptions/{number:int}/remove",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def unsubscribe(request: AnyRequest, number: FromPath[int]) -> Redirect:
    """Tell somebody no more."""
    services = services_of(request)
    with services.store.write() as connection:
        done = 0 < number < _ID_MAX and subscriptions.unsubscribe(connection, number)
    return _done(request, done, "notify.unsubscribe", number)


@post("/notifications/channels", opt=needs(Action.EDIT_NOTIFICATIONS), sync_to_thread=True, include_in_schema=False)
def make_channel(request: AnyRequest, data: URLEncodedBody[ChannelForm]) -> Template | Redirect:
    """Make a channel."""
    services = services_of(request)
    language = next((one for one in LANGUAGES if one == data.language), "en")
    try:
        Channels(services.settings.notify.services).check(data.url.strip())
        with services.store.write() as connection:
            made = log.make_channel(
                connection,
                name=data.name,
                url=data.url.strip(),
                language=language,
                by=the_visitor(request).name,
                now_ns=services.now_ns(),
            )
    except NotifyError as error:
        return _page(request, problem=str(error))
    audit.record(services, request, "notify.channel", f"{made} {data.name.strip()}")
    return Redirect("/notifications", status_code=303)


@post(
    "/notifications/channels/{number:int}/switch",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def switch_channel(request: AnyRequest, number: FromPath[int], data: URLEncodedBody[SwitchForm]) -> Redirect:
    """Switch a channel on or off."""
    on = bool(data.enabled)
    with services_of(request).store.write() as connection:
        done = 0 < number < _ID_MAX and log.switch_channel(connection, number, enabled=on)
    return _done(request, done, "notify.channel_on" if on else "notify.channel_off", number)


@post(
    "/notifications/channels/{number:int}/test",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def check_channel(request: AnyRequest, number: FromPath[int]) -> Redirect:
    """Send a message that says nothing but that it came."""
    services, words = services_of(request), translator_of(request)
    now_ns = services.now_ns()
    with services.store.write() as connection:
        known = {one.id for one in log.channels(connection)}
        if number in known:
            outbox.enqueue(
                connection,
                key=f"test channel {number} {now_ns}",
                to=outbox.to_channel(number),
                subject=words("notify.test_subject"),
                text=words("notify.test_text"),
                now_ns=now_ns,
            )
    return _done(request, number in known, "notify.test", number)


@post(
    "/notifications/{number:int}/again",
    opt=needs(Action.EDIT_NOTIFICATIONS),
    sync_to_thread=True,
    include_in_schema=False,
)
def send_again(request: AnyRequest, number: FromPath[int]) -> Redirect:
    """Try a message once more that was given up or waits."""
    services = services_of(request)
    with services.store.write() as connection:
        done = 0 < number < _ID_MAX and delivery.again(connection, number, services.now_ns())
    return _done(request, done, "notify.again", number)


def _done(request: AnyRequest, done: bool, action: str, number: int) -> Redirect:  # noqa: FBT001 - a fact, no choice
    if not done:
        raise NotFoundException("there is nothing of that number")
    audit.record(services_of(request), request, action, f"{number}")
    return Redirect("/notifications", status_code=303)


def _hour(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 3):
        raise NotifyError(f"{text[:20]!r} is no hour; choose 0 to 23")
    return int(text)


def _page(request: AnyRequest, *, state: str = "", before: int = 0, problem: str | None = None) -> Template:
    services, words = services_of(request), translator_of(request)
    chosen = state if state in STATES else ""
    rows = log.messages(services.store, state=chosen, before=before or None, limit=_PAGE_ROWS + 1)
    with services.store.read() as connection:
        told = subscriptions.subscriptions(connection)
        channels = log.channels(connection)
    company = organisation(services.store)
    titles = {name: site.title for name, site in company.sites.items()}
    older = None
    if len(rows) > _PAGE_ROWS:
        older = "/notifications?" + urlencode({"state": chosen, "before": rows[_PAGE_ROWS - 1].id})
    contacts = may(request, Action.SEE_CONTACTS)
    return page(
        request,
        "notifications.html",
        "notifications",
        status=200 if problem is None else 400,
        problem=problem,
        told=[_told(words, titles, one) for one in told],
        people=[one for one in users.list_users(services.store) if _may_be_told(one)],
        channels=[{"row": one, "address": masked(one.url)} for one in channels],
        open_channels=[one for one in channels if one.enabled],
        sites=list(company.sites.values()),
        allowed_services=", ".join(services.settings.notify.services),
        has_server=bool(services.settings.notify.smtp_host),
        messages=[_message(words, one, contacts=contacts) for one in rows[:_PAGE_ROWS]],
        state=chosen,
        states=STATES,
        older_url=older,
        hours=range(24),
        languages_of_channels=LANGUAGES,
        own_zone=services.settings.time_zone,
    )


def _may_be_told(account: users.User) -> bool:
    return not account.disabled and Action.SEE_ALARMS in TABLE[account.role]


def _told(words: Translator, titles: dict[str, str], one: Subscription) -> SubscriptionView:
    quiet = words("notify.quiet_none")
    if one.quiet_from != one.quiet_until:
        quiet = words(
            "notify.quiet", **{"from": f"{one.quiet_from:02}", "until": f"{one.quiet_until:02}", "zone": one.time_zone}
        )
    when = words("notify.at_once")
    if one.digest_hour is not None:
        when = words("notify.digest_at", hour=f"{one.digest_hour:02}")
        quiet = one.time_zone
    return SubscriptionView(
        id=one.id,
        name=one.name,
        is_channel=one.channel is not None,
        sites=", ".join(titles.get(site, site) for site in one.sites) or words("notify.all_sites"),
        when=when,
        quiet=quiet,
    )


def _message(words: Translator, row: MessageRow, *, contacts: bool) -> MessageView:
    address = row.address or ""
    if address and not contacts:
        address = f"…@{address.rpartition('@')[2]}"
    detail = row.detail or ""
    if row.state == outbox.WAITING and row.attempts:
        detail = f"{detail}; {words('notify.next', time=words.moment(row.next_ns))}"
    return MessageView(
        id=row.id,
        subject=row.subject,
        kind=words("notify.mail") if row.kind == "mail" else words("notify.channel"),
        who=row.who or address,
        state=words(f"notify.state_{row.state}"),
        tone=_KINDS[row.state],
        made=words.moment(row.sent_ns or row.made_ns),
        attempts=words.count("notify.attempts", row.attempts) if row.attempts > 1 else "",
        detail=detail,
        can_repeat=row.state == outbox.FAILED or (row.state == outbox.WAITING and row.attempts > 0),
    )


ROUTES = (
    show_notifications,
    subscribe,
    unsubscribe,
    make_channel,
    switch_channel,
    check_channel,
    send_again,
)
