"""One at a time: removing what is old, and saying that something must stay."""

from __future__ import annotations

from sqlalchemy import Connection, text

# Any fixed number of its own.
_ADVISORY_LOCK = 0x6561_7274


def lock_removals(connection: Connection) -> None:
    """Until the caller's transaction ends nobody else removes sound, pictures or contacts, or puts them under a hold.

    Whoever removes something holds it from looking whether it may until it is gone, so nothing goes that was held when
    it went. SQLite has one writing transaction at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
