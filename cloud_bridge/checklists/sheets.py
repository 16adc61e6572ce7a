"""Filling a check-list for a press: saved as it grows, then done, scored, perhaps drawn for a second person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.checklists import store as lists
from cloud_bridge.checklists.definition import (
    Answer,
    ChecklistError,
    Definition,
    Purpose,
    decode,
    mark_of,
    score_of,
)
from cloud_bridge.store import tables_checklist as t
from cloud_bridge.store.engine import Store

NOTE_CHARS = 1000
_AT_MAX_S = 24 * 3600.0
_ID_BITS = 128


class Reply(Struct, frozen=True, kw_only=True):
    """One answered item. `at_s` is the second of the press's own track that shows it."""

    value: str
    at_s: float | None = None
    note: str = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """A check-list of a press. While it `is_open` for a second scoring, what it says is its author's alone."""

    id: str
    checklist: str
    purpose: Purpose
    version: int
    definition: Definition
    press: str
    turn: int
    account: int
    user: str
    note: str
    started_ns: int
    changed_ns: int
    done_ns: int | None
    score: float | None
    low: float | None
    high: float | None
    failed_by: tuple[str, ...]
    is_open: bool
    replies: dict[str, Reply]

    def shows_to(self, account: int) -> bool:
        """Whether a person may see the answers."""
        return account == self.account or (self.turn == 1 and self.done_ns is not None and not self.is_open)


def of_press(store: Store, press: str) -> tuple[Sheet, ...]:
    """All sheets of a press, those of turn 1 first."""
    with store.read() as connection:
        rows = connection.execute(_sheets().where(t.sheet.c.press == press).order_by(t.sheet.c.turn, t.sheet.c.id))
        return tuple(_sheet(connection, row) for row in rows.all())


def by_id(store: Store, sheet_id: str) -> Sheet | None:
    """One sheet."""
    with store.read() as connection:
        row = connection.execute(_sheets().where(t.sheet.c.id == sheet_id)).one_or_none()
        return None if row is None else _sheet(connection, row)


def begin(store: Store, checklist: str, press: str, *, account: int, user: str, at_ns: int, turn: int = 1) -> str:
    """The person's own sheet of that press, begun now where there is none; its id.

    Raises `ChecklistError` where the check-list is not in use, or another person has begun one.
    """
    own = (t.sheet.c.press == press, t.sheet.c.checklist == checklist, t.sheet.c.turn == turn)
    current = lists.checklist(store, checklist)
    with store.write() as connection:
        known = connection.execute(select(t.sheet.c.id, t.sheet.c.account, t.sheet.c.user).where(*own)).one_or_none()
        if known is None:
            if current is None or current.retired or current.published is None:
                raise ChecklistError(f"check-list {checklist!r} is not in use; publish it first")
            return insert_sheet(connection, current.id, current.published, press, turn, account, user, at_ns)
    if known.account != account:
        raise ChecklistError(f"{known.user} has this check-list of the press; look at theirs")
    return str(known.id)


