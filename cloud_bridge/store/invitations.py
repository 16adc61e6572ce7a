"""Invitations: a link that makes one account, once, for a time. The database never learns the link's secret."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.store import org
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_org import invitation
from cloud_bridge.store.users import Role, User, UserError, new_account, user_by_name

LIFE_NS = 7 * 86_400 * 1_000_000_000


class InvitationState(StrEnum):
    """What has become of an invitation."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Invitation(Struct, frozen=True, kw_only=True):
    """An invitation; `key` is the SHA-256 of the link's secret, `name` the account's name unless the person chooses."""

    key: str
    name: str
    role: Role
    email: str | None
    employee: str | None
    places: tuple[Place, ...]
    made_by: str
    made_ns: int
    expires_ns: int
    used_ns: int | None
    withdrawn_ns: int | None

    def state(self, now_ns: int) -> InvitationState:
        """What has become of it."""
        if self.used_ns is not None:
            return InvitationState.USED
        if self.withdrawn_ns is not None:
            return InvitationState.WITHDRAWN
        return InvitationState.OPEN if now_ns < self.expires_ns else InvitationState.EXPIRED


def invite(
    store: Store,
    name: str,
    role: Role,
    places: Sequence[Place],
    *,
    email: str | None,
    employee: str | None,
    by: str,
    now_ns: int,
) -> tuple[str, Invitation]:
    """Make an invitation; its secret, which nobody can read again, and its row. Raises `UserError`."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise UserError(f"user name {name[:100]!r} must have 1 to 100 printable characters")
    if user_by_name(store, name) is not None:
        raise UserError(f"user {name!r} exists already; choose another name")
    secret = secrets.token_urlsafe(32)
    made = Invitation(
        key=_key(secret),
        name=name,
        role=role,
        email=email,
        employee=employee,
        places=tuple(sorted(set(places))),
        made_by=by,
        made_ns=now_ns,
        expires_ns=now_ns + LIFE_NS,
        used_ns=None,
        withdrawn_ns=None,
    )
    values = {field: getattr(made, field) for field in Invitation.__struct_fields__}
    values |= {"role": str(role), "places": msgspec.json.encode(made.places).decode()}
    with store.write() as connection:
        connection.execute(insert(invitation).values(values))
    return secret, made


def list_invitations(store: Store, limit: int = 100) -> tuple[Invitation, ...]:
    """The latest invitations, newest first."""
    query = select(invitation).order_by(invitation.c.made_ns.desc(), invitation.c.key).limit(limit)
    with store.read() as connection:
        return tuple(_row(row) for row in connection.execute(query).mappings())


def find_invitation(store: Store, secret: str, now_ns: int) -> Invitation | None:
    """The invitation of a link while it can be used, else None."""
    with store.read() as connection:
        query = select(invitation).where(invitation.c.key == _key(secret))
        row = connection.execute(query).mappings().one_or_none()
    found = None if row is None else _row(row)
    return found if found is not None and found.state(now_ns) is InvitationState.OPEN else None


def withdraw(store: Store, key: str, now_ns: int) -> bool:
    """Make an open invitation worthless; False where there is none of this key."""
    with store.write() as connection:
        return _close(connection, key, now_ns, "withdrawn_ns")


def accept(store: Store, secret: str, name: str, password: str, language: str | None, now_ns: int) -> User | None:
    """Make the account of an invitation; None where it cannot be used (any more). Raises `UserError`.

    Of several who use one link at once, one gets the account.
    """
    found = find_invitation(store, secret, now_ns)
    if found is None:
        return None
    values = new_account(name, password, found.role, language, email=found.email, employee=found.employee)
    try:
        with store.write() as connection:
            if not _close(connection, found.key, now_ns, "used_ns"):
                return None
            connection.execute(insert(t.user).values(values))
            made = connection.execute(select(t.user.c.id).where(t.user.c.name == values["name"])).scalar_one()
            org.set_places(connection, made, found.places)
    except IntegrityError as error:
        raise UserError(f"user {values['name']!r} exists already; choose another name") from error
    return user_by_name(store, values["name"])


def _close(connection: Connection, key: str, now_ns: int, column: str) -> bool:
    still_open = (
        invitation.c.key == key,
        invitation.c.used_ns.is_(None),
        invitation.c.withdrawn_ns.is_(None),
        invitation.c.expires_ns > now_ns,
    )
    return bool(connection.execute(update(invitation).where(*still_open).values({column: now_ns})).rowcount)


def _row(row: RowMapping) -> Invitation:
    values = {field: row[field] for field in Invitation.__struct_fields__}
    places = msgspec.json.decode(row["places"], type=tuple[Place, ...])
    return Invitation(**values | {"role": Role(row["role"]), "places": places})


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
