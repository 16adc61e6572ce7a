"""Persons who ask to be removed: the request, its proof, and who was removed already.

A request names the person until it is worked off (`clients`, `employees`); after that only a salted digest remains, by
which somebody who comes again is known.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, func, insert, select, update

from cloud_bridge.cases.letters import normal_phone
from cloud_bridge.retention.classes import RetentionError
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_org as to
from cloud_bridge.store import tables_retention as t
from cloud_bridge.store.engine import Store

REASON_CHARS = 1000
COUNT_MAX = 10_000
WITHHELD = "withheld_"
"""Begins the names of what a legal hold keeps, among the counts of a proof."""
WITHHELD_MAX = 1000


class PersonKind(StrEnum):
    """A client, by e-mail address or telephone number; an employee, by the name that boxes use."""

    CLIENT = "client"
    EMPLOYEE = "employee"


class PersonRemoval(Struct, frozen=True, kw_only=True):
    """A request; done once `done_ns` is there, and then `subject` is None. `counts` says what went and what stayed."""

    id: int
    kind: PersonKind
    subject: str | None
    salt: str
    digest: str
    pseudonym: str
    with_sound: bool
    reason: str
    made_by: str
    made_ns: int
    counts: dict[str, Any]
    done_ns: int | None


class RemovedThing(Struct, frozen=True, kw_only=True):
    """One line of a proof."""

    at_ns: int
    kind: str
    object: str
    press: str | None
    sha256: str | None
    bytes: int | None
    count: int


def request(store: Store, kind: PersonKind, who: str, *, reason: str, with_sound: bool, by: str, now_ns: int) -> int:
    """Ask for a person's removal; the request's number. It is worked off in the background.

    Raises `RetentionError` where nobody of that name or address is known, or no reason is given.
    """
    why = reason.strip()
    if not 3 <= len(why) <= REASON_CHARS:
        raise RetentionError("reason", f"the reason has {len(why)} characters; 3 to {REASON_CHARS} are allowed")
    subject = normal(kind, who)
    salt = secrets.token_hex(16)
    row = {
        "kind": str(kind),
        "subject": subject,
        "salt": salt,
        "digest": digest_of(salt, subject),
        "pseudonym": f"person-{secrets.token_hex(4)}",
        "with_sound": with_sound and kind is PersonKind.CLIENT,
        "reason": why,
        "made_by": by,
        "made_ns": now_ns,
        "counts": "{}",
    }
    with store.write() as connection:
        if not is_known(connection, kind, subject):
            raise RetentionError("person", f"nobody is known as {subject[:60]!r}")
        return int(
            connection.execute(insert(t.person_removal).values(row).returning(t.person_removal.c.id)).scalar_one()
        )


def normal(kind: PersonKind, who: str) -> str:
    """How a person is looked for: an address in small letters, a telephone number without spaces, a name as it is."""
    text = who.strip()
    if kind is PersonKind.EMPLOYEE:
        return text
    return text.lower() if "@" in text else normal_phone(text)


def is_known(connection: Connection, kind: PersonKind, subject: str) -> bool:
    """Whether anything names the person."""
    if kind is PersonKind.EMPLOYEE:
        query = select(to.employee.c.name).where(to.employee.c.name == subject)
        return connection.execute(query).first() is not None
    return bool(cases_of_client(connection, subject))


def count_of(connection: Connection, kind: PersonKind, subject: str) -> dict[str, int]:
    """How much names a person, by what it is; `COUNT_MAX` + 1 stands for more."""
    if kind is PersonKind.CLIENT:
        cases = cases_of_client(connection, subject)
        inside = select(tc.case_press.c.press).where(tc.case_press.c.case.in_(cases))
        written = select(tc.case_message.c.id).where(tc.case_message.c.case.in_(cases))
        return {"cases": len(cases), "presses": _count(connection, inside), "messages": _count(connection, written)}
    return {
        "presses": _count(connection, select(tp.press.c.id).where(tp.press.c.employee == subject)),
        "accounts": _count(connection, select(tp.user.c.id).where(tp.user.c.employee == subject)),
    }


def _count(connection: Connection, query: Select[Any]) -> int:
    some = query.limit(COUNT_MAX + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def cases_of_client(connection: Connection, subject: str) -> tuple[int, ...]:
    """The cases (merged ones by themselves) in which a client's address or number stands."""
    if not subject:
        return ()
    contact, message = tc.case_contact, tc.case_message
    query = select(contact.c.case).where((contact.c.email == subject) | (contact.c.phone == subject))
    written = select(message.c.case).where(message.c.address == subject)
    return tuple(sorted({*connection.execute(query).scalars(), *connection.execute(written).scalars()}))


