"""A bridge full of attacks, made once, and people who look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from hostile_world import fill
from litestar import Litestar
from litestar.testing import TestClient
from web_world import SETTINGS, World, log_in

from cloud_bridge.store import users
from cloud_bridge.web.app import create_app

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2's real cost is tested with the store; here it would only be waited for."""
    monkeypatch.setattr(users, "_hasher", QUICK)
    monkeypatch.setattr(users, "_NOBODY", QUICK.hash("nobody has this password"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One of everything, and every text of it hostile; `routes` are the values of the routes' parameters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", QUICK)
        patch.setattr(users, "_NOBODY", QUICK.hash("nobody has this password"))
        made = World(tmp_path_factory.mktemp("hostile"))
        made.routes = fill(made)
        yield made
        made.close()


@pytest.fixture(scope="module")
def app(world: World) -> Litestar:
    return create_app(world.store, world.blobs, SETTINGS, world.send_command, enrolment=world.enrolment)


@pytest.fixture(scope="module")
def client(app: Litestar) -> Iterator[TestClient[Any]]:
    """An administrator."""
    with TestClient(app) as client:
        client.follow_redirects = False
        assert log_in(client).status_code == 303
        yield client
