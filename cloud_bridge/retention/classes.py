"""Classes of data, and how many days each is kept. Kept for ever unless somebody says otherwise."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from cloud_bridge.store import tables_retention as t
from cloud_bridge.store.engine import Store

DAY_NS = 86_400 * 1_000_000_000
DAYS_MAX = 36_500


class RetentionError(ValueError):
    """Data cannot be kept or removed as asked. `code` is stable for translation; the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DataClass(StrEnum):
    """What is kept for a time of its own. Nothing of an open case, and nothing under a legal hold, is ever removed."""

    UNREVIEWED_SOUND = "unreviewed_sound"
    """Sound that nobody made part of a case, from its arrival on; refused messages, which may hold some, too."""
    CASE_SOUND = "case_sound"
    """Sound of closed cases, from their closing on."""
    PHOTOS = "photos"
    """Pictures of snapshots, from their arrival on; of closed cases from their closing on."""
    CONTACTS = "contacts"
    """Contacts of clients and what was written with them, from the closing of the case on."""
    METRICS = "metrics"
    """Counts of presses by half hours, and receipts of tills, from their time on."""


class Rule(Struct, frozen=True, kw_only=True):
    """Days a class is kept; None: for ever. Nobody has changed it where `changed_by` is None."""

    name: DataClass
    days: int | None
    changed_by: str | None = None
    changed_ns: int | None = None


def rules(connection: Connection) -> dict[DataClass, Rule]:
    """The rule of every class."""
    said = {row.name: row for row in connection.execute(select(t.retention_rule))}
    found = {}
    for name in DataClass:
        row = said.get(str(name))
        found[name] = (
            Rule(name=name, days=None)
            if row is None
            else Rule(name=name, days=row.days, changed_by=row.changed_by, changed_ns=row.changed_ns)
        )
    return found


def set_days(store: Store, name: DataClass, days: int | None, *, by: str, now_ns: int) -> bool:
    """Keep a class for `days` from now on (None: for ever); whether that is a change. Raises `RetentionError`."""
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise RetentionError("days", f"{days} days cannot be; give 1 to {DAYS_MAX}, or none for ever")
    values = {"days": days, "changed_by": by, "changed_ns": now_ns}
    with store.write() as connection:
        if rules(connection)[name].days == days:
            return False
        same = t.retention_rule.c.name == str(name)
        if connection.execute(update(t.retention_rule).where(same).values(values)).rowcount == 0:
            connection.execute(insert(t.retention_rule).values(name=str(name), **values))
    return True


def cutoff_ns(rule: Rule, now_ns: int) -> int | None:
    """What is older than this may go; None: nothing."""
    return None if rule.days is None else now_ns - rule.days * DAY_NS
