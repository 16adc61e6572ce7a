"""The live list: one look at the database's change number for all listeners, rendered rows as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from jinja2 import Environment
from litestar import Litestar, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.exc import DBAPIError

from cloud_bridge.access.table import Action
from cloud_bridge.store import queries
from cloud_bridge.store.engine import is_transient
from cloud_bridge.store.rows import PressFilter, PressRow
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.press_view import press_view, state_of
from cloud_bridge.web.presses import BoxQuery, SoundQuery, TriggerQuery, known_id, parse_filter
from cloud_bridge.web.settings import Services
from cloud_bridge.web.visitor import AnyRequest, cookie_name, look_up, services_of, the_visitor, translator_of

log = logging.getLogger("earshot.web")

_RETRY_MS = 2000
_AWAY_S = 5.0


class LiveFeed:
    """Knows the number of the last change in the database; looks for a new one only while somebody listens."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._changed = asyncio.Condition()
        self._last = 0
        self._listeners = 0
        self._wanted = asyncio.Event()

    @property
    def last(self) -> int:
        """The largest change number seen."""
        return self._last

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return self._listeners

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While inside, changes are looked for."""
        self._listeners += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted.clear()

    async def wait_beyond(self, number: int, timeout_s: float) -> bool:
        """Wait until something changed after `number`; False when nothing did in time."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._last > number)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Look for changes for ever. While the database is away listeners wait; pages say by themselves that it is."""
        while True:
            await self._wanted.wait()
            pause_s = self._services.settings.live_poll_s
            try:
                last = await asyncio.to_thread(queries.last_change, self._services.store)
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                log.warning("live list: the database is away: %s", error.orig)
                last, pause_s = self._last, max(pause_s, _AWAY_S)
            if last > self._last:
                async with self._changed:
                    self._last = last
                    self._changed.notify_all()
            await asyncio.sleep(pause_s)


@asynccontextmanager
async def live_lifespan(app: Litestar) -> AsyncIterator[None]:
    """Run the feed as long as the application."""
    feed = LiveFeed(app.state.services)
    app.state.live = feed
    task = asyncio.create_task(feed.run(), name="live-feed")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def matches(row: PressRow, where: PressFilter, press: str) -> bool:
    """Whether a changed press belongs into the list that somebody looks at."""
    wanted = ((where.site, row.site), (where.box, row.box), (where.trigger, row.trigger))
    return (
        (not press or row.id == press)
        and all(value is None or value == actual for value, actual in wanted)
        and (where.state is None or str(where.state) == state_of(row))
    )


@get("/presses/live", opt=needs(Action.SEE_PRESSES), include_in_schema=False)
async def stream_presses(
    request: AnyRequest,
    *,
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)],
    box: BoxQuery = "",
    trigger: TriggerQuery = "",
    sound: SoundQuery = "",
    press: FromQuery[str] = "",
) -> ServerSentEvent:
    """Rows as they change after the number `after`: `row` with the row's HTML, `gone` with the id of one that left."""
    where = parse_filter(box, trigger, sound)
    resumed = request.headers.get("last-event-id", "")
    start = int(resumed) if resumed.isdecimal() and len(resumed) < 19 else after
    events = _events(request, where, known_id(press) if press else "", start)
    return ServerSentEvent(events, retry_duration=_RETRY_MS, headers={"cache-control": "no-store"})


async def _events(
    request: AnyRequest, where: PressFilter, press: str, last: int
) -> AsyncGenerator[ServerSentEventMessage, None]:
    services = services_of(request)
    feed: LiveFeed = request.app.state.live
    translator = translator_of(request)
    environment: Environment = request.app.state.environment
    token = request.cookies.get(cookie_name(services), "")
    sight = await asyncio.to_thread(sight_of, request)
    bindings = the_visitor(request).bindings
    # At once, so that the browser knows that the stream is open.
    yield ServerSentEventMessage(data=None, comment="open", retry=_RETRY_MS)
    async with feed.listening():
        checked_s = time.monotonic()
        while True:
            changed = await feed.wait_beyond(last, services.settings.live_ping_s)
            # A stream outlives many requests: a session that was ended, or may see less now, must not go on listening.
            if time.monotonic() - checked_s >= services.settings.live_ping_s:
                visitor = await asyncio.to_thread(look_up, services, token, prolong=False)
                if visitor is None or visitor.bindings != bindings:
                    return
                sight = await asyncio.to_thread(sight_of, request)
                checked_s = time.monotonic()
            if not changed:
                yield ServerSentEventMessage(data=None, comment="ping")
                continue
            seen = feed.last
            found = await asyncio.to_thread(queries.changes, services.store, last)
            for row in found.presses:
                if not sight.holds(row.site, row.box, row.button, row.employee):
                    continue
                if matches(row, where, press):
                    html = _row_html(environment, translator, row)
                    yield ServerSentEventMessage(event="row", data=html, id=found.last)
                elif not press:
                    yield ServerSentEventMessage(event="gone", data=row.id, id=found.last)
            # Not every number belongs to a press; without this the next wait would not wait.
            last = found.last if found.presses else max(last, seen)


def _row_html(environment: Environment, translator: Translator, row: PressRow) -> str:
    return environment.get_template("_press_row.html").render(t=translator, row=press_view(translator, row))
