"""Every route with every role: refused exactly where the table says so, and nothing of other places shown."""

from __future__ import annotations

from itertools import product

import pytest
from litestar.testing import TestClient
from web_routes import SAFE, concrete, handlers
from web_world import log_in, token_of

from cloud_bridge.access.permissions import Binding, scopes
from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role
from cloud_bridge.web import app as app_module
from cloud_bridge.web.navigation import MANAGE, WORK

HERE, THERE = "riga", "elsewhere"
ACCOUNTS = {
    "everywhere": (),
    "site": (Place(HERE),),
    "counter": (Place(HERE, "counter-1"),),
}


def test_every_route_says_who_may(app):
    for path, method, opt in handlers(app):
        said = [key for key in ("public", "signed_in", "action") if opt.get(key)]
        if not said and opt.get("program"):
            # Programs alone may: then nobody's cookie counts.
            assert opt["exclude_from_csrf"], f"{method} {path}"
            continue
        assert len(said) == 1, f"{method} {path} needs opt=needs(Action…), SIGNED_IN or PUBLIC"


@pytest.mark.parametrize("where", list(ACCOUNTS))
@pytest.mark.parametrize("role", list(Role))
def test_every_route_refuses_exactly_whom_the_table_refuses(app, enter, role, where):
    places = ACCOUNTS[where]
    binding = Binding(role, places, "Ann")
    client = enter(role, places)
    token = token_of(client.get("/account").text)
    walked = 0
    for path, method, opt in handlers(app):
        action = opt.get("action")
        if action is None or path.endswith("/live"):
            continue
        answer = client.request(method, concrete(path, {}), headers={"x-csrftoken": token})
        refused = not scopes([binding], action)
        assert (answer.status_code == 403) == refused, (method, path, action, answer.status_code)
        walked += 1
    assert walked >= 20


def test_a_route_that_says_nothing_is_refused_to_everybody(monkeypatch, world):
    monkeypatch.setattr(app_module.presses.show_presses, "opt", {})
    app = app_module.create_app(world.store, world.blobs, app_module.WebSettings(secret="s" * 40), world.send_command)
    with TestClient(app) as client:
        client.follow_redirects = False
        log_in(client)
        assert client.get("/presses").status_code == 403


@pytest.fixture
def two_sites(world):
    """A press with everything at `HERE`, counter-1 by Ann; the same elsewhere, by Bob and by nobody."""
    values = {}
    for site, box, employee in (
        (HERE, "counter-1", "Ann"),
        (HERE, "counter-2", "Ulla"),
        (THERE, "counter-1", "Bob"),
        (THERE, "counter-3", None),
    ):
        world.box(site, box)
        press, track = world.press(site, box, employee=employee)
        world.sound(press, track, site, box, seconds=1)
        snapshot = world.snapshot(press, site, box, picture=True)
        values[site, box] = {
            "press_id": press,
            "track_id": track,
            "snapshot_id": snapshot,
            "site": site,
            "box": box,
        }
    return values


# Business sees whole figures, an auditor what everybody did, an admin the company.
BOUND = [Role.OPERATOR, Role.SITE_MANAGER, Role.QUALITY_MANAGER]


@pytest.mark.parametrize(("role", "where"), list(product(BOUND, ["site", "counter"])))
def test_nothing_of_other_places_is_ever_shown(app, enter, two_sites, role, where):
    client = enter(role, ACCOUNTS[where])
    foreign = [values for (site, _), values in two_sites.items() if site == THERE]
    if where == "counter" or role is Role.OPERATOR:
        foreign.append(two_sites[HERE, "counter-2"])
    secrets = [values[name] for values in foreign for name in ("press_id", "track_id", "snapshot_id")]
    secrets += [THERE, "Bob", *(["Ulla"] if two_sites[HERE, "counter-2"] in foreign else [])]
    own = two_sites[HERE, "counter-1"]
    shown = 0
    for path, method, opt in handlers(app):
        if method not in SAFE or opt.get("public") or path.endswith("/live"):
            continue
        for values in [own, *foreign]:
            answer = client.request(method, concrete(path, values))
            if concrete(path, values) != concrete(path, own):
                assert answer.status_code in {403, 404}, (path, values)
            elif answer.status_code == 200 and "octet" not in answer.headers.get("content-type", ""):
                shown += 1
                text = answer.content.decode("utf-8", "replace")
                found = [secret for secret in secrets if secret in text and secret not in str(answer.url)]
                assert not found, (path, found)
    assert shown >= 4


