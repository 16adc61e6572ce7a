"""A filled bridge and a client that is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from web_world import SETTINGS, World, log_in

from cloud_bridge.web.app import create_app


class Clock:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(world: World, clock: Clock) -> Litestar:
    return create_app(world.store, world.blobs, SETTINGS, world.send_command, now_ns=clock)


@pytest.fixture
def stranger(app: Litestar) -> Iterator[TestClient[Any]]:
    """Somebody who is not logged in."""
    with TestClient(app) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Any]]:
    """Somebody who is."""
    with TestClient(app) as client:
        client.follow_redirects = False
        assert log_in(client).status_code == 303
        yield client
