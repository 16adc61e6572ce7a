"""People who use the pages: accounts, sessions in the database (listed and revoked there), the audit trail.

Passwords are hashed with argon2id; a wrong user costs as much time as a wrong password.
"""

from __future__ import annotations

import hashlib
import time
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store

PASSWORD_MIN = 10
AUDIT_OBJECT_CHARS = 500
"""As much of the object of an audit line is kept: it is indexed, and an index entry has a largest size."""


class UserError(ValueError):
    """An account cannot be made or changed as asked; the message says why and the remedy."""


class Role(StrEnum):
    """What a person may do, at the places of the account (docs/PERMISSIONS.md)."""

    OPERATOR = "operator"
    SITE_MANAGER = "site_manager"
    QUALITY_MANAGER = "quality_manager"
    BUSINESS = "business"
    ADMIN = "admin"
    AUDITOR = "auditor"


class User(Struct, frozen=True, kw_only=True):
    """An account."""

    id: int
    name: str
    role: Role
    language: str | None
    email: str | None
    employee: str | None
    disabled: bool
    created_ns: int


class Session(Struct, frozen=True, kw_only=True):
    """A web session. `key` is the SHA-256 of the cookie's value; `data` belongs to the web."""

    key: str
    user: int | None
    data: bytes
    created_ns: int
    seen_ns: int
    expires_ns: int
    address: str
    agent: str


class AuditRow(Struct, frozen=True, kw_only=True):
    """One thing that a person did."""

    id: int
    at_ns: int
    user: str
    action: str
    object: str
    address: str


_hasher = PasswordHasher()
# Verified for names that do not exist, so that the time of an answer does not tell which names do.
_NOBODY = _hasher.hash("nobody has this password")


def create_user(
    store: Store,
    name: str,
    password: str,
    role: Role = Role.ADMIN,
    language: str | None = None,
    *,
    email: str | None = None,
    employee: str | None = None,
) -> User:
    """Make an account; raises `UserError` for a taken or empty name or a short password."""
    values = new_account(name, password, role, language, email=email, employee=employee)
    try:
        with store.write() as connection:
            connection.execute(insert(t.user).values(values))
    except IntegrityError as error:
        raise UserError(f"user {values['name']!r} exists already; choose another name or set its password") from error
    made = user_by_name(store, values["name"])
    assert made is not None  # noqa: S101 - just committed
    return made


def new_account(
    name: str, password: str, role: Role, language: str | None, *, email: str | None, employee: str | None
) -> dict[str, Any]:
    """The row of an account that is to be made; raises `UserError` for an empty name or a short password."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise UserError(f"user name {name[:100]!r} must have 1 to 100 printable characters")
    return {
        "name": name,
        "role": str(role),
        "password_hash": _hash(password),
        "language": language,
        "email": email,
        "employee": employee,
        "disabled": False,
        "created_ns": time.time_ns(),
    }


def set_password(store: Store, user_id: int, password: str) -> None:
    """Replace the password and end all sessions of the account; raises `UserError` for a short one."""
    hashed = _hash(password)
    with store.write() as connection:
        connection.execute(update(t.user).where(t.user.c.id == user_id).values(password_hash=hashed))
        connection.execute(delete(t.session).where(t.session.c.account == user_id))


def set_language(store: Store, user_id: int, language: str | None) -> None:
    """Remember the language that a person reads."""
    with store.write() as connection:
        connection.execute(update(t.user).where(t.user.c.id == user_id).values(language=language))


def authenticate(store: Store, name: str, password: str) -> User | None:
    """The account whose name and password these are; None for any other, equally slowly."""
    with store.read() as connection:
        row = connection.execute(select(t.user).where(t.user.c.name == name.strip())).one_or_none()
    try:
        _hasher.verify(_NOBODY if row is None else row.password_hash, password)
    except (VerificationError, InvalidHashError):
        return None
    if row is None or row.disabled:
        return None
    if _hasher.check_needs_rehash(row.password_hash):
        with store.write() as connection:
            hashed = _hasher.hash(password)
            connection.execute(update(t.user).where(t.user.c.id == row.id).values(password_hash=hashed))
    return user(store, row.id)


def user(store: Store, user_id: int) -> User | None:
    """An account by id, or None."""
    return _one(store, t.user.c.id == user_id)


def user_by_name(store: Store, name: str) -> User | None:
    """An account by name, or None."""
    return _one(store, t.user.c.name == name)


def list_users(store: Store) -> tuple[User, ...]:
    """All accounts by name."""
    with store.read() as connection:
        return tuple(_user(row) for row in connection.execute(select(t.user).order_by(t.user.c.name)).mappings())


def session_key(cookie: str) -> str:
    """The key under which the session of a cookie's value is kept."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def put_session(store: Store, session: Session) -> None:
    """Insert or replace a session."""
    values = {name: getattr(session, name) for name in Session.__struct_fields__ if name != "user"}
    values["account"] = session.user
    with store.write() as connection:
        connection.execute(delete(t.session).where(t.session.c.key == session.key))
        connection.execute(insert(t.session).values(values))