def digest_of(salt: str, subject: str) -> str:
    """What remains of a name."""
    return hashlib.sha256(f"{salt}:{subject}".encode()).hexdigest()


def removals(store: Store, limit: int = 100, before: int | None = None) -> tuple[PersonRemoval, ...]:
    """Requests, the newest first, with numbers below `before`."""
    query = select(t.person_removal).order_by(t.person_removal.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(t.person_removal.c.id < before)
    with store.read() as connection:
        return tuple(_removal(row) for row in connection.execute(query).mappings())


def find(store: Store, number: int) -> PersonRemoval | None:
    """A request, or None."""
    with store.read() as connection:
        query = select(t.person_removal).where(t.person_removal.c.id == number)
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _removal(row)


def open_requests(connection: Connection) -> list[PersonRemoval]:
    """Requests that are not done, the oldest first."""
    query = select(t.person_removal).where(t.person_removal.c.done_ns.is_(None)).order_by(t.person_removal.c.id)
    return [_removal(row) for row in connection.execute(query).mappings()]


def proof(store: Store, number: int, limit: int = 10_000) -> tuple[RemovedThing, ...]:
    """What a request removed, in order."""
    names = RemovedThing.__struct_fields__
    query = select(t.removal).where(t.removal.c.person == number).order_by(t.removal.c.id).limit(limit)
    with store.read() as connection:
        rows = connection.execute(query).mappings()
        return tuple(RemovedThing(**{name: row[name] for name in names}) for row in rows)


def add_counts(connection: Connection, number: int, more: Mapping[str, int]) -> None:
    """Add to what a request's proof counts."""
    person = t.person_removal
    query = select(person.c.counts).where(person.c.id == number).with_for_update()
    counts: dict[str, Any] = json.loads(connection.execute(query).scalar_one())
    for name, n in more.items():
        if n:
            counts[name] = counts.get(name, 0) + n
    connection.execute(update(person).where(person.c.id == number).values(counts=json.dumps(counts)))


def finish(connection: Connection, number: int, now_ns: int, withheld: Mapping[str, Sequence[int | str]]) -> bool:
    """A request is done: forget whom it named; True. `withheld` is what a legal hold keeps, by kind.

    Where there is any, the request stays open until the hold is lifted; False.
    """
    person = t.person_removal
    query = select(person.c.counts).where(person.c.id == number).with_for_update()
    before = json.loads(connection.execute(query).scalar_one())
    counts = {name: n for name, n in before.items() if not name.startswith(WITHHELD)}
    kept = {f"{WITHHELD}{name}": list(things)[:WITHHELD_MAX] for name, things in withheld.items() if things}
    values: dict[str, Any] = {"counts": json.dumps(counts | kept)}
    if not kept:
        values |= {"subject": None, "done_ns": now_ns}
    connection.execute(update(person).where(person.c.id == number).values(values))
    return not kept


def _removal(row: Mapping[Any, Any]) -> PersonRemoval:
    values = {name: row[name] for name in PersonRemoval.__struct_fields__}
    return PersonRemoval(**values | {"kind": PersonKind(row["kind"]), "counts": json.loads(row["counts"])})
