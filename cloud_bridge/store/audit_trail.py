"""The audit trail, asked by person, action, object and time. There is no way to change or remove a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, func, or_, select

from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_snapshot as ts
from cloud_bridge.store.engine import Store
from cloud_bridge.store.snapshots import SCORES
from cloud_bridge.store.users import AuditRow

_BATCH = 1000
# Several processes write: a line's time may be a little before that of a line with a smaller number.
_SKEW_NS = 600 * 1_000_000_000


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which lines: None and () mean any. `about` are objects; `since_ns` ≤ time < `until_ns`."""

    person: str | None = None
    action: str | None = None
    about: tuple[str, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None


def list_lines(store: Store, where: AuditFilter, before: int | None, limit: int) -> tuple[AuditRow, ...]:
    """The lines, newest first, with ids below `before`."""
    query = _lines(store, where).order_by(t.audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(t.audit.c.id < before)
    with store.read() as connection:
        return tuple(AuditRow(**dict(row)) for row in connection.execute(query).mappings())


def every_line(store: Store, where: AuditFilter) -> Iterator[AuditRow]:
    """All of them, newest first, read piece by piece."""
    before: int | None = None
    while rows := list_lines(store, where, before, _BATCH):
        yield from rows
        before = rows[-1].id


def actions(store: Store) -> tuple[str, ...]:
    """The actions that were ever done, by name; each is one look into an index."""
    found: list[str] = []
    with store.read() as connection:
        query = select(func.min(t.audit.c.action))
        name: str | None = connection.execute(query).scalar()
        while name is not None:
            found.append(name)
            name = connection.execute(query.where(t.audit.c.action > name)).scalar()
    return tuple(found)


def objects_of(store: Store, about: str) -> tuple[str, ...]:
    """What lines about this name: itself; for a press its tracks and its snapshot too; for a snapshot its scores."""
    columns = (t.press.c.track, t.press.c.snapshot)
    with store.read() as connection:
        press = connection.execute(select(*columns).where(t.press.c.id == about)).one_or_none()
        found = [about]
        if press is not None:
            mine = [t.track.c.press == about]
            if press.track is not None:
                mine += [t.track.c.id == press.track, t.track.c.extends == press.track]
            found += connection.execute(select(t.track.c.id).where(or_(*mine))).scalars()
            found += connection.execute(select(ts.snapshot.c.id).where(ts.snapshot.c.press == about)).scalars()
        kept = select(ts.snapshot.c.id).where(ts.snapshot.c.id.in_(found))
        scored = connection.execute(kept).scalars().all()
    found += [f"{snapshot} {score}" for snapshot in scored for score in (*SCORES, "none")]
    return tuple(dict.fromkeys(found))


def _lines(store: Store, where: AuditFilter) -> Select[Any]:
    query = select(t.audit)
    if where.person is not None:
        query = query.where(t.audit.c.user == where.person)
    if where.action is not None:
        query = query.where(t.audit.c.action == where.action)
    if where.about:
        query = query.where(t.audit.c.object.in_(where.about))
    if where.since_ns is not None:
        query = query.where(t.audit.c.at_ns >= where.since_ns)
    if where.until_ns is not None:
        query = query.where(t.audit.c.at_ns < where.until_ns)
        # Lines are read by number: without a bound on it, those after the time would be gone through one by one.
        later = select(t.audit.c.id).where(t.audit.c.at_ns >= where.until_ns + _SKEW_NS).order_by(t.audit.c.at_ns)
        with store.read() as connection:
            first = connection.execute(later.limit(1)).scalar()
        if first is not None:
            query = query.where(t.audit.c.id < first)
    if where.since_ns is not None:
        earlier = select(t.audit.c.id).where(t.audit.c.at_ns < where.since_ns - _SKEW_NS)
        with store.read() as connection:
            last = connection.execute(earlier.order_by(t.audit.c.at_ns.desc()).limit(1)).scalar()
        if last is not None:
            query = query.where(t.audit.c.id > last)
    return query
