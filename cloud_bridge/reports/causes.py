"""Causes of dissatisfaction: how many judged presses have each, how sure their order is, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from cloud_bridge.analytics.pareto import pareto
from cloud_bridge.reports.figures import Column, Kind, Row, Table, behind
from cloud_bridge.reports.question import Question
from cloud_bridge.reports.shown import figure_columns, share_cells
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation
from cloud_bridge.store.scope import Scope
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


class Cause(Struct, frozen=True, kw_only=True):
    """A cause on `items` judged presses; `factor` is staff, non_staff or empty; measures as people wrote them."""

    id: str
    title: str
    factor: str
    items: int
    measures: Sequence[str] = ()


class Judged(Struct, frozen=True):
    """`items` presses were judged; a press may have several causes or none."""

    items: int = 0
    causes: Mapping[str, Cause] = field(default_factory=dict)


def read_causes(store: Store, organisation: Organisation, question: Question, scope: Scope) -> Judged:
    """What reviewers found in the presses of the period."""
    del store, organisation, question, scope
    return Judged()


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
