"""Check-lists and their versions: at most one draft, the newest one; what is published never changes."""

from __future__ import annotations

import secrets
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from cloud_bridge.checklists.definition import ChecklistError, Definition, Purpose, decode, encode, require
from cloud_bridge.store import tables_checklist as t
from cloud_bridge.store.engine import Store


class Checklist(Struct, frozen=True, kw_only=True):
    """A check-list. `published` and `draft` are version numbers."""

    id: str
    purpose: Purpose
    double_share: float
    retired: bool
    definition: Definition
    published: int | None
    draft: int | None


class Version(Struct, frozen=True, kw_only=True):
    """One version. `published_ns` None: the draft."""

    checklist: str
    purpose: Purpose
    version: int
    definition: Definition
    changed_by: str
    changed_ns: int
    published_ns: int | None


def checklists(store: Store, *, retired: bool = False) -> tuple[Checklist, ...]:
    """All check-lists, those that fill sheets first; each with its newest published version, else its draft."""
    query = select(t.checklist).order_by(t.checklist.c.retired, t.checklist.c.made_ns)
    if not retired:
        query = query.where(t.checklist.c.retired.is_(False))
    with store.read() as connection:
        rows = connection.execute(query.order_by(t.checklist.c.id)).all()
        return tuple(_checklist(connection, row) for row in rows)


def fillable(store: Store) -> tuple[Version, ...]:
    """What new sheets are filled with: the newest published version of each check-list in use."""
    newest = (version(store, one.id, one.published) for one in checklists(store) if one.published is not None)
    return tuple(one for one in newest if one is not None)


def checklist(store: Store, checklist_id: str) -> Checklist | None:
    """One check-list."""
    return next((one for one in checklists(store, retired=True) if one.id == checklist_id), None)


def sheets_done(store: Store) -> dict[str, int]:
    """How many sheets of each check-list are done, of all versions."""
    done = (t.sheet.c.turn == 1) & t.sheet.c.done_ns.is_not(None)
    query = select(t.sheet.c.checklist, func.count()).where(done).group_by(t.sheet.c.checklist)
    with store.read() as connection:
        return {row[0]: int(row[1]) for row in connection.execute(query)}


def version(store: Store, checklist_id: str, number: int) -> Version | None:
    """One version of a check-list."""
    with store.read() as connection:
        row = connection.execute(_versions(checklist_id).where(t.checklist_version.c.version == number)).one_or_none()
    return None if row is None else _version(row)


def versions(store: Store, checklist_id: str) -> tuple[Version, ...]:
    """All versions of a check-list, newest first."""
    with store.read() as connection:
        rows = connection.execute(_versions(checklist_id).order_by(t.checklist_version.c.version.desc()))
        return tuple(_version(row) for row in rows)


def make(store: Store, purpose: Purpose, definition: Definition, *, user: str, at_ns: int) -> str:
    """A new check-list with `definition` as its draft; its id."""
    made = secrets.token_hex(8)
    with store.write() as connection:
        connection.execute(
            insert(t.checklist).values(
                id=made, purpose=str(purpose), double_share=0.0, retired=False, made_by=user, made_ns=at_ns
            )
        )
        _put_draft(connection, made, 1, definition, user, at_ns)
    return made


def save_draft(store: Store, checklist_id: str, definition: Definition, *, user: str, at_ns: int) -> int:
    """Keep `definition` as the draft, whatever is still missing in it; the draft's number. Raises `ChecklistError`."""
    with store.write() as connection:
        newest = _newest(connection, checklist_id)
        if newest.published_ns is None:
            same = (t.checklist_version.c.checklist == checklist_id) & (t.checklist_version.c.version == newest.version)
            values = {"definition": encode(definition), "changed_by": user, "changed_ns": at_ns}
            connection.execute(update(t.checklist_version).where(same).values(values))
            return int(newest.version)
        number = int(newest.version) + 1
        _put_draft(connection, checklist_id, number, definition, user, at_ns)
        return number


