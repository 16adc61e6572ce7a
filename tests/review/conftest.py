"""The databases of the bridge's tests."""

from bridge_databases import database_url, postgres_server, sqlite_store, sqlite_template, store

__all__ = ["database_url", "postgres_server", "sqlite_store", "sqlite_template", "store"]
