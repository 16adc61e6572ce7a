"""A store with a site, people and presses, on SQLite and on PostgreSQL."""

import pytest
from bridge_databases import database_url, postgres_server, sqlite_store, sqlite_template, store
from case_desk import Desk

__all__ = ["database_url", "postgres_server", "sqlite_store", "sqlite_template", "store"]


@pytest.fixture
def desk(store):
    made = Desk(store)
    made.site("site", ("box", "other"))
    return made
