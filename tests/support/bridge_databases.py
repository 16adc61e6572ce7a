"""Databases for the bridge's tests: the same test on SQLite and on PostgreSQL, each with an empty, migrated one."""

import itertools
import shutil

import postgres
import pytest

from cloud_bridge.store import migrate
from cloud_bridge.store.engine import open_store

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server():
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed; ./run test installs it")
    with postgres.running_postgres() as server:
        store = open_store(server.create("empty"))
        migrate.upgrade(store)
        store.close()
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("bridge") / "template.db"
    store = open_store(f"sqlite:///{path}")
    migrate.upgrade(store)
    store.close()
    return path


@pytest.fixture
def sqlite_store(sqlite_template, tmp_path):
    path = tmp_path / "bridge.db"
    shutil.copyfile(sqlite_template, path)
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request, tmp_path):
    """The URL of an empty, migrated database."""
    if request.param == "sqlite":
        path = tmp_path / "bridge.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test{next(_numbers)}"
    yield server.create(name, template="empty")
    server.drop(name)


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()