def insert_sheet(
    connection: Connection, checklist: str, version: int, press: str, turn: int, account: int, user: str, at_ns: int
) -> str:
    """An empty sheet; its id. Raises `ChecklistError` where somebody was quicker."""
    made = secrets.token_hex(_ID_BITS // 8)
    values: dict[str, Any] = {"id": made, "checklist": checklist, "version": version, "press": press, "turn": turn}
    values |= {"account": account, "user": user, "note": "", "started_ns": at_ns, "changed_ns": at_ns}
    try:
        connection.execute(insert(t.sheet).values(**values, done_ns=None, failed_by="[]"))
    except IntegrityError as error:
        raise ChecklistError("somebody has begun this check-list of the press just now; look at theirs") from error
    return made


def save(
    store: Store, sheet_id: str, replies: Mapping[str, Reply], note: str, *, account: int, at_ns: int, done: bool
) -> None:
    """Keep the answers of one's own sheet; `done` scores it, and may draw it for a second person.

    A sheet that is done may be corrected until a second person has finished theirs. What is left out of a check-list
    of causes was not found, elsewhere it is unknown. Raises `ChecklistError`.
    """
    with store.write() as connection:
        row = connection.execute(_sheets().where(t.sheet.c.id == sheet_id)).one_or_none()
        if row is None or row.account != account:
            raise ChecklistError("this sheet is not yours; fill one of your own")
        if row.second_done_ns is not None or (row.turn == 2 and row.done_ns is not None):
            raise ChecklistError("two people have scored this press; neither changes it any more")
        if row.done_ns is not None and not done:
            raise ChecklistError("the sheet is done; finish it again to correct it")
        definition = decode(row.definition)
        if done and row.purpose == Purpose.CAUSES:
            replies = {item.id: Reply(value=str(Answer.NO)) for item in definition.items} | dict(replies)
        _require(definition, replies, note)
        connection.execute(delete(t.sheet_answer).where(t.sheet_answer.c.sheet == sheet_id))
        rows = [
            {"sheet": sheet_id, "item": item, "value": reply.value, "at_s": reply.at_s, "note": reply.note}
            for item, reply in replies.items()
        ]
        if rows:
            connection.execute(insert(t.sheet_answer), rows)
        values: dict[str, Any] = {"note": note, "changed_ns": at_ns}
        if done:
            values |= {"done_ns": row.done_ns or at_ns} | _scored(definition, row.purpose, replies)
        connection.execute(update(t.sheet).where(t.sheet.c.id == sheet_id).values(values))
        if done and row.turn == 1 and row.done_ns is None:
            _draw(connection, row, at_ns)
        if done and row.turn == 2:
            own = t.second_scoring.c.second == sheet_id
            connection.execute(update(t.second_scoring).where(own).values(done_ns=at_ns))


def drop(store: Store, sheet_id: str, *, account: int) -> None:
    """Throw away one's own sheet that is not done; a second scoring is free again. Raises `ChecklistError`."""
    own = (t.sheet.c.id == sheet_id, t.sheet.c.account == account, t.sheet.c.done_ns.is_(None))
    with store.write() as connection:
        if connection.execute(select(t.sheet.c.id).where(*own)).first() is None:
            raise ChecklistError("only a sheet of your own that is not done can be thrown away")
        second = t.second_scoring.c.second == sheet_id
        connection.execute(update(t.second_scoring).where(second).values(second=None))
        connection.execute(delete(t.sheet_answer).where(t.sheet_answer.c.sheet == sheet_id))
        connection.execute(delete(t.sheet).where(*own))


def _draw(connection: Connection, row: Any, at_ns: int) -> None:
    """The sheet's own number is the lot: drawn anew it would be the same, so nobody can try until it misses."""
    if int(row.id, 16) >= row.double_share * 2**_ID_BITS:
        return
    drawn = {"first": row.id, "checklist": row.checklist, "drawn_ns": at_ns}
    connection.execute(insert(t.second_scoring).values(**drawn, second=None, done_ns=None))


def _scored(definition: Definition, purpose: str, replies: Mapping[str, Reply]) -> dict[str, Any]:
    if purpose == Purpose.CAUSES:
        return {"score": None, "low": None, "high": None, "failed_by": "[]"}
    found = score_of(definition, {item: reply.value for item, reply in replies.items()})
    failed = msgspec.json.encode(found.failed_by).decode()
    return {"score": found.score, "low": found.low, "high": found.high, "failed_by": failed}


def _require(definition: Definition, replies: Mapping[str, Reply], note: str) -> None:
    for item_id, reply in replies.items():
        item = definition.item(item_id)
        if item is None:
            raise ChecklistError(f"item {item_id[:40]!r} is not in this version; load the page again")
        mark_of(item, reply.value)
        if reply.at_s is not None and not (isfinite(reply.at_s) and 0 <= reply.at_s <= _AT_MAX_S):
            raise ChecklistError(f"second {reply.at_s} is in no track; mark a place in the sound")
    if max((len(text) for text in (note, *(reply.note for reply in replies.values()))), default=0) > NOTE_CHARS:
        raise ChecklistError(f"a note has at most {NOTE_CHARS} characters")


def _sheets() -> Select[Any]:
    version = (t.checklist_version.c.checklist == t.sheet.c.checklist) & (
        t.checklist_version.c.version == t.sheet.c.version
    )
    return (
        select(
            t.sheet,
            t.checklist.c.purpose,
            t.checklist.c.double_share,
            t.checklist_version.c.definition,
            t.second_scoring.c.drawn_ns,
            t.second_scoring.c.done_ns.label("second_done_ns"),
        )
        .join(t.checklist, t.checklist.c.id == t.sheet.c.checklist)
        .join(t.checklist_version, version)
        .outerjoin(t.second_scoring, t.second_scoring.c.first == t.sheet.c.id)
    )


def _sheet(connection: Connection, row: Any) -> Sheet:
    answers = connection.execute(select(t.sheet_answer).where(t.sheet_answer.c.sheet == row.id))
    return Sheet(
        id=row.id,
        checklist=row.checklist,
        purpose=Purpose(row.purpose),
        version=row.version,
        definition=decode(row.definition),
        press=row.press,
        turn=row.turn,
        account=row.account,
        user=row.user,
        note=row.note,
        started_ns=row.started_ns,
        changed_ns=row.changed_ns,
        done_ns=row.done_ns,
        score=row.score,
        low=row.low,
        high=row.high,
        failed_by=tuple(msgspec.json.decode(row.failed_by, type=list[str])),
        is_open=row.drawn_ns is not None and row.second_done_ns is None,
        replies={one.item: Reply(value=one.value, at_s=one.at_s, note=one.note) for one in answers},
    )
