"""The doctor on the local page: every finding, and the button test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template

from edge.config import Config
from edge.field.findings import Finding, as_json
from edge.web.words import LANGUAGES, catalogue

# An examination opens a connection to the broker; a page that is loaded again and again must not be a flood of them.
_FRESH_S = 15.0

AnyRequest = Request[Any, Any, Any]
Examine = Callable[[Mapping[str, Any]], list[Finding]]
"""Looks at everything, given the box's state; blocks for seconds."""


class Examiner:
    """Runs one examination at a time, in a thread, and keeps its outcome for a moment."""

    def __init__(self, examine: Examine, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._examine = examine
        self._monotonic_s = monotonic_s
        self._turn = asyncio.Lock()
        self._found: list[Finding] = []
        self._fresh_until_s = float("-inf")

    async def findings(self, state: Mapping[str, Any]) -> list[Finding]:
        """The findings, at most a quarter of a minute old."""
        async with self._turn:
            if self._monotonic_s() >= self._fresh_until_s:
                self._found = await asyncio.to_thread(self._examine, state)
                self._fresh_until_s = self._monotonic_s() + _FRESH_S
            return self._found


def doctor_handlers(
    config: Config,
    examiner: Examiner,
    *,
    admit: Callable[[AnyRequest], None],
    state: Callable[[], Awaitable[dict[str, Any]]],
    language_of: Callable[[AnyRequest], str],
) -> list[HTTPRouteHandler]:
    """GET /doctor (a page) and /doctor.json; `admit` raises for those who may not see them."""

    @get("/doctor")
    async def page(request: AnyRequest) -> Template:
        admit(request)
        language = language_of(request)
        now = await state()
        context = {
            "t": catalogue(language),
            "language": language,
            "languages": LANGUAGES,
            "box": config.box,
            "contacts": now["contacts"],
            "findings": as_json(await examiner.findings(now), language),
        }
        return Template("doctor.html", context=context)

    @get("/doctor.json")
    async def listing(request: AnyRequest) -> Response[Any]:
        admit(request)
        return Response({"findings": as_json(await examiner.findings(await state()), language_of(request))})

    return [page, listing]
