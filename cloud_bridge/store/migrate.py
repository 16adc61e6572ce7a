"""The database's schema: brought up to date by Alembic, and checked at each start."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from cloud_bridge.config import ConfigError
from cloud_bridge.store.engine import Store

# Any fixed number: two `migrate` at once on one PostgreSQL come one after the other.
_ADVISORY_LOCK = 0x6561_7273


def upgrade(store: Store, revision: str = "head") -> str:
    """Bring the schema to `revision` (default: the newest); returns the revision. Idempotent."""
    with as_file(files("cloud_bridge.migrations")) as scripts, store.write() as connection:
        if store.is_postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config = _config(str(scripts))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return _current(connection) or "empty"


def check(store: Store) -> None:
    """Raise `ConfigError` unless the schema is the one that this program needs."""
    with as_file(files("cloud_bridge.migrations")) as scripts:
        wanted = ScriptDirectory.from_config(_config(str(scripts))).get_current_head()
    with store.read() as connection:
        found = _current(connection)
    if found != wanted:
        raise ConfigError(
            f"the database has schema {found or 'none'}, this program needs {wanted}; run 'earshot bridge migrate'"
        )


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(scripts: str) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    return config