def test_an_operator_sees_and_hears_what_is_theirs_and_downloads_nothing(enter, two_sites):
    client = enter(Role.OPERATOR, (Place(HERE),))
    own = two_sites[HERE, "counter-1"]
    page = client.get(f"/presses/{own['press_id']}")
    assert page.status_code == 200
    assert "download=true" not in page.text
    assert "/qualify" not in page.text
    assert client.get(f"/api/v1/tracks/{own['track_id']}/audio").status_code == 200
    assert client.get(f"/api/v1/tracks/{own['track_id']}/audio?download=true").status_code == 403
    assert client.get(f"/api/v1/presses/{own['press_id']}").json()["snapshot"] is None
    assert [row["id"] for row in client.get("/api/v1/presses").json()["presses"]] == [own["press_id"]]


def test_a_quality_manager_of_a_counter_works_there_alone(enter, two_sites):
    client = enter(Role.QUALITY_MANAGER, (Place(HERE, "counter-1"),))
    token = token_of(client.get("/account").text)
    for key, values in two_sites.items():
        expected = 303 if key == (HERE, "counter-1") else 404
        form = {"score": "3", "_csrf_token": token}
        assert client.post(f"/snapshots/{values['snapshot_id']}/qualify", data=form).status_code == expected
    assert [box["site"] for box in client.get("/api/v1/boxes").json()] == [HERE]


def test_an_operator_whom_no_press_names_sees_none(enter, two_sites):
    client = enter(Role.OPERATOR, employee=None)
    assert client.get("/presses").status_code == 403
    client.follow_redirects = True
    assert client.get("/").status_code == 200


def test_a_track_without_its_press_is_shown_to_who_sees_all_of_its_box(enter, world):
    world.box(HERE, "counter-1")
    track = world.new_id()
    world.sound(world.new_id(), track, seconds=1)
    path = f"/api/v1/tracks/{track}"
    assert enter(Role.SITE_MANAGER, (Place(HERE),)).get(path).status_code == 200
    assert enter(Role.SITE_MANAGER, (Place(HERE, "counter-1"),)).get(path).status_code == 200
    assert enter(Role.SITE_MANAGER, (Place(THERE),)).get(path).status_code == 404
    assert enter(Role.OPERATOR).get(path).status_code == 404


def test_a_press_elsewhere_that_names_a_track_gives_nobody_its_sound(enter, world):
    world.box(HERE, "counter-1")
    press, track = world.press(employee="Ulla")
    world.sound(press, track, seconds=1)
    world.press(THERE, "counter-9", employee="Ann", track=track)
    assert enter(Role.OPERATOR).get(f"/api/v1/tracks/{track}/audio").status_code == 404
    assert enter(Role.QUALITY_MANAGER, (Place(THERE),)).get(f"/api/v1/tracks/{track}/audio").status_code == 404


def test_the_navigation_shows_what_may_be_used(enter):
    for role in Role:
        page = enter(role).get("/account").text
        for entry in (*WORK, *MANAGE):
            assert (f'href="/{entry.section}"' in page) == bool(scopes([Binding(role, (), "Ann")], entry.action))


def test_everybody_has_a_home_that_opens(enter):
    for role in Role:
        client = enter(role)
        client.follow_redirects = True
        assert client.get("/").status_code == 200


def test_places_that_are_taken_away_end_what_is_seen_at_once(enter, world, two_sites):
    client = enter(Role.SITE_MANAGER, (Place(HERE),))
    press = two_sites[HERE, "counter-2"]["press_id"]
    assert client.get(f"/presses/{press}").status_code == 200
    account = users.user_by_name(world.store, f"{Role.SITE_MANAGER}0")
    with world.store.write() as connection:
        org.set_places(connection, account.id, (Place(HERE, "counter-1"),))
    assert client.get(f"/presses/{press}").status_code == 404


def test_a_refusal_names_what_is_refused(enter):
    answer = enter(Role.BUSINESS).get("/api/v1/presses")
    assert answer.status_code == 403
    assert "see presses" in answer.json()["detail"]
