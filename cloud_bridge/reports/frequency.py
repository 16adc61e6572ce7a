"""How often each entry of a classifier comes: what was pressed, and what reviewers made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cloud_bridge.analytics.share import share
from cloud_bridge.reports.counts import PlaceCounts
from cloud_bridge.reports.figures import Column, Kind, Row, Table, behind
from cloud_bridge.reports.question import Question
from cloud_bridge.reports.shown import count_cell, figure_columns, share_cells
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


def _table(name: str, first: Column, found: Mapping[Any, int], question: Question) -> Table:
    n = sum(found.values())
    how = publishing(n)
    rows = []
    for entry, count in sorted(found.items(), key=lambda one: (-one[1], str(one[0]))):
        cells = (count_cell(count, how), count_cell(n, how), *share_cells(share(count, n), how))
        rows.append(Row((entry, *cells), behind(question, **{first.key: entry})))
    return Table(name=name, columns=(first, *_COLUMNS), rows=tuple(rows))
