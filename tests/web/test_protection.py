"""What a stranger gets (nothing), what hostile texts become (text), what browsers are told."""

from __future__ import annotations

import pytest
from web_routes import concrete, handlers
from web_world import World, token_of

from cloud_bridge.store import queries
from edge import wire

PUBLIC_PATHS = {"/login", "/language", "/healthz", "/metrics", "/static/{file_path:path}"}
# What a box says here it proves by itself.
PUBLIC_PATHS |= {"/api/enrol", "/api/enrol/renew"}
PUBLIC_PATHS |= {"/updates/{offer:str}/{token:str}/bundle.raucb"}
# The link of an invitation is its proof.
PUBLIC_PATHS |= {"/invite/{secret:str}", "/invite/{secret:str}/accept"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"


def test_every_route_but_the_public_ones_refuses_strangers(stranger, app):
    assert {path for path, _, opt in handlers(app) if opt.get("public")} == PUBLIC_PATHS
    token = token_of(stranger.get("/login").text)
    walked = 0
    for route, method, _ in handlers(app):
        if route in PUBLIC_PATHS:
            continue
        path = concrete(route)
        response = stranger.request(method, path, headers={"x-csrftoken": token})
        if path.startswith(("/api", "/schema")):
            assert response.status_code == 401, path
            assert method == "HEAD" or response.json()["status_code"] == 401
        else:
            assert response.status_code == 303, path
            assert response.headers["location"].startswith("/login"), path
        walked += 1
    assert walked >= 18


def test_what_is_public_says_nothing_about_the_house(stranger):
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/static/base.css").status_code == 200
    # The client of these tests has no loopback address.
    assert stranger.get("/metrics").status_code == 401
    assert "v0" not in stranger.get("/login").text


@pytest.mark.parametrize(
    "path", ["/presses", "/login", "/nothing", "/api/v1/presses", "/static/base.css", "/api/v1/none"]
)
def test_every_answer_carries_the_protecting_headers(client, path):
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_kept_by_nobody(client):
    assert client.get("/presses").headers["cache-control"] == "no-store"


def test_a_page_has_a_style_nonce_of_its_own_only_where_it_needs_one(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=1)
    first, second = (client.get(f"/presses/{press}") for _ in range(2))

    assert "nonce" not in client.get("/presses").headers["content-security-policy"]
    nonces = {r.headers["content-security-policy"].split("'nonce-")[1].split("'")[0] for r in (first, second)}
    assert len(nonces) == 2
    assert all(nonce in first.text + second.text for nonce in nonces)


def test_no_page_holds_inline_script_or_style(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=1)
    for path in ("/presses", f"/presses/{press}", "/boxes", "/quarantine", "/account"):
        page = client.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert "javascript:" not in page
        assert all("src=" in part.split(">")[0] for part in page.split("<script")[1:])


def test_texts_of_boxes_stay_texts(client, world):
    press, track = world.press(employee=EVIL)
    world.sound(press, track, seconds=1, capture=EVIL, partial=True, partial_reason=EVIL)
    lost, lost_track = world.press()
    world.event("riga", "counter-1", wire.TrackLostData(track=lost_track, press=lost, reason=EVIL, bytes=0))
    world.box("riga", "counter-1", version=EVIL, devices={EVIL: False}, faults=(EVIL,))
    fault = wire.FaultData(name="usb", device=EVIL, active=True, detail=EVIL, stamp=world.stamp())
    world.event("riga", "counter-1", fault)
    world.message("earshot/" + EVIL, EVIL.encode())

    for path in ("/presses", f"/presses/{press}", f"/presses/{lost}", "/boxes", "/quarantine"):
        page = client.get(path).text
        assert "&lt;script&gt;alert(1)" in page, path
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "{{7*7}}" in page or "49" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/presses/..%2f..%2fetc%2fpasswd",
        "/presses/" + "a" * 31,
        "/presses/" + "A" * 32,
        "/presses/" + "a" * 31 + "%0a",
        "/api/v1/presses/%2e%2e",
        "/api/v1/tracks/" + "g" * 32,
        "/api/v1/tracks/..%2f..%2fbridge.db/audio",
        "/static/..%2f..%2fapp.py",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/boxes/..%2f/x",
    ],
)
def test_ids_lead_nowhere_else(client, path):
    response = client.get(path)

    assert response.status_code in {404, 405}
    assert "create_app" not in response.text
    assert "root:" not in response.text


@pytest.mark.parametrize(
    "query",
    [
        "box=riga",
        "box=riga/../x",
        "box=RIGA/x",
        "trigger=all",
        "state=gone",
        "cursor=1",
        "cursor=99999999999999999999.aa",
        "cursor=9999999999999999999." + "a" * 32,
        "cursor=1." + "a" * 32 + "'--",
    ],
)
@pytest.mark.parametrize("path", ["/presses", "/api/v1/presses"])
def test_impossible_filters_are_named_impossible(client, path, query):
    assert client.get(f"{path}?{query}").status_code == 400


def test_an_error_of_ours_shows_no_inside(client, monkeypatch, caplog):
    monkeypatch.setattr(queries, "boxes", lambda _store: 1 / 0)
    page, answer = client.get("/boxes"), client.get("/api/v1/boxes")

    assert (page.status_code, answer.status_code) == (500, 500)
    assert answer.json() == {"status_code": 500, "detail": "internal error"}
    assert "ZeroDivision" not in page.text + answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_form_may_not_be_long(client):
    response = client.post("/login", data={"name": "x" * 100_000})
    assert response.status_code in {403, 413}


def test_metrics_are_for_the_token_or_this_machine(world: World):
    from litestar.testing import TestClient
    from prometheus_client import CollectorRegistry, Counter
    from web_world import SETTINGS

    from cloud_bridge.web.app import create_app
    from cloud_bridge.web.settings import WebSettings

    registry = CollectorRegistry()
    Counter("presses", "Presses", registry=registry).inc()
    closed = WebSettings(secret=SETTINGS.secret, metrics_token="t" * 20)
    with TestClient(create_app(world.store, world.blobs, closed, world.send_command, registry=registry)) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": "Bearer nope"}).status_code == 401
        assert "presses_total 1.0" in client.get("/metrics", headers={"authorization": "Bearer " + "t" * 20}).text
