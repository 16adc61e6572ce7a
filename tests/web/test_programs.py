"""Programs by token: what it opens and where, until when, how often; receipts over HTTP; never a cookie's power."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from litestar.testing import TestClient
from msgspec import structs
from sqlalchemy import select
from web_world import SETTINGS, log_in, token_of

from cloud_bridge.simulate.receipts import post_receipts
from cloud_bridge.simulate.world import make_world
from cloud_bridge.store import tables as t
from cloud_bridge.store import tallies, tokens
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_token import api_token
from cloud_bridge.store.tokens import TokenError, TokenScope

ALL = tuple(TokenScope)


@pytest.fixture
def program(make_app, world, clock):
    """Gives a client with a token of these scopes and places."""
    clients = []

    def make(*scopes, places=(), days=30):
        secret = tokens.make_token(world.store, "crm", scopes, places, days=days, by="anna", now_ns=clock())
        client = TestClient(make_app())
        client.__enter__()
        client.headers["authorization"] = f"Bearer {secret}"
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


def iso(clock, ago_s=0):
    return datetime.fromtimestamp(clock() / 1e9 - ago_s, UTC).isoformat()


def audited(world):
    with world.store.read() as connection:
        return [tuple(row) for row in connection.execute(select(t.audit.c.user, t.audit.c.action, t.audit.c.object))]


def test_a_token_opens_what_its_scopes_name_and_no_page(program, world):
    press, track = world.press()
    world.sound(press, track, seconds=1)
    reader = program(TokenScope.PRESSES_READ)
    assert [one["id"] for one in reader.get("/api/v1/presses").json()["presses"]] == [press]
    assert reader.get(f"/api/v1/presses/{press}").json()["snapshot"] is None
    refused = reader.get(f"/api/v1/tracks/{track}/audio")
    assert (refused.status_code, "tracks.read" in refused.json()["detail"]) == (403, True)
    for path in ("/api/v1/boxes", "/api/v1/receipts?site=riga", "/api/v1/snapshots/" + "0" * 32):
        assert reader.get(path).status_code == 403, path
    for path in ("/presses", "/account"):
        assert reader.get(path, follow_redirects=False).status_code == 303, path
    listener = program(TokenScope.TRACKS_READ)
    assert listener.get(f"/api/v1/tracks/{track}/audio").status_code == 200
    assert any(user.startswith("token ") and action == "track.listen" for user, action, _ in audited(world))


def test_a_token_keeps_to_its_places(program, world, clock):
    here, _ = world.press("riga", "counter-1", track=False)
    there, _ = world.press("jelgava", "counter-1", track=False)
    one = program(*ALL, places=(Place("riga", "counter-1"),))
    assert [press["id"] for press in one.get("/api/v1/presses").json()["presses"]] == [here]
    assert one.get(f"/api/v1/presses/{there}").status_code == 404
    receipt = {"id": "1", "till": "counter-1", "time": iso(clock)}
    assert one.post("/api/v1/receipts", json={"site": "riga", "receipts": [receipt]}).status_code == 200
    for body in (
        {"site": "jelgava", "receipts": [receipt]},
        {"site": "riga", "receipts": [receipt, receipt | {"id": "2", "till": "counter-2"}]},
        {"site": "riga", "voids": ["1"]},
    ):
        assert one.post("/api/v1/receipts", json=body).status_code == 403, body
    whole = program(*ALL, places=(Place("riga"),))
    assert whole.post("/api/v1/receipts", json={"site": "riga", "voids": ["1"]}).json()["voided"] == 1


def test_a_token_ends(program, world, clock):
    client = program(TokenScope.PRESSES_READ, days=1)
    assert client.get("/api/v1/presses").status_code == 200
    clock.forward(86_400)
    answer = client.get("/api/v1/presses")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    client = program(TokenScope.PRESSES_READ)
    (newest, *_) = tokens.list_tokens(world.store)
    assert tokens.revoke(world.store, newest.id, clock())
    assert not tokens.revoke(world.store, newest.id, clock())
    assert client.get("/api/v1/presses").status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer earshot_wrong", "Basic YTpi", "bearer earshot_\xff"])
def test_what_is_no_token_is_nobody(stranger, header):
    answer = stranger.get("/api/v1/presses", headers={b"authorization": header.encode("latin-1")})
    assert answer.status_code == 401


def test_a_wrong_token_is_not_saved_by_a_cookie(client):
    assert client.get("/api/v1/presses").status_code == 200
    assert client.get("/api/v1/presses", headers={"authorization": "Bearer earshot_wrong"}).status_code == 401


def test_receipts_take_no_cookie(client, clock):
    body = {"site": "riga", "receipts": [{"id": "1", "till": "t", "time": iso(clock)}]}
    assert client.post("/api/v1/receipts", json=body).status_code == 403


def test_the_secret_is_kept_as_a_digest_and_its_use_is_noted(program, world, clock):
    client = program(TokenScope.PRESSES_READ)
    secret = client.headers["authorization"].removeprefix("Bearer ")
    assert secret.startswith(tokens.PREFIX)
    assert len(secret) > 40
    with world.store.read() as connection:
        stored = connection.execute(select(api_token)).one()
    assert secret not in repr(stored)
    assert stored.used_ns is None
    client.get("/api/v1/presses")
    assert tokens.list_tokens(world.store)[0].used_ns == clock()
    first = clock()
    clock.forward(30)
    client.get("/api/v1/presses")
    assert tokens.list_tokens(world.store)[0].used_ns == first


def test_a_minute_holds_so_many_requests_of_a_token(program, clock):
    clock.now_ns -= clock.now_ns % 60_000_000_000
    client, other = program(TokenScope.PRESSES_READ), program(TokenScope.PRESSES_READ)
    state = client.app.state
    few = structs.replace(state.services.settings, token_requests_a_minute=3)
    state.services = replace(state.services, settings=few)
    assert [client.get("/api/v1/presses").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get("/api/v1/presses").headers["retry-after"] == "60"
    client.headers["authorization"], kept = other.headers["authorization"], client.headers["authorization"]
    assert client.get("/api/v1/presses").status_code == 200
    client.headers["authorization"] = kept
    clock.forward(60)
    assert client.get("/api/v1/presses").status_code == 200
    state.services = replace(state.services, settings=SETTINGS)


def test_receipts_come_in_once_and_are_read_back_page_by_page(program, clock):
    client = program(TokenScope.RECEIPTS_WRITE, TokenScope.RECEIPTS_READ)
    receipts = [{"id": f"r{n}", "till": "till-1", "time": iso(clock, 100 - n), "employee": "Anna"} for n in range(10)]
    body = {"site": "riga", "receipts": receipts, "voids": ["r3", "later"]}
    assert client.post("/api/v1/receipts", json=body).json() == {
        "new": 10, "repeated": 0, "voided": 1, "conflicting": [],
    }  # fmt: skip
    assert client.post("/api/v1/receipts", json=body).json() == {
        "new": 0, "repeated": 10, "voided": 0, "conflicting": [],
    }  # fmt: skip
    changed = body | {"receipts": [receipts[0] | {"till": "till-2"}], "voids": []}
    assert client.post("/api/v1/receipts", json=changed).json()["conflicting"] == ["r0"]
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/api/v1/receipts", params={"site": "riga", "limit": 4, "cursor": cursor}).json()
        seen += page["receipts"]
        cursor = page["next"]
    assert [one["id"] for one in seen] == [f"r{n}" for n in range(9, -1, -1)]
    assert [one["id"] for one in seen if one["voided"]] == ["r3"]
    since = receipts[7]["time"].replace("+00:00", "Z")
    found = client.get("/api/v1/receipts", params={"site": "riga", "since": since}).json()["receipts"]
    assert [one["id"] for one in found] == ["r9", "r8", "r7"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "Riga!"},
        {"receipts": [{"id": "", "till": "t", "time": "2026-11-02T10:00:00Z"}]},
        {"receipts": [{"id": "1", "till": "../t", "time": "2026-11-02T10:00:00Z"}]},
        {"receipts": [{"id": "1", "till": "t", "time": "2026-11-02T10:00:00"}]},
        {"receipts": [{"id": "1", "till": "t", "time": "2126-11-02T10:00:00Z"}]},
        {"receipts": [{"id": "1", "till": "t", "time": "0001-01-01T00:00:00Z"}]},
        {"receipts": [{"id": "1\n2", "till": "t", "time": "2026-11-02T10:00:00Z"}]},
        {"receipts": [{"id": "1", "till": "t", "time": "2026-11-02T10:00:00Z", "sum": 12}]},
        {"voids": [str(n) for n in range(1001)]},
        {"surprise": 1},
    ],
)
def test_a_batch_with_one_wrong_receipt_changes_nothing(program, clock, wrong):
    client = program(TokenScope.RECEIPTS_WRITE, TokenScope.RECEIPTS_READ)
    body = {"site": "riga", "receipts": [{"id": "good", "till": "t", "time": iso(clock)}]} | wrong
    answer = client.post("/api/v1/receipts", json=body)
    assert answer.status_code == 400, answer.text
    assert client.get("/api/v1/receipts", params={"site": "riga"}).json()["receipts"] == []


def test_presses_are_asked_by_time(program, world):
    client = program(TokenScope.PRESSES_READ)
    old, _ = world.press(track=False, ago_s=7200)
    new, _ = world.press(track=False)
    hour_ago = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600, UTC).isoformat().replace("+00:00", "Z")

    def ids(**asked):
        return [one["id"] for one in client.get("/api/v1/presses", params=asked).json()["presses"]]

    assert (ids(since=hour_ago), ids(until=hour_ago)) == ([new], [old])
    assert client.get("/api/v1/presses", params={"since": "2026-11-02T10:00:00"}).status_code == 400
    assert ids(since="0001-01-01T00:00:00Z") == [new, old]


@pytest.mark.parametrize(
    ("name", "scopes", "days"), [("", ALL, 1), ("x\n", (), 1), ("x", (), 1), ("x", ALL, 0), ("x", ALL, 5000)]
)
def test_a_token_that_cannot_be_is_refused(world, name, scopes, days):
    with pytest.raises(TokenError):
        tokens.make_token(world.store, name, scopes, (), days=days, by="anna", now_ns=1)


def test_a_logged_in_person_reads_receipts_by_role(client, stranger):
    assert client.get("/api/v1/receipts", params={"site": "riga"}).json() == {"receipts": [], "next": None}
    assert stranger.get("/api/v1/receipts", params={"site": "riga"}).status_code == 401
    log_in(stranger)


def test_an_administrator_makes_sees_and_revokes_a_token(client, stranger, world, clock):
    world.press(track=False)
    token = token_of(client.get("/tokens").text)
    form = {
        "_csrf_token": token, "name": "<b>CRM</b>", "days": "30", "scopes": ["presses.read"], "places": ["riga"],
    }  # fmt: skip
    made = client.post("/tokens/make", data=form)
    (secret,) = re.findall(r"earshot_[\w-]{43}", made.text)
    assert "<b>CRM</b>" not in made.text
    assert secret not in client.get("/tokens").text
    header = {"authorization": f"Bearer {secret}"}
    assert len(stranger.get("/api/v1/presses", headers=header).json()["presses"]) == 1
    (one,) = tokens.list_tokens(world.store)
    assert (one.scopes, one.places) == ({TokenScope.PRESSES_READ}, (Place("riga"),))
    assert client.post(f"/tokens/{one.id}/revoke", data={"_csrf_token": token}).status_code == 303
    assert stranger.get("/api/v1/presses", headers=header).status_code == 401
    assert client.post(f"/tokens/{one.id}/revoke", data={"_csrf_token": token}).status_code == 404
    assert client.post(f"/tokens/{2**63}/revoke", data={"_csrf_token": token}).status_code == 404
    assert {action for _, action, _ in audited(world)} >= {"token.make", "token.revoke"}
    assert not any(secret in said for _, _, said in audited(world))
    for wrong in ({"scopes": []}, {"scopes": ["all"]}, {"places": ["mars"]}, {"days": "x"}, {"name": " "}):
        assert client.post("/tokens/make", data=form | wrong).status_code == 400, wrong
    assert len(tokens.list_tokens(world.store)) == 1


def test_an_invented_store_s_receipts_become_its_index_s_denominator(program, client, world, clock):
    """`earshot simulate --api` against the real API: as many served as were invented, net of voids, however often."""
    end = datetime.fromtimestamp(clock() // 10**9, UTC)
    invented = make_world(2, 2, 3, end)
    till = program(TokenScope.RECEIPTS_WRITE, TokenScope.REPORTS_READ)

    def post(body):
        answer = till.post("/api/v1/receipts", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200, answer.text
        return answer.content

    first = post_receipts(invented, post)
    voids = sum(customer.void for customer in invented.customers)
    assert first == {"new": len(invented.customers), "repeated": 0, "voided": voids}
    assert post_receipts(invented, post) == {"new": 0, "repeated": len(invented.customers), "voided": 0}
    while tallies.count_dirty(world.store):
        pass
    report = till.get("/api/v1/reports/loyalty", params={"by": "employee"}).json()
    served = len(invented.customers) - voids
    assert (report["simulated"], report["tables"][0]["total"]["served"]) == (True, served)
    assert sum(row["served"] for row in report["tables"][0]["rows"]) == served
