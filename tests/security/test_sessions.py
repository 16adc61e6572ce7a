"""What is taken from one's browser, or guessed at, opens nothing: beside what tests/web/test_login.py shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from litestar.testing import TestClient
from web_world import PASSWORD, SETTINGS, USER, World, log_in, token_of

from cloud_bridge.store import invitations, users
from cloud_bridge.store.users import Role
from cloud_bridge.web import audit
from cloud_bridge.web.app import create_app

COOKIE = "earshot_session"
PLANTED = "attacker-knows-this-value"


@pytest.fixture
def bridge(tmp_path, monkeypatch, quick_passwords):
    """A world and its application."""
    made = World(tmp_path)
    yield made, create_app(made.store, made.blobs, SETTINGS, made.send_command)
    made.close()


def test_a_session_planted_before_an_invitation_is_accepted_is_worth_nothing_after_it(bridge):
    world, app = bridge
    now_ns = app.state.services.now_ns()
    secret, _ = invitations.invite(
        world.store, "boris", Role.AUDITOR, (), email=None, employee=None, by=USER, now_ns=now_ns
    )
    with TestClient(app) as client:
        client.follow_redirects = False
        client.cookies.set(COOKIE, PLANTED, domain="testserver.local", path="/")
        token = token_of(client.get(f"/invite/{secret}").text)
        form = {"name": "boris", "password": "a long password", "again": "a long password", "_csrf_token": token}
        answer = client.post(f"/invite/{secret}/accept", data=form)
        assert answer.status_code == 303
        given = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE))
        assert PLANTED not in given
        client.cookies.clear()
        client.cookies.set(COOKIE, PLANTED, domain="testserver.local", path="/")
        assert client.get("/account").status_code == 303


def test_a_session_has_more_random_bits_than_can_be_guessed(bridge):
    _, app = bridge
    values = set()
    with TestClient(app) as client:
        client.follow_redirects = False
        for _ in range(3):
            client.cookies.clear()
            log_in(client)
            values.add(client.cookies[COOKIE])
    # 32 bytes as URL-safe base64.
    assert len(values) == 3
    assert all(len(value) == 43 for value in values)


def test_another_password_ends_what_a_thief_has(bridge):
    world, app = bridge
    with TestClient(app) as client:
        client.follow_redirects = False
        log_in(client)
        assert client.get("/account").status_code == 200
        account = users.user_by_name(world.store, USER)
        users.set_password(world.store, account.id, "quite another password")
        assert client.get("/account").status_code == 303


def test_the_form_token_of_somebody_elses_browser_is_refused(bridge):
    world, app = bridge
    # Each client needs an application of its own.
    other = create_app(world.store, world.blobs, SETTINGS, world.send_command)
    with TestClient(app) as victim, TestClient(other) as attacker:
        victim.follow_redirects = False
        log_in(victim)
        stolen = token_of(attacker.get("/login").text)
        answer = victim.post("/language", data={"language": "ru", "next": "/", "_csrf_token": stolen})
        assert answer.status_code == 403
        own = token_of(victim.get("/account").text)
        assert victim.post("/language", data={"language": "ru", "next": "/", "_csrf_token": own}).status_code == 303


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip"])
def test_who_guesses_gains_nothing_by_naming_other_addresses(bridge, header):
    _, app = bridge
    with TestClient(app) as client:
        answers = [
            log_in(client, f"name {n}", "a guess", headers={header: f"203.0.113.{n}"}).status_code
            for n in range(SETTINGS.login_failures_address + 2)
        ]
    assert answers[-2:] == [429, 429]


def test_guesses_made_at_the_same_moment_do_not_slip_through(bridge):
    _, app = bridge
    services = app.state.services
    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(lambda n: audit.allow_attempt(services, USER, f"198.51.100.{n}"), range(40)))
    assert sum(allowed) == SETTINGS.login_failures_user


def test_guesses_from_one_ipv6_subscriber_count_together(bridge):
    _, app = bridge
    services = replace(app.state.services, now_ns=lambda: 10**18)
    allowed = [audit.allow_attempt(services, f"name {n}", f"2001:db8:1:2::{n:x}") for n in range(30)]
    assert sum(allowed) == SETTINGS.login_failures_address
    assert audit.allow_attempt(services, "name", "2001:db8:1:3::1")


def test_a_wrong_password_costs_as_much_as_an_unknown_name(bridge, monkeypatch):
    world, _ = bridge
    verified = []
    monkeypatch.setattr(users, "_hasher", Counting(verified))
    assert users.authenticate(world.store, USER, "wrong password") is None
    assert users.authenticate(world.store, "nobody", "wrong password") is None
    assert len(verified) == 2
    assert users.authenticate(world.store, USER, PASSWORD) is None, "the counting hasher knows no password"


class Counting:
    """Verifies nothing, and counts how often it was asked to."""

    def __init__(self, asked):
        self._asked = asked

    def verify(self, hashed, password):
        self._asked.append(password)
        raise users.VerificationError("no")

    def check_needs_rehash(self, hashed):
        return False
