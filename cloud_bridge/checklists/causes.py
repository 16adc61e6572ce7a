"""Causes of dissatisfaction: the classifier that check-lists make, and at how many presses each cause was found."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, func, select

from cloud_bridge.checklists.definition import Answer, Factor, Purpose, decode, said
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_checklist as tc
from cloud_bridge.store.engine import Store

CAUSE_CHARS = 65


class CauseName(Struct, frozen=True, kw_only=True):
    """A cause that can be named: `id` is `<checklist>.<item>`. `current` False: only older versions ask for it."""

    id: str
    title: str
    factor: Factor
    current: bool


class CausesFound(Struct, frozen=True, kw_only=True):
    """`presses` were judged with a check-list of causes; `found` says at how many of them each cause was, by its id."""

    presses: int
    found: dict[str, int]


def causes(store: Store, language: str) -> tuple[CauseName, ...]:
    """All causes of all published versions; an item's newest words count. Staff's come first."""
    query = (
        select(tc.checklist_version, tc.checklist.c.retired)
        .join(tc.checklist, tc.checklist.c.id == tc.checklist_version.c.checklist)
        .where(tc.checklist.c.purpose == str(Purpose.CAUSES), tc.checklist_version.c.published_ns.is_not(None))
        .order_by(tc.checklist.c.made_ns, tc.checklist.c.id, tc.checklist_version.c.version.desc())
    )
    known: dict[str, CauseName] = {}
    newest: set[str] = set()
    with store.read() as connection:
        for row in connection.execute(query):
            first = row.checklist not in newest
            newest.add(row.checklist)
            for item in decode(row.definition).items:
                name = f"{row.checklist}.{item.id}"
                factor = item.factor or Factor.OTHER
                cause = CauseName(
                    id=name, title=said(item.text, language), factor=factor, current=first and not row.retired
                )
                known.setdefault(name, cause)
    return tuple(sorted(known.values(), key=lambda one: (not one.current, one.factor is not Factor.STAFF)))


def causes_found(store: Store, *conditions: ColumnElement[bool]) -> CausesFound:
    """Count over done sheets (turn 1) whose press fulfils `conditions` on `tables.press`: period, place, sight."""
    judged = _judged(conditions)
    item = select(judged.c.checklist, tc.sheet_answer.c.item, func.count()).join(
        tc.sheet_answer, tc.sheet_answer.c.sheet == judged.c.id
    )
    counts = item.where(tc.sheet_answer.c.value == str(Answer.YES)).group_by(judged.c.checklist, tc.sheet_answer.c.item)
    with store.read() as connection:
        presses = connection.execute(select(func.count(judged.c.press.distinct()))).scalar_one()
        found = {f"{row[0]}.{row[1]}": int(row[2]) for row in connection.execute(counts)}
    return CausesFound(presses=presses, found=found)


def has_cause(press: FromClause, cause: str) -> ColumnElement[bool]:
    """The rows of `press` (column id) at which a cause was found."""
    checklist, _, item = cause.partition(".")
    answered = (
        select(tc.sheet.c.press)
        .join(tc.sheet_answer, tc.sheet_answer.c.sheet == tc.sheet.c.id)
        .where(
            tc.sheet_answer.c.item == item,
            tc.sheet_answer.c.value == str(Answer.YES),
            tc.sheet.c.checklist == checklist,
            tc.sheet.c.turn == 1,
            tc.sheet.c.done_ns.is_not(None),
        )
    )
    return press.c.id.in_(answered)


def _judged(conditions: Sequence[ColumnElement[bool]]) -> FromClause:
    query = (
        select(tc.sheet.c.id, tc.sheet.c.checklist, tc.sheet.c.press)
        .join(tc.checklist, tc.checklist.c.id == tc.sheet.c.checklist)
        .join(t.press, t.press.c.id == tc.sheet.c.press)
        .where(tc.checklist.c.purpose == str(Purpose.CAUSES), tc.sheet.c.turn == 1, tc.sheet.c.done_ns.is_not(None))
    )
    return query.where(*conditions).subquery()
