"""Logging in and out: sessions, guesses, form tokens, where a redirect may lead."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from litestar.testing import TestClient
from sqlalchemy import func, select
from web_routes import SAFE, concrete, handlers
from web_world import PASSWORD, SETTINGS, USER, log_in, token_of

from cloud_bridge.store import tables, users
from cloud_bridge.web.app import create_app
from cloud_bridge.web.settings import WebSettings

COOKIE = "earshot_session"


def come_with(client, cookie):
    """A browser that has nothing but this session cookie."""
    client.cookies.clear()
    client.cookies.set(COOKIE, cookie, domain="testserver.local", path="/")
    return client.get("/presses").status_code


def body_without_tokens(text):
    return re.sub(r'name="_csrf_token" value="[^"]+"', "", text)


def test_the_right_password_begins_a_session_in_a_protected_cookie(stranger, world):
    response = log_in(stranger)

    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = next(value for value in response.headers.get_list("set-cookie") if value.startswith(COOKIE))
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert "secure" not in cookie.lower()
    assert stranger.get("/presses").status_code == 200
    # The database never learns the cookie's value.
    with world.store.read() as connection:
        keys = connection.execute(select(tables.session.c.key)).scalars().all()
    assert keys == [users.session_key(stranger.cookies[COOKIE])]


def test_behind_https_cookies_are_secure_and_bound_to_the_host(world):
    settings = WebSettings(secret=SETTINGS.secret, https=True)
    with TestClient(
        create_app(world.store, world.blobs, settings, world.send_command), base_url="https://bridge.local"
    ) as client:
        client.follow_redirects = False
        page = client.get("/login")
        response = log_in(client)
    cookies = page.headers.get_list("set-cookie") + response.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-earshot_")
        assert "secure" in cookie.lower()
        assert "domain" not in cookie.lower()
    assert "strict-transport-security" in response.headers


@pytest.mark.parametrize(("name", "password"), [(USER, "wrong password"), ("nobody", PASSWORD), ("", "")])
def test_unknown_name_and_wrong_password_get_the_same_answer(stranger, name, password):
    reference = log_in(stranger, "somebody else", "something else")
    response = log_in(stranger, name, password)

    assert (response.status_code, reference.status_code) == (401, 401)
    assert body_without_tokens(response.text) == body_without_tokens(reference.text)
    assert COOKIE not in stranger.cookies


def test_a_session_id_from_before_the_login_is_worth_nothing_after_it(stranger):
    planted = "attacker-knows-this-value"
    stranger.cookies.set(COOKIE, planted, domain="testserver.local", path="/")
    response = log_in(stranger)

    given = next(value for value in response.headers.get_list("set-cookie") if value.startswith(COOKIE))
    assert planted not in given
    assert come_with(stranger, planted) == 303


def test_logging_in_again_ends_the_browsers_earlier_session(client):
    before = client.cookies[COOKIE]
    token = token_of(client.get("/account").text)
    client.post("/login", data={"name": USER, "password": PASSWORD, "_csrf_token": token})
    after = client.cookies[COOKIE]

    assert after != before
    assert come_with(client, before) == 303
    assert come_with(client, after) == 200


def test_logout_ends_the_session_on_the_server(client):
    cookie = client.cookies[COOKIE]
    response = client.post("/logout", data={"_csrf_token": token_of(client.get("/account").text)})

    assert response.headers["location"] == "/login"
    assert come_with(client, cookie) == 303


def test_a_session_ends_by_itself_when_it_is_not_used(client, clock):
    clock.forward(SETTINGS.session_hours * 3600 - 60)
    assert client.get("/presses").status_code == 200
    clock.forward(SETTINGS.session_hours * 3600 - 60)
    assert client.get("/presses").status_code == 200, "use prolongs it"
    clock.forward(SETTINGS.session_hours * 3600 + 1)
    assert client.get("/presses").status_code == 303


def test_a_page_that_refreshes_itself_keeps_no_session_alive(client, clock):
    for _ in range(3):
        clock.forward(SETTINGS.session_hours * 3600 / 3 + 1)
        response = client.get("/boxes", headers={"hx-request": "true"})
    assert (response.status_code, response.headers["hx-redirect"]) == (401, "/login")


def test_a_disabled_account_is_out_at_once(client, world):
    with world.store.write() as connection:
        connection.execute(tables.user.update().values(disabled=True))
    assert client.get("/presses").status_code == 303


def test_guesses_at_one_name_stop_for_known_and_unknown_names_alike(stranger, clock):
    for name in (USER, "nobody"):
        answers = [log_in(stranger, name, f"guess number {n}").status_code for n in range(12)]
        assert answers == [401] * 10 + [429] * 2
        clock.forward(SETTINGS.login_window_s + 1)

    assert log_in(stranger).status_code == 303


def test_the_right_password_does_not_help_while_guesses_are_stopped(stranger):
    for n in range(10):
        log_in(stranger, USER, f"guess number {n}")
    assert log_in(stranger).status_code == 429


def test_guesses_from_one_address_stop_whatever_the_names(stranger):
    answers = [log_in(stranger, f"name {n}", "guess").status_code for n in range(22)]
    assert answers == [401] * 20 + [429] * 2


def test_people_who_know_their_password_are_not_stopped(stranger):
    for _ in range(25):
        assert log_in(stranger).status_code == 303
        stranger.cookies.clear()


def test_what_was_typed_as_a_name_is_not_kept_unless_it_is_one(stranger, world):
    log_in(stranger, "my secret password", "x")
    log_in(stranger, USER, "x")
    rows = users.list_audit(world.store)

    assert [(row.action, row.user) for row in rows] == [("login.attempt", USER), ("login.attempt", "")]
    assert not any("secret" in str(row) for row in rows)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "x"]
)
def test_after_the_login_nobody_is_led_elsewhere(stranger, target):
    assert log_in(stranger, form={"next": target}).headers["location"] == "/"


def test_after_the_login_one_comes_where_one_wanted_to_go(stranger):
    asked = "/presses?" + urlencode({"box": "riga/desk"})
    led = stranger.get(asked).headers["location"]
    page = stranger.get(led).text

    assert 'name="next" value="/presses?box=riga%2Fdesk"' in page
    assert log_in(stranger, form={"next": asked}).headers["location"] == asked


# What is sent here proves itself, and no browser has anything that could: boxes, and programs with a token.
PROVED = {"/api/enrol", "/api/enrol/renew", "/api/v1/receipts"}


@pytest.mark.parametrize("token", [None, "", "0" * 128])
def test_no_form_is_taken_without_its_token(app, client, world, token):
    world.box("riga", "counter-1")
    data = {"name": USER, "password": PASSWORD, "language": "ru", "key": "others"}
    before = users.list_audit(world.store)
    walked = 0
    for path, method, opt in handlers(app):
        if method in SAFE or path in PROVED:
            continue
        assert not opt.get("exclude_from_csrf"), f"{path} takes forms without a token"
        address = concrete(path, {"site": "riga", "box": "counter-1"})
        form = data if token is None else data | {"_csrf_token": token}
        assert client.request(method, address, data=form).status_code == 403, path
        walked += 1
    assert walked >= 12
    assert world.commands == []
    assert users.list_audit(world.store) == before
    assert client.get("/presses").status_code == 200


def test_one_sees_and_ends_ones_other_sessions_and_nobody_elses(make_app, client, world):
    users.create_user(world.store, "boris", "another long password")
    with TestClient(make_app()) as other, TestClient(make_app()) as boris:
        log_in(other, headers={"user-agent": "<b>Other</b> browser"})
        log_in(boris, "boris", "another long password")
        page = client.get("/account").text
        assert "&lt;b&gt;Other&lt;/b&gt; browser" in page
        token = token_of(page)
        with world.store.read() as connection:
            foreign = connection.execute(
                select(tables.session.c.key).join(tables.user).where(tables.user.c.name == "boris")
            ).scalar_one()
        client.post("/account/sessions/revoke", data={"key": foreign, "_csrf_token": token})
        assert boris.get("/account").url.path == "/account"
        client.post("/account/sessions/revoke", data={"key": "others", "_csrf_token": token})
        assert other.get("/account").url.path == "/login"
        assert client.get("/account").status_code == 200
        with world.store.read() as connection:
            assert connection.execute(select(func.count()).select_from(tables.session)).scalar() == 2
