"""A bridge with an authority, and its clock."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from argon2 import PasswordHasher
from enrol_bridge import Clock, posting
from web_world import World

from cloud_bridge.store import users

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", QUICK)
        made = World(tmp_path_factory.mktemp("template"))
        made.close()
    return made.database


@pytest.fixture
def tmp_path():
    # In memory where that is possible: the steps to durability are counted, not waited for.
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def world(template, tmp_path):
    (tmp_path / "bridge").mkdir()
    made = World(tmp_path / "bridge", template)
    made.make_authority()
    yield made
    made.close()


@pytest.fixture
def clock():
    return Clock(time.time_ns())


@pytest.fixture
def post(world, clock):
    with posting(world, clock) as post:
        yield post
