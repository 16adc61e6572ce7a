"""The pages of how long data is kept, of legal holds, and of persons who want to know or to be forgotten."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from litestar.testing import TestClient
from web_world import PASSWORD, log_in, token_of

from cloud_bridge.cases import letters, members
from cloud_bridge.cases.rows import Contact
from cloud_bridge.retention import holds, persons, work
from cloud_bridge.retention.classes import DataClass, rules
from cloud_bridge.retention.sweep import Sweep
from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role

MAIL = "ilze@example.org"
DAY_S = 86_400


@pytest.fixture
def post(client):
    token = token_of(client.get("/account").text)

    def send(path, **form):
        return client.post(path, data={"_csrf_token": token, **form})

    return send


@pytest.fixture
def press(world):
    world.box("riga", "counter-1")
    press, track = world.press(employee="Ann")
    world.sound(press, track, seconds=1)
    world.snapshot(press, picture=True)
    return press


@pytest.fixture
def case(world, press, clock):
    made = members.gather(world.store, [press], by="anna", now_ns=clock.now_ns)
    letters.set_contact(world.store, made, Contact(name="Ilze", email=MAIL), by="anna", now_ns=clock.now_ns)
    return made


def audited(world, action):
    return [row.object for row in users.list_audit(world.store) if row.action == action]


def alerts_of(answer):
    return re.findall(r'role="alert">([^<]*)', answer.text)


def sweep(world, now_ns):
    one = Sweep(world.store, world.blobs)
    while one.work(now_ns):
        pass


def test_days_are_set_and_what_is_older_goes(client, post, world, press, clock):
    form = {str(name): "" for name in DataClass} | {"unreviewed_sound": "30", "photos": "7"}
    assert alerts_of(post("/retention/rules", **form)) == [
        "Tick that you know what happens: what is older is deleted for good."
    ]
    assert post("/retention/rules", **form, sure="1").status_code == 303
    assert sorted(audited(world, "retention.set")) == ["photos 7", "unreviewed_sound 30"]
    with world.store.read() as connection:
        assert {str(name): rule.days for name, rule in rules(connection).items() if rule.days} == {
            "unreviewed_sound": 30,
            "photos": 7,
        }
    assert 'value="30"' in client.get("/retention").text
    # Arrival is by the real clock here.
    track = client.get(f"/api/v1/presses/{press}").json()["tracks"][0]["id"]
    assert client.get(f"/api/v1/tracks/{track}/audio").status_code == 200
    sweep(world, clock.now_ns + 400 * DAY_S * 10**9)
    page = client.get(f"/presses/{press}").text
    assert "The sound was deleted" in page
    assert "The picture was deleted" in page
    assert client.get(f"/api/v1/tracks/{track}/audio").status_code == 404
    snapshot = client.get(f"/api/v1/presses/{press}").json()["snapshot"]
    assert (snapshot["picture"], snapshot["picture_state"]) == (None, "deleted")
    listed = client.get("/retention").text
    assert "Sound outside of cases" in listed
    assert f"/presses/{press}" in listed
    assert client.get("/presses?state=deleted").text.count(f'id="press-{press}"') == 1


def test_days_that_cannot_be_are_refused_and_stay_typed(post, world):
    for days in ("0", "x", "-1", "99999", "1.5"):
        answer = post("/retention/rules", photos=days, sure="1")
        assert (answer.status_code, alerts_of(answer)) == (400, ["Give 1 to 36,500 days, or nothing for ever."])
        assert f'value="{days}"' in answer.text
    assert audited(world, "retention.set") == []


def test_removals_are_paged(client, post, world, press, clock, monkeypatch):
    monkeypatch.setattr("cloud_bridge.web.retention.PAGE_ROWS", 1)
    post("/retention/rules", unreviewed_sound="1", photos="1", sure="1")
    sweep(world, clock.now_ns + 400 * DAY_S * 10**9)
    first = client.get("/retention").text
    older = re.search(r'href="(/retention\?before=\d+)"', first)[1]
    second = client.get(older).text
    assert first.count("<code title=") == second.count("<code title=") == 1
    assert 'href="/retention?before=' not in second
    assert client.get("/retention?before=0").status_code == 400


def test_a_press_and_a_case_are_held_and_released(client, post, world, press, case):
    assert post(f"/presses/{press}/hold", reason="Claim 4711").headers["location"] == f"/presses/{press}"
    assert post(f"/cases/{case}/hold", reason="Claim 4712").headers["location"] == f"/cases/{case}"
    for path in ("/retention", f"/presses/{press}"):
        text = client.get(path).text
        assert "Claim 4711" in text
        assert "Claim 4712" in text
    assert "Claim 4712" in client.get(f"/cases/{case}").text
    first, second = holds.of_press(world.store, press)
    assert post(f"/holds/{first.id}/release", next="/retention").headers["location"] == "/retention"
    assert post(f"/holds/{second.id}/release", next="//evil.example").headers["location"] == "/"
    assert holds.of_press(world.store, press) == ()
    assert post(f"/holds/{first.id}/release").status_code == 400
    assert post("/holds/4711/release").status_code == 404
    assert post(f"/presses/{press}/hold", reason=" ").status_code == 400
    assert post(f"/presses/{'f' * 32}/hold", reason="Claim").status_code == 404
    assert audited(world, "hold.make") == [f"case {case}, hold {second.id}", f"press {press}, hold {first.id}"]
    assert len(audited(world, "hold.release")) == 2


def test_a_person_is_looked_for_exported_and_removed(client, post, world, press, case, clock):
    found = post("/persons/find", kind="client", who=f" {MAIL.upper()} ")
    assert found.status_code == 200
    assert "Delete for good" in found.text
    answer = post("/persons/export", kind="client", who=MAIL)
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("person.json"))["contacts"][0]["email"] == MAIL
        assert len(archive.namelist()) == 3
    asked = {"kind": "client", "who": MAIL, "reason": "asked by letter", "sound": "1"}
    assert alerts_of(post("/persons/remove", **asked)) == ["Tick that you know that this cannot be undone."]
    answer = post("/persons/remove", **asked, sure="1")
    path = answer.headers["location"]
    assert "In work" in client.get(path).text
    assert work.remove_persons(world.store, world.blobs, clock.now_ns)
    text = client.get(path).text
    assert "Done" in text
    proof = client.get(f"{path}/proof").json()
    assert {one["kind"] for one in proof["removed"]} == {"sound", "picture", "contact"}
    assert all(one["sha256"] for one in proof["removed"] if one["kind"] in {"sound", "picture"})
    assert persons.digest_of(proof["salt"], MAIL) == proof["person_sha256"]
    assert proof["asked_by"] == "anna"
    assert "Nothing is kept" in post("/persons/find", kind="client", who=MAIL).text
    assert "Contact and messages of the client deleted" in client.get(f"/cases/{case}").text
    # Nobody is named by what outlives the person.
    trail = str(users.list_audit(world.store))
    assert MAIL not in trail
    assert {row.action for row in users.list_audit(world.store)} >= {
        "person.find",
        "person.export",
        "person.remove",
        "person.proof",
    }
    assert MAIL not in client.get("/persons").text + client.get(path).text


def test_an_employee_is_removed_and_a_hold_is_told_of(client, post, world, press, clock):
    holds.hold_press(world.store, press, "Claim 4711", by="anna", now_ns=clock.now_ns)
    answer = post("/persons/remove", kind="employee", who="Ann", reason="left the company", sure="1")
    for _ in range(20):
        if not work.remove_persons(world.store, world.blobs, clock.now_ns):
            break
    text = client.get(answer.headers["location"]).text
    assert "Waits for a legal hold" in text
    assert f"/presses/{press}" in text
    assert "Ann<" not in client.get("/persons").text


def test_nobody_and_nonsense_are_refused(client, post, world):
    assert "Nothing is kept" in post("/persons/find", kind="employee", who="Nobody").text
    for path in ("/persons/export", "/persons/remove"):
        answer = post(path, kind="client", who="", reason="asked", sure="1")
        assert (answer.status_code, alerts_of(answer)) == (
            400,
            ["Nobody is known by this name, address or number."],
        )
    assert post("/persons/find", kind="ghost", who="x").status_code == 400
    for path in ("/persons/1", "/persons/0", f"/persons/{2**70}", "/persons/1/proof"):
        assert client.get(path).status_code == 404


def test_only_what_is_in_reach_is_held(world, make_app, press, case, clock):
    world.box("elsewhere", "counter-1")
    foreign, _ = world.press("elsewhere")
    made = users.create_user(world.store, "quality", PASSWORD, Role.QUALITY_MANAGER)
    with world.store.write() as connection:
        org.set_places(connection, made.id, (Place("riga"),))
    hold = holds.hold_press(world.store, foreign, "Claim 4711", by="anna", now_ns=clock.now_ns)
    with TestClient(make_app()) as client:
        client.follow_redirects = False
        log_in(client, "quality")
        form = {"_csrf_token": token_of(client.get("/account").text), "reason": "Claim 4712"}
        assert client.post(f"/presses/{foreign}/hold", data=form).status_code == 404
        assert client.post(f"/holds/{hold}/release", data=form).status_code == 404
        assert client.post(f"/cases/{case}/hold", data=form).status_code == 303
        assert client.get("/retention").status_code == client.get("/persons").status_code == 403
