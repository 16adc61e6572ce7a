"""Causes of dissatisfaction: how many judged presses have each, how sure their order is, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from sqlalchemy import select

from cloud_bridge.analytics.pareto import pareto
from cloud_bridge.checklists import causes as found
from cloud_bridge.reports.figures import Column, Kind, Row, Table, behind
from cloud_bridge.reports.presses import of_presses, within_days
from cloud_bridge.reports.question import Question
from cloud_bridge.reports.shown import figure_columns, share_cells
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables_case import case_file
from edge.wire.smile_index import Publishing, publishing

_COLUMNS = (
    Column("cause", Kind.TEXT),
    Column("factor", Kind.CODE),
    Column("count", Kind.COUNT),
    Column("n", Kind.COUNT),
    *figure_columns("share", Kind.PERCENT),
    Column("cumulative", Kind.PERCENT),
    Column("place_low", Kind.COUNT),
    Column("place_high", Kind.COUNT),
    Column("measures", Kind.TEXT),
)


_CASES_MAX = 500
_MEASURES_MAX = 5


class Cause(Struct, frozen=True, kw_only=True):
    """A cause on `items` judged presses; `factor` is the check-list's, or empty; measures as people wrote them."""

    id: str
    title: str
    factor: str
    items: int
    measures: Sequence[str] = ()


class Judged(Struct, frozen=True):
    """`items` presses were judged; a press may have several causes or none."""

    items: int = 0
    causes: Mapping[str, Cause] = field(default_factory=dict)


def read_causes(
    store: Store, organisation: Organisation, question: Question, scope: Scope, language: str, *, simulated: bool
) -> Judged:
    """What the check-lists of causes say of the period's presses, and with what the cases of each cause were closed."""
    chosen = of_presses(organisation, question, scope, simulated=simulated)
    counted = found.causes_found(store, chosen)
    if not counted.found:
        return Judged(counted.presses)
    measures = _measures(store, organisation, question, scope, simulated=simulated)
    names = {one.id: one for one in found.causes(store, language)}
    return Judged(
        counted.presses,
        {
            id_: Cause(
                id=id_,
                title=names[id_].title if id_ in names else id_,
                factor=str(names[id_].factor) if id_ in names else "",
                items=items,
                measures=tuple(measures.get(id_, ())),
            )
            for id_, items in counted.found.items()
        },
    )


def _measures(
    store: Store, organisation: Organisation, question: Question, scope: Scope, *, simulated: bool
) -> dict[str, list[str]]:
    case = case_file
    query = (
        select(case.c.cause, case.c.measure, case.c.site, case.c.counter, case.c.employee)
        .where(case.c.closed_ns.is_not(None), case.c.cause.is_not(None), case.c.merged_into.is_(None))
        .where(case.c.simulated.is_(simulated), within_days(organisation, question, case.c.site, case.c.closed_ns))
    )
    if question.counter:
        query = query.where(case.c.counter == question.counter)
    if question.employee:
        query = query.where(case.c.employee == question.employee)
    held: dict[str, list[str]] = {}
    with store.read() as connection:
        for row in connection.execute(query.order_by(case.c.closed_ns.desc(), case.c.id.desc()).limit(_CASES_MAX)):
            places = {Place(row.site), Place(row.site, row.counter or "")}
            sees = not scope.places or places & set(scope.places)
            if not sees or scope.employee not in {None, row.employee} or not row.measure:
                continue
            said = held.setdefault(row.cause, [])
            if row.measure not in said and len(said) < _MEASURES_MAX:
                said.append(row.measure)
    return held


def causes(judged: Judged, question: Question) -> Table:
    """The Pareto; nothing of it while fewer than 10 presses were judged."""
    how = publishing(judged.items)
    if how is Publishing.HIDDEN:
        return Table(name="causes", columns=_COLUMNS, rows=())
    chart = pareto({id_: cause.items for id_, cause in judged.causes.items()}, judged.items)
    rows = []
    for bar in chart.bars:
        cause = judged.causes[bar.cause]
        # Places are what a rank is.
        places = (bar.place_low, bar.place_high) if how is Publishing.RANKED else (None, None)
        values = (
            cause.title,
            cause.factor or None,
            bar.share.count,
            bar.share.n,
            *share_cells(bar.share, how),
            100 * bar.cumulative,
            *places,
            "; ".join(cause.measures) or None,
        )
        rows.append(Row(values, behind(question, cause=cause.id)))
    return Table(name="causes", columns=_COLUMNS, rows=tuple(rows))