def publish(store: Store, checklist_id: str, *, user: str, at_ns: int) -> int:
    """Let new sheets be filled with the draft from now on; its number. Raises `ChecklistError` where it cannot be."""
    with store.write() as connection:
        newest = _newest(connection, checklist_id)
        if newest.published_ns is not None:
            raise ChecklistError(f"version {newest.version} is published already; change something first")
        require(decode(newest.definition), Purpose(newest.purpose))
        same = (t.checklist_version.c.checklist == checklist_id) & (t.checklist_version.c.version == newest.version)
        values = {"published_ns": at_ns, "changed_by": user, "changed_ns": at_ns}
        connection.execute(update(t.checklist_version).where(same).values(values))
        return int(newest.version)


def discard_draft(store: Store, checklist_id: str) -> None:
    """Forget the draft; with it a check-list that was never published. Raises `ChecklistError` where there is none."""
    with store.write() as connection:
        newest = _newest(connection, checklist_id)
        if newest.published_ns is not None:
            raise ChecklistError(f"check-list {checklist_id!r} has no draft; there is nothing to discard")
        of_it = t.checklist_version.c.checklist == checklist_id
        connection.execute(delete(t.checklist_version).where(of_it, t.checklist_version.c.version == newest.version))
        if newest.version == 1:
            connection.execute(delete(t.checklist).where(t.checklist.c.id == checklist_id))


def set_use(store: Store, checklist_id: str, *, double_share: float, retired: bool) -> None:
    """Say how many sheets are scored twice (0 … 1), and whether new ones are filled at all. Raises `ChecklistError`."""
    if not 0 <= double_share <= 1:
        raise ChecklistError(f"a share of {double_share:g} cannot be; give 0 to 1")
    with store.write() as connection:
        same = t.checklist.c.id == checklist_id
        values = {"double_share": double_share, "retired": retired}
        if connection.execute(update(t.checklist).where(same).values(values)).rowcount == 0:
            raise ChecklistError(f"there is no check-list {checklist_id!r}")


def _put_draft(
    connection: Connection, checklist_id: str, number: int, definition: Definition, user: str, at_ns: int
) -> None:
    connection.execute(
        insert(t.checklist_version).values(
            checklist=checklist_id,
            version=number,
            definition=encode(definition),
            changed_by=user,
            changed_ns=at_ns,
            published_ns=None,
        )
    )


def _newest(connection: Connection, checklist_id: str) -> Any:
    row = connection.execute(
        _versions(checklist_id).order_by(t.checklist_version.c.version.desc()).limit(1)
    ).one_or_none()
    if row is None:
        raise ChecklistError(f"there is no check-list {checklist_id!r}")
    return row


def _versions(checklist_id: str) -> Select[Any]:
    joined = select(t.checklist_version, t.checklist.c.purpose).join(
        t.checklist, t.checklist.c.id == t.checklist_version.c.checklist
    )
    return joined.where(t.checklist_version.c.checklist == checklist_id)


def _checklist(connection: Connection, row: Any) -> Checklist:
    found = connection.execute(_versions(row.id).order_by(t.checklist_version.c.version.desc()).limit(2)).all()
    published = next((one for one in found if one.published_ns is not None), None)
    return Checklist(
        id=row.id,
        purpose=Purpose(row.purpose),
        double_share=row.double_share,
        retired=row.retired,
        definition=decode((published or found[0]).definition),
        published=None if published is None else published.version,
        draft=found[0].version if found[0].published_ns is None else None,
    )


def _version(row: Any) -> Version:
    return Version(
        checklist=row.checklist,
        purpose=Purpose(row.purpose),
        version=row.version,
        definition=decode(row.definition),
        changed_by=row.changed_by,
        changed_ns=row.changed_ns,
        published_ns=row.published_ns,
    )
