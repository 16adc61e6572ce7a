"""Double scoring: sheets that were drawn, who takes them on, and how far two people agree (Cohen's κ)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, select, update

from cloud_bridge.analytics.agreement import Agreement, cohen_kappa
from cloud_bridge.checklists.definition import ChecklistError
from cloud_bridge.checklists.sheets import insert_sheet
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_checklist as tc
from cloud_bridge.store.engine import Store
from cloud_bridge.store.sight import Sight

WAITING_MAX = 100


class Waiting(Struct, frozen=True, kw_only=True):
    """A sheet that waits for a second person. `mine`: the visitor has taken it on already."""

    first: str
    checklist: str
    press: str
    site: str
    box: str
    button: str
    trigger: str
    wall_ns: int
    drawn_ns: int
    mine: bool


class ItemAgreement(Struct, frozen=True):
    """How far two people agree on an item of a check-list, over all its versions."""

    item: str
    agreement: Agreement


class ChecklistAgreement(Struct, frozen=True, kw_only=True):
    """`pairs` of sheets that are both done; `whole` over all their items together."""

    pairs: int
    whole: Agreement
    items: tuple[ItemAgreement, ...]


def waiting(store: Store, sight: Sight, account: int) -> tuple[Waiting, ...]:
    """What a person may score as the second one, oldest first, at most `WAITING_MAX`."""
    query = (
        select(tc.second_scoring, tc.sheet.c.press, t.press, tc.second_scoring.c.second.label("taken"))
        .join(tc.sheet, tc.sheet.c.id == tc.second_scoring.c.first)
        .join(t.press, t.press.c.id == tc.sheet.c.press)
        # Naming every check-list leads through the index to the few that are open.
        .where(tc.second_scoring.c.checklist.in_(select(tc.checklist.c.id)), tc.second_scoring.c.done_ns.is_(None))
        .where(tc.sheet.c.account != account, sight.where())
        .order_by(tc.second_scoring.c.drawn_ns, tc.second_scoring.c.first)
        .limit(WAITING_MAX)
    )
    own = select(tc.sheet.c.id).where(tc.sheet.c.account == account, tc.sheet.c.turn == 2)
    query = query.where(tc.second_scoring.c.second.is_(None) | tc.second_scoring.c.second.in_(own))
    with store.read() as connection:
        return tuple(_waiting(row) for row in connection.execute(query))


def take(store: Store, first: str, *, account: int, user: str, at_ns: int) -> str:
    """Begin the second person's sheet, in the version of the first; its id. Raises `ChecklistError`."""
    query = (
        select(tc.sheet, tc.second_scoring.c.second)
        .join(tc.second_scoring, tc.second_scoring.c.first == tc.sheet.c.id)
        .where(tc.sheet.c.id == first)
    )
    with store.write() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            raise ChecklistError("this sheet was not drawn for a second person")
        if row.account == account:
            raise ChecklistError("you scored this press first; somebody else is the second")
        if row.second is not None:
            owner = connection.execute(select(tc.sheet.c.account).where(tc.sheet.c.id == row.second)).scalar_one()
            if owner != account:
                raise ChecklistError("somebody else has taken this on already")
            return str(row.second)
        made = insert_sheet(connection, row.checklist, row.version, row.press, 2, account, user, at_ns)
        same = tc.second_scoring.c.first == first
        connection.execute(update(tc.second_scoring).where(same).values(second=made))
        return made


def agreement(store: Store, checklist: str, sight: Sight) -> ChecklistAgreement:
    """How far first and second agree, on presses that `sight` holds; an item that one left out is unknown."""
    drawn = tc.second_scoring
    query = (
        select(drawn.c.first, drawn.c.second)
        .join(tc.sheet, tc.sheet.c.id == drawn.c.first)
        .join(t.press, t.press.c.id == tc.sheet.c.press)
        .where(drawn.c.checklist == checklist, drawn.c.done_ns.is_not(None), sight.where())
    ).subquery()
    with store.read() as connection:
        pairs = [(row.first, row.second) for row in connection.execute(select(query))]
        answers: dict[str, dict[str, str]] = defaultdict(dict)
        for side in (query.c.first, query.c.second):
            found = select(tc.sheet_answer).where(tc.sheet_answer.c.sheet.in_(select(side)))
            for row in connection.execute(found):
                answers[row.sheet][row.item] = row.value
    judged: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for first, second in pairs:
        for item in sorted(answers[first].keys() | answers[second].keys()):
            judged[item].append((answers[first].get(item, "unknown"), answers[second].get(item, "unknown")))
    everything = [pair for one in judged.values() for pair in one]
    return ChecklistAgreement(
        pairs=len(pairs),
        whole=_kappa(everything),
        items=tuple(ItemAgreement(item, _kappa(found)) for item, found in judged.items()),
    )


def _kappa(pairs: list[tuple[str, str]]) -> Agreement:
    return cohen_kappa([first for first, _ in pairs], [second for _, second in pairs])


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(
        first=row.first,
        checklist=row.checklist,
        press=row.press,
        site=row.site,
        box=row.box,
        button=row.button,
        trigger=row.trigger,
        wall_ns=row.wall_ns,
        drawn_ns=row.drawn_ns,
        mine=row.taken is not None,
    )
