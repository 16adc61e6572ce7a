"""Accounts as an administrator manages them: who has which role where, whose sessions live; the last admin stays."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, exists, func, select, update

from cloud_bridge.store import org
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_org import account_place
from cloud_bridge.store.users import Role, User, UserError

_FIELDS = User.__struct_fields__


class Account(Struct, frozen=True, kw_only=True):
    """An account with its places (none: everywhere) and when it was last used (None: it has no session)."""

    user: User
    places: tuple[Place, ...]
    seen_ns: int | None


def list_accounts(
    store: Store, now_ns: int, *, after: str = "", role: Role | None = None, limit: int = 50
) -> tuple[Account, ...]:
    """Accounts by name, those after `after`."""
    query = select(t.user).where(t.user.c.name > after).order_by(t.user.c.name).limit(limit)
    if role is not None:
        query = query.where(t.user.c.role == role)
    with store.read() as connection:
        rows = connection.execute(query).mappings().all()
        ids = [row["id"] for row in rows]
        places: dict[int, list[Place]] = {}
        for place in connection.execute(select(account_place).where(account_place.c.account.in_(ids))):
            places.setdefault(place.account, []).append(Place(place.site, place.counter))
        seen = select(t.session.c.account, func.max(t.session.c.seen_ns).label("seen_ns")).where(
            t.session.c.account.in_(ids), t.session.c.expires_ns > now_ns
        )
        last = {row.account: row.seen_ns for row in connection.execute(seen.group_by(t.session.c.account))}
    return tuple(
        Account(
            user=User(**{name: row[name] for name in _FIELDS} | {"role": Role(row["role"])}),
            places=tuple(sorted(places.get(row["id"], ()))),
            seen_ns=last.get(row["id"]),
        )
        for row in rows
    )


def change_account(
    store: Store, account: int, *, role: Role, places: Sequence[Place], email: str | None, employee: str | None
) -> None:
    """Give an account another role, other places, another address or person. Raises `UserError`."""
    with store.write() as connection:
        _admins(connection)
        values = {"role": str(role), "email": email, "employee": employee}
        connection.execute(update(t.user).where(t.user.c.id == account).values(values))
        org.set_places(connection, account, places)
        _keep_an_admin(connection)


def set_disabled(store: Store, account: int, *, disabled: bool) -> None:
    """Disable an account and end its sessions, or let it in again. Raises `UserError`."""
    with store.write() as connection:
        _admins(connection)
        connection.execute(update(t.user).where(t.user.c.id == account).values(disabled=disabled))
        if disabled:
            connection.execute(delete(t.session).where(t.session.c.account == account))
            _keep_an_admin(connection)


def end_session(store: Store, account: int, key: str | None) -> int:
    """End one session of an account, or (None) all of them; how many ended."""
    query = delete(t.session).where(t.session.c.account == account)
    if key is not None:
        query = query.where(t.session.c.key == key)
    with store.write() as connection:
        return connection.execute(query).rowcount


def _admins(connection: Connection) -> bool:
    """Whether somebody is left who can make accounts. Locks them: two who leave at once would each count the other."""
    bound = exists().where(account_place.c.account == t.user.c.id)
    query = select(t.user.c.id).where(t.user.c.role == str(Role.ADMIN), t.user.c.disabled.is_(False), ~bound)
    return connection.execute(query.order_by(t.user.c.id).with_for_update()).first() is not None


def _keep_an_admin(connection: Connection) -> None:
    """Raise where nobody would be left who can make accounts; the caller's transaction is taken back."""
    if not _admins(connection):
        raise UserError("this is the last admin of the whole company; make another one first")
