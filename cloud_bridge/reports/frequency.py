"""How often each entry of a classifier comes: what was pressed, and what reviewers made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from cloud_bridge.analytics.share import share
from cloud_bridge.reports.counts import PlaceCounts
from cloud_bridge.reports.figures import Column, Kind, Row, Table, behind
from cloud_bridge.reports.presses import of_presses
from cloud_bridge.reports.question import Question
from cloud_bridge.reports.shown import count_cell, figure_columns, share_cells
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables_review import judgement, judgement_tag
from edge.wire.smile_index import publishing

_COLUMNS = (Column("count", Kind.COUNT), Column("n", Kind.COUNT), *figure_columns("share", Kind.PERCENT))


def pressed(counts: PlaceCounts, question: Question) -> tuple[Table, ...]:
    """Presses by trigger, by rating and by button; hammering is counted once, as its first press."""
    triggers: Counter[str] = Counter()
    ratings: Counter[int] = Counter()
    buttons: Counter[str] = Counter()
    for entry, count in counts.entries.items():
        triggers[entry.trigger] += count
        buttons[entry.button] += count
        if entry.rating:
            ratings[entry.rating] += count
    return (
        _table("triggers", Column("trigger", Kind.CODE), triggers, question),
        _table("ratings", Column("rating", Kind.COUNT), ratings, question),
        _table("buttons", Column("button", Kind.TEXT), buttons, question),
    )


def judged(
    store: Store, organisation: Organisation, question: Question, scope: Scope, *, simulated: bool
) -> tuple[Table, ...]:
    """What reviewers said of the period's presses: verdicts of those that have one, tags of those that have any."""
    chosen = of_presses(organisation, question, scope, simulated=simulated)
    verdicts = select(judgement.c.verdict, func.count()).join(t.press, t.press.c.id == judgement.c.press).where(chosen)
    tags = select(judgement_tag.c.tag, func.count()).join(t.press, t.press.c.id == judgement_tag.c.press).where(chosen)
    tagged = select(judgement_tag.c.press).join(t.press, t.press.c.id == judgement_tag.c.press).where(chosen)
    with store.read() as connection:
        of_verdict = {
            row[0]: int(row[1]) for row in connection.execute(verdicts.group_by(judgement.c.verdict)) if row[0]
        }
        of_tag = {row[0]: int(row[1]) for row in connection.execute(tags.group_by(judgement_tag.c.tag))}
        n = connection.execute(select(func.count(tagged.subquery().c.press.distinct()))).scalar_one()
    return (
        _table("verdicts", Column("judged", Kind.CODE), of_verdict, question),
        _table("tags", Column("tag", Kind.TEXT), of_tag, question, n=n),
    )


def _table(name: str, first: Column, found: Mapping[Any, int], question: Question, n: int | None = None) -> Table:
    n = sum(found.values()) if n is None else n
    how = publishing(n)
    rows = []
    for entry, count in sorted(found.items(), key=lambda one: (-one[1], str(one[0]))):
        cells = (count_cell(count, how), count_cell(n, how), *share_cells(share(count, n), how))
        rows.append(Row((entry, *cells), behind(question, **{first.key: entry})))
    return Table(name=name, columns=(first, *_COLUMNS), rows=tuple(rows))
