"""A filled bridge and a client that is logged in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from litestar.testing import TestClient
from web_server import serve
from web_world import PASSWORD, SETTINGS, USER, World, log_in

from cloud_bridge.store import org, users
from cloud_bridge.web.app import create_app
from cloud_bridge.web.programs import Rates


class Clock:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


CHROMIUM = "/usr/bin/chromium"
VENDOR = Path(__file__).parents[2] / "cloud_bridge/web/static/vendor"
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2's real cost is tested with the store; here it would only be waited for."""


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_hasher", QUICK)
    monkeypatch.setattr(users, "_NOBODY", QUICK.hash("nobody has this password"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the account, made once; each world begins with a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", QUICK)
        made = World(tmp_path_factory.mktemp("template"))
        made.close()
    return made.database


@pytest.fixture
def world(template: Path) -> Iterator[World]:
    # In memory where that is possible: what is durable is tested with the store, here every fsync is only waited for.
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        made = World(Path(folder), template)
        yield made
        made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def idle_apps() -> list[Litestar]:
    """Applications that no test uses now: making one takes longer than most tests."""
    return []


@pytest.fixture
def make_app(world: World, clock: Clock, idle_apps: list[Litestar]) -> Iterator[Callable[[], Litestar]]:
    """Each client needs an application of its own; all of them share the world, and nothing with another test's."""
    used: list[Litestar] = []

    def make() -> Litestar:
        app = idle_apps.pop() if idle_apps else create_app(world.store, world.blobs, SETTINGS, world.send_command)
        app.state.services = replace(
            app.state.services,
            store=world.store,
            blobs=world.blobs,
            commands=world.send_command,
            now_ns=clock,
            enrolment=world.enrolment,
            rates=Rates(),
        )
        used.append(app)
        return app

    yield make
    idle_apps += used


@pytest.fixture
def app(make_app: Callable[[], Litestar]) -> Litestar:
    return make_app()


@pytest.fixture
def stranger(make_app: Callable[[], Litestar]) -> Iterator[TestClient[Any]]:
    """Somebody who is not logged in."""
    with TestClient(make_app()) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Any]]:
    """Somebody who is."""
    with TestClient(app) as client:
        client.follow_redirects = False
        assert log_in(client).status_code == 303
        yield client


@pytest.fixture
def enter(world: World, make_app: Callable[[], Litestar]) -> Iterator[Callable[..., TestClient[Any]]]:
    """Makes an account of a role at places and logs it in; its name is the role and a number from 0."""
    clients: list[TestClient[Any]] = []

    def enter_as(role: users.Role, places: Sequence[org.Place] = (), employee: str | None = "Ann") -> TestClient[Any]:
        name = f"{role}{len(clients)}"
        made = users.create_user(world.store, name, PASSWORD, role, employee=employee)
        with world.store.write() as connection:
            org.set_places(connection, made.id, places)
        client = TestClient(make_app())
        client.__enter__()
        clients.append(client)
        client.follow_redirects = False
        assert log_in(client, name).status_code == 303
        return client

    yield enter_as
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def browser_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What a module's browser tests look at; kept for all of them, for each start of a browser takes seconds."""
    assert (VENDOR / "wavesurfer.esm.js").is_file(), "browser parts are missing; ./run test fetches them"
    made = World(tmp_path_factory.mktemp("browser"))
    made.make_authority()
    made.box("riga", "counter-1")
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(browser_world: World) -> Iterator[str]:
    with serve(browser_world) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Here, for it leaves an event loop in its thread.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def session(browser: Any, address: str) -> Any:
    """The cookies of somebody who has logged in through the form."""
    context = browser.new_context(base_url=address, locale="en-GB")
    page = context.new_page()
    page.goto("/login")
    page.fill("#name", USER)
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    page.wait_for_selector(".main-nav")
    state = context.storage_state()
    context.close()
    return state