def get_session(store: Store, key: str, now_ns: int) -> Session | None:
    """A session that has not expired, or None."""
    query = select(t.session).where(t.session.c.key == key, t.session.c.expires_ns > now_ns)
    with store.read() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _session(row)


def touch_session(store: Store, key: str, now_ns: int, expires_ns: int) -> None:
    """Prolong a session; nothing where it is gone."""
    with store.write() as connection:
        connection.execute(
            update(t.session).where(t.session.c.key == key).values(seen_ns=now_ns, expires_ns=expires_ns)
        )


def delete_session(store: Store, key: str) -> None:
    """End a session; nothing where it is gone."""
    with store.write() as connection:
        connection.execute(delete(t.session).where(t.session.c.key == key))


def delete_expired_sessions(store: Store, now_ns: int) -> int:
    """Remove what has expired; the number of sessions removed."""
    with store.write() as connection:
        return connection.execute(delete(t.session).where(t.session.c.expires_ns <= now_ns)).rowcount


def list_sessions(store: Store, user_id: int, now_ns: int) -> tuple[Session, ...]:
    """A person's live sessions, last used first."""
    query = select(t.session).where(t.session.c.account == user_id, t.session.c.expires_ns > now_ns)
    with store.read() as connection:
        rows = connection.execute(query.order_by(t.session.c.seen_ns.desc())).mappings()
        return tuple(_session(row) for row in rows)


def add_audit(store: Store, *, at_ns: int, user: str, action: str, object: str, address: str = "") -> None:  # noqa: A002
    """Append one line to the audit trail (there is no way to change or remove one)."""
    about = object[:AUDIT_OBJECT_CHARS]
    values = {"at_ns": at_ns, "user": user, "action": action, "object": about, "address": address}
    with store.write() as connection:
        connection.execute(insert(t.audit).values(values))


def list_audit(store: Store, before: int | None = None, limit: int = 100) -> tuple[AuditRow, ...]:
    """The audit trail, newest first, with ids below `before`."""
    query = select(t.audit).order_by(t.audit.c.id.desc()).limit(max(1, min(limit, 500)))
    if before is not None:
        query = query.where(t.audit.c.id < before)
    with store.read() as connection:
        return tuple(AuditRow(**dict(row)) for row in connection.execute(query).mappings())


def _hash(password: str) -> str:
    if len(password) < PASSWORD_MIN:
        raise UserError(f"the password has {len(password)} characters; use at least {PASSWORD_MIN}")
    return _hasher.hash(password)


def _one(store: Store, condition: ColumnElement[bool]) -> User | None:
    with store.read() as connection:
        row = connection.execute(select(t.user).where(condition)).mappings().one_or_none()
    return None if row is None else _user(row)


def _user(row: RowMapping) -> User:
    values = {name: row[name] for name in User.__struct_fields__}
    return User(**{**values, "role": Role(row["role"])})


def _session(row: RowMapping) -> Session:
    values = {name: row[name] for name in Session.__struct_fields__ if name != "user"}
    return Session(**values, user=row["account"])
