"""The Loyalty Display: a page for the operator's screen or a kiosk, drawn anew each second where something changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template

from edge.web.words import LANGUAGES, catalogue
from edge.wire.smile_index import SHOWN_FROM

AnyRequest = Request[Any, Any, Any]

# Of the drawing of the days: its width and height, and how far a column is from the next.
_WIDTH, _HEIGHT = 210, 60


@dataclass(frozen=True, slots=True)
class Column:
    """One day as a column, from the left; without a figure it has no height."""

    x: float
    y: float
    width: float
    height: float
    is_today: bool
    text: str


def display_handlers(
    *,
    check: Callable[[AnyRequest], None],
    state: Callable[[], Awaitable[dict[str, Any]]],
    language_of: Callable[[AnyRequest], str],
) -> list[HTTPRouteHandler]:
    """GET /display (a page) and /display.json; `check` raises for requests that are not for this box.

    Who stands before the screen may see it: it needs no token, and shows nobody.
    """

    @get("/display")
    async def page(request: AnyRequest) -> Template:
        check(request)
        language = language_of(request)
        texts = catalogue(language)
        now = await state()
        context = {
            "t": texts,
            "language": language,
            "languages": LANGUAGES,
            "now": now,
            "columns": columns(now["days"]),
            "size": (_WIDTH, _HEIGHT),
            "limit": SHOWN_FROM,
        }
        return Template("display.html", context=context)

    @get("/display.json")
    async def listing(request: AnyRequest) -> Response[Any]:
        check(request)
        return Response(await state())

    return [page, listing]


def columns(days: list[dict[str, Any]]) -> list[Column]:
    """The days side by side, 0 to 100 percent high."""
    step = _WIDTH / max(1, len(days))
    found = []
    for n, day in enumerate(days):
        percent = day["percent"]
        height = 0.0 if percent is None else max(2.0, percent / 100 * _HEIGHT)
        text = "" if percent is None else f"{percent:.0f}"
        found.append(Column(n * step + 3, _HEIGHT - height, step - 6, height, n == len(days) - 1, text))
    return found
