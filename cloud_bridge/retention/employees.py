"""Removing an employee: a pseudonym takes the place of the name, wherever it stands.

Presses, shifts, receipts and counts stay what they are, so figures do not change; nobody can tell any more whose they
are. A few hundred rows at once; what comes late is found by the digest of the name. What is under a legal hold waits
until that is lifted. The audit trail is left alone: it says what people did in the pages, and nobody may change it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, delete, not_, select, tuple_, update

from cloud_bridge.retention import holds, persons
from cloud_bridge.retention.persons import PersonKind, PersonRemoval
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_alarm as ta
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_org as to
from cloud_bridge.store import tables_retention as t
from cloud_bridge.store import tables_review as tr
from cloud_bridge.store import tables_tally as tt
from cloud_bridge.store.engine import Store
from cloud_bridge.store.removal_lock import lock_removals

_AT_ONCE = 500

Step = Callable[[Connection, PersonRemoval], int]
"""Does a piece of the work; how many rows it changed."""

NAMED: Final[tuple[Table, ...]] = (tp.shift, tp.press, tt.sale, tc.case_file, tr.question, to.invitation, ta.alarm)
"""Tables with a column `employee` in which the name is replaced; counts and accounts have their own ways."""


def remove_employee(store: Store, person: PersonRemoval, now_ns: int) -> bool:
    """A piece of the work; whether anything was done. The request is done when no row has the name."""
    with store.write() as connection:
        lock_removals(connection)
        kept = _kept(connection)
        steps: dict[str, Step] = {table.name: _Named(table, kept.get(table.name)) for table in NAMED}
        steps |= {"tally": _counts, "rules": _texts, "account": _account, "employee": _person}
        for name, step in steps.items():
            n = step(connection, person)
            if n:
                persons.add_counts(connection, person.id, {name: n})
                return True
        withheld = {name: _left(connection, person, name, where) for name, where in kept.items()}
        return persons.finish(connection, person.id, now_ns, withheld)


def find_late(store: Store) -> list[PersonRemoval]:
    """Removed employees whom late messages have named again, as requests that can be worked off once more."""
    done = (t.person_removal.c.kind == str(PersonKind.EMPLOYEE)) & t.person_removal.c.done_ns.is_not(None)
    with store.read() as connection:
        numbers = list(connection.execute(select(t.person_removal.c.id).where(done)).scalars())
        names = list(connection.execute(select(to.employee.c.name)).scalars()) if numbers else []
    people = [person for number in numbers if (person := persons.find(store, number)) is not None]
    again = [
        _again(store, person, name)
        for person in people
        for name in names
        if persons.digest_of(person.salt, name) == person.digest
    ]
    return [one for one in again if one is not None]


def _again(store: Store, person: PersonRemoval, name: str) -> PersonRemoval | None:
    with store.write() as connection:
        mine = t.person_removal.c.id == person.id
        connection.execute(update(t.person_removal).where(mine).values(subject=name, done_ns=None))
    return persons.find(store, person.id)


class _Named:
    """Replaces the name in a table's column `employee`, and in the messages that presses and shifts came as."""

    def __init__(self, table: Table, kept: ColumnElement[bool] | None) -> None:
        self.table = table
        self._kept = kept

    def __call__(self, connection: Connection, person: PersonRemoval) -> int:
        table = self.table
        key = tuple(table.primary_key.columns)
        query = select(*key).where(table.c.employee == person.subject).limit(_AT_ONCE)
        if self._kept is not None:
            query = query.where(not_(self._kept))
        found = [tuple(row) for row in connection.execute(query)]
        if not found:
            return 0
        if table in {tp.press, tp.shift}:
            for (event,) in found:
                _rewrite(connection, event, person)
        connection.execute(update(table).where(tuple_(*key).in_(found)).values(employee=person.pseudonym))
        return len(found)


