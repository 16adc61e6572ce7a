"""The page of one's own work: questions that wait, one's own figures with n and interval, one's latest presses."""

from __future__ import annotations

from litestar import get
from litestar.response import Template
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.analytics.publishing import published
from cloud_bridge.analytics.share import share
from cloud_bridge.reports.counts import Counts, by_place
from cloud_bridge.reports.question import Question, last_days
from cloud_bridge.store import queries
from cloud_bridge.store.org import organisation
from cloud_bridge.store.rows import PressFilter
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import Sight
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import may, needs, scope_of
from cloud_bridge.web.press_view import PressView, press_view
from cloud_bridge.web.question_part import mine_part
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of
from edge.wire.smile_index import SHOWN_FROM, Publishing

_ROWS = 10


class FigureView(Struct, frozen=True, kw_only=True):
    """One figure; `value` is empty while too few are behind it, `detail` says how many and how sure."""

    name: str
    value: str
    detail: str


@get("/mine", opt=needs(Action.ANSWER_QUESTION), sync_to_thread=True, include_in_schema=False)
def show_mine(request: AnyRequest) -> Template:
    """What waits for the visitor, and what boxes name them for."""
    services = services_of(request)
    employee = the_visitor(request).user.employee
    known = organisation(services.store)
    person = known.employees.get(employee or "")
    t = translator_of(request)
    figures: list[FigureView] = []
    rows: list[PressView] = []
    if employee and may(request, Action.SEE_PRESSES):
        # Their own, also where their role reaches further.
        own = Sight(Scope(places=scope_of(request, Action.SEE_PRESSES).places, employee=employee), known)
        found = queries.list_presses(services.store, PressFilter(), None, _ROWS, own)
        rows = [press_view(t, row) for row in found.presses]
        since, until = last_days(services.now_ns(), services.time_zone)
        asked = by_place(services.store, known, Question(since=since, until=until), own.scope)
        figures = _figures(t, list(asked.places.values()))
    return page(
        request,
        "mine.html",
        "mine",
        person=person.title if person else employee,
        figures=figures,
        rows=rows,
        **mine_part(request),
    )


def _figures(t: Translator, places: list[Counts]) -> list[FigureView]:
    counts = Counts()
    for one in places:
        counts.add(one)
    return [
        _figure(t, "red", counts.negative, counts.voters),
        _figure(t, "positive", counts.positive, counts.voters),
        _figure(t, "smile", counts.smiles, counts.smile_verdicts),
    ]


def _figure(t: Translator, name: str, count: int, n: int) -> FigureView:
    found = share(count, n)
    shown = published(n, found.share, found.low, found.high)
    title = t(f"mine.figure_{name}")
    if shown.publishing is Publishing.HIDDEN or shown.value is None or shown.n is None:
        return FigureView(name=title, value="", detail=t("mine.too_few", limit=SHOWN_FROM))
    value = t("unit.percent", value=t.number(100 * shown.value))
    if shown.low is None or shown.high is None:
        return FigureView(name=title, value=value, detail=t("mine.of", n=t.number(shown.n)))
    low, high = t.number(100 * shown.low), t.number(100 * shown.high)
    return FigureView(name=title, value=value, detail=t("mine.between", n=t.number(shown.n), low=low, high=high))


ROUTES = (show_mine,)
