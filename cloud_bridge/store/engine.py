"""Opening the database: SQLite (WAL, synchronous=FULL) or PostgreSQL by URL, one transaction rule for both.

A writing transaction on SQLite takes the write lock at its beginning, so it never fails half-way with "locked".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cloud_bridge.config import ConfigError

BUSY_TIMEOUT_MS = 10_000
# 40001 serialisation failure, 40P01 deadlock, 55P03 lock not available, 25006 read-only (a standby being promoted):
# the same transaction may succeed when repeated.
_RETRY_STATES = {"40001", "40P01", "55P03", "25006"}


class Store:
    """The bridge's database. Thread-safe; one connection a transaction; `close` ends all idle connections."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL (else SQLite)."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        options: dict[str, Any] = {}
        if self.is_postgres:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction: committed and durable when the block ends, undone when it raises."""
        with self.engine.connect().execution_options(earshot_write=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close all idle connections; idempotent."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """The store at `url` (`sqlite:///path` or `postgresql+psycopg://…`), without looking at its tables.

    Raises `ConfigError` for a URL that names neither. A SQLite file's folder is created.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "postgresql":
        # pre_ping: a server that was restarted costs one silent reconnect instead of one failed batch.
        return Store(create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10}))
    Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Store(engine)


def parse_url(url: str) -> URL:
    """The database URL with its driver named; raises `ConfigError` when it is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"database.url is not a URL; e.g. sqlite:////var/lib/earshot/bridge.db ({error})") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    raise ConfigError(
        f"database.url {parsed.render_as_string(hide_password=True)!r} is neither sqlite:///<path of a file> "
        "nor postgresql://<user>@<host>/<database>"
    )


def is_transient(error: BaseException) -> bool:
    """Whether a DBAPI error may go away by itself: lock, deadlock, full disk, server gone; not: refused data."""
    if isinstance(error, PoolTimeoutError):
        return True
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.OperationalError):
        return True
    state = getattr(original, "sqlstate", None)
    if state is None:
        # psycopg has no SQLSTATE where the connection itself broke.
        return type(original).__name__ in {"OperationalError", "InterfaceError"}
    # 08 connection, 53 resources (disk full), 57 operator intervention (shutdown), 58 system error.
    return state in _RETRY_STATES or state[:2] in {"08", "53", "57", "58"}


def _configure_sqlite(connection: Any, _record: object) -> None:
    # sqlite3 would begin transactions by itself and late; "begin" below does it explicitly.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("earshot_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