def _kept(connection: Connection) -> dict[str, ColumnElement[bool]]:
    """The rows that a legal hold keeps as they are, by table."""
    presses, cases = (sorted(some) for some in holds.held(connection))
    return {
        "press": tp.press.c.id.in_(presses),
        "question": tr.question.c.press.in_(presses),
        "case_file": tc.case_file.c.id.in_(cases),
    }


def _left(connection: Connection, person: PersonRemoval, name: str, kept: ColumnElement[bool]) -> list[int | str]:
    table = next(table for table in NAMED if table.name == name)
    query = select(table.c.id).where(table.c.employee == person.subject, kept).limit(persons.WITHHELD_MAX)
    return list(connection.execute(query).scalars())


def _rewrite(connection: Connection, event: str, person: PersonRemoval) -> None:
    """The message as it came, but for the name. Its digest stays that of the original: a repetition is still known."""
    row = connection.execute(select(tp.event.c.payload).where(tp.event.c.id == event)).scalar_one()
    message = json.loads(row)
    data = message.get("data")
    if isinstance(data, dict) and data.get("employee") == person.subject:
        data["employee"] = person.pseudonym
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        connection.execute(update(tp.event).where(tp.event.c.id == event).values(payload=text))


def _counts(connection: Connection, person: PersonRemoval) -> int:
    """Counts under the name are added to those under the pseudonym."""
    tally = tt.tally
    key = [column for column in tally.primary_key.columns if column.name != "employee"]
    sums = [column for column in tally.c if column.name not in tally.primary_key.columns]
    query = select(tally).where(tally.c.employee == person.subject).limit(_AT_ONCE)
    rows = connection.execute(query).mappings().all()
    for row in rows:
        same = [column == row[column.name] for column in key]
        there = [*same, tally.c.employee == person.pseudonym]
        added = {column.name: column + row[column.name] for column in sums}
        mine = [*same, tally.c.employee == person.subject]
        if connection.execute(update(tally).where(*there).values(added)).rowcount:
            connection.execute(delete(tally).where(*mine))
        else:
            connection.execute(update(tally).where(*mine).values(employee=person.pseudonym))
    return len(rows)


def _texts(connection: Connection, person: PersonRemoval) -> int:
    """What rules plan and remember by the name: plans are made anew, alarms keep their evidence."""
    name = person.subject or ""
    plans = connection.execute(delete(ta.rule_plan).where(ta.rule_plan.c.stream == name)).rowcount
    alarms = connection.execute(select(ta.alarm.c.id, ta.alarm.c.plan).where(ta.alarm.c.stream == name)).all()
    old, new = json.dumps(name), json.dumps(person.pseudonym)
    plain = json.dumps(name, ensure_ascii=False)
    for alarm in alarms:
        plan = alarm.plan.replace(old, new).replace(plain, new)
        values = {"stream": person.pseudonym, "plan": plan}
        connection.execute(update(ta.alarm).where(ta.alarm.c.id == alarm.id).values(values))
    return plans + len(alarms)


def _account(connection: Connection, person: PersonRemoval) -> int:
    """The person's account ends; its name stays, for the audit trail names it."""
    mine = tp.user.c.employee == person.subject
    ids = list(connection.execute(select(tp.user.c.id).where(mine)).scalars())
    connection.execute(delete(tp.session).where(tp.session.c.account.in_(ids)))
    values = {"employee": person.pseudonym, "email": None, "disabled": True}
    return connection.execute(update(tp.user).where(mine).values(values)).rowcount


def _person(connection: Connection, person: PersonRemoval) -> int:
    """The row of the person, last: as long as it is there, the work is not done."""
    employee = to.employee
    mine = employee.c.name == person.subject
    known = select(employee.c.name).where(employee.c.name == person.pseudonym)
    if connection.execute(known).first() is not None:
        return connection.execute(delete(employee).where(mine)).rowcount
    values = {"name": person.pseudonym, "title": person.pseudonym, "retired": True}
    return connection.execute(update(employee).where(mine).values(values)).rowcount
