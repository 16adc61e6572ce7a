"""The pages of the organisation: what people arrange there, and what is refused."""

from __future__ import annotations

import html
import re

import pytest
from web_world import token_of

from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.web import organisation_view
from edge import wire


def words(response):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


@pytest.fixture
def site(world):
    """Two boxes at riga; Ann is on shift at the second one."""
    world.box("riga", "counter-1")
    world.box("riga", "counter-2")
    world.press("riga", "counter-1", employee="Bob")
    world.event(
        "riga", "counter-2", wire.ShiftData(button="red", employee="Ann", source="mqtt", stamp=world.stamp(3600))
    )
    return "/organisation/riga"


@pytest.fixture
def today(clock, world):
    """The clock of the pages shows the time of the boxes."""
    clock.now_ns = world.stamp().wall_ns
    return clock


@pytest.fixture
def send(client, site):
    """Sends one of the site's forms with everything that its page filled in."""

    def post(name, /, **form):
        return client.post(f"{site}/{name}", data={"_csrf_token": token_of(client.get(site).text)} | form)

    return post


def test_a_site_shows_its_counters_who_is_on_shift_and_when_it_works(client, site, today):
    assert "riga" in words(client.get("/organisation"))
    text = words(client.get(site))
    assert "counter-2 counter-2 (all buttons) Ann" in text
    assert "counter-1 counter-1 (all buttons) –" in text
    assert "counter-2 / red Ann" in text


def test_a_counter_is_made_renamed_and_gets_a_button(send, client, world, site):
    assert send("counters", name="Hall", title="The hall").status_code == 303
    assert send("counters", name="hall", title="Great hall").status_code == 303
    assert send("sources", what="counter-1/green", counter="hall").status_code == 303
    known = org.organisation(world.store)
    assert known.counter_of("riga", "counter-1", "green").title == "Great hall"
    assert known.counter_of("riga", "counter-1", "red").name == "counter-1"
    assert send("sources", what="counter-1/green", counter="").status_code == 303
    assert org.organisation(world.store).counter_of("riga", "counter-1", "green").name == "counter-1"
    done = [(row.action, row.object) for row in users.list_audit(world.store)][:4]
    assert ("counter.put", "riga/hall") in done
    assert ("source.assign", "riga/counter-1/green to hall") in done


@pytest.mark.parametrize(
    ("name", "form", "status"),
    [
        ("counters", {"name": "Зал"}, 400),
        ("counters", {"name": "a/b"}, 400),
        ("sources", {"what": "counter-1", "counter": "none"}, 400),
        ("sources", {"what": "counter-1", "counter": ""}, 400),
        ("sources", {"what": "counter-9", "counter": "counter-1"}, 404),
        ("settings", {"title": "Riga", "time_zone": "Mars/Base"}, 400),
        ("settings", {"title": "Riga", "time_zone": "UTC", "own": "yes"}, 400),
        ("settings", {"title": "Riga", "time_zone": "UTC", "own": "yes", "mon": "18:00-09:00"}, 400),
        ("settings", {"title": "Riga", "time_zone": "UTC", "own": "yes", "mon": "09:00-18:00", "holidays": "May"}, 400),
        ("settings", {"title": " ", "time_zone": "UTC"}, 400),
        ("people", {"name": " "}, 400),
    ],
)
def test_what_cannot_be_is_refused_and_named(send, world, name, form, status):
    before = org.organisation(world.store)
    answer = send(name, **form)
    assert answer.status_code == status
    if status == 400:
        assert "Not changed:" in words(answer)
    assert org.organisation(world.store) == before


def test_hours_are_kept_and_shown_again(send, client, world, site):
    form = {
        "title": "Riga, Brivibas 1",
        "time_zone": "Europe/Riga",
        "own": "yes",
        "mon": "9:00-13:00, 14:00–18:00",
        "sun": "10:00-24:00",
        "holidays": "2026-12-25\n2026-12-26",
        "special": "2026-12-31 09:00-14:00",
    }
    assert send("settings", **form).status_code == 303
    kept = org.organisation(world.store).sites["riga"]
    shown = organisation_view.hours_form(kept)
    assert (shown.mon, shown.tue, shown.sun) == ("09:00-13:00, 14:00-18:00", "", "10:00-24:00")
    assert (shown.holidays, shown.special) == ("2026-12-25\n2026-12-26", "2026-12-31 09:00-14:00")
    assert "Riga, Brivibas 1" in words(client.get("/organisation"))
    assert send("settings", title="Riga", time_zone="UTC").status_code == 303
    assert org.organisation(world.store).sites["riga"].calendar is None


def test_what_was_typed_is_still_there_after_a_refusal(send):
    answer = send("settings", title="Riga", time_zone="UTC", own="yes", mon="18:00-09:00", holidays="2026-12-25")
    assert 'value="18:00-09:00"' in answer.text
    assert "2026-12-25" in answer.text


def test_people_get_names_in_words(send, client, world, site, today):
    assert send("people", name="Ann", title="Anna Berzina").status_code == 303
    assert org.organisation(world.store).employees["Ann"].site == "riga"
    assert "Anna Berzina" in words(client.get(site))
    assert send("people", name="Ann", title="Anna Berzina", elsewhere="yes", retired="yes").status_code == 303
    known = org.organisation(world.store).employees["Ann"]
    assert (known.site, known.retired) == (None, True)


def test_a_site_that_nobody_has_heard_of_is_not_there(client):
    assert client.get("/organisation/nowhere").status_code == 404


def test_a_site_manager_names_people_of_their_site_alone(world, enter, site):
    world.box("oslo", "counter-1")
    org.put_employee(world.store, "Olga", title="Olga", site="oslo")
    manager = enter(users.Role.SITE_MANAGER, (Place("riga"),))
    token = token_of(manager.get("/account").text)
    form = {"_csrf_token": token, "name": "Ann", "title": "Anna"}
    assert manager.post(f"{site}/people", data=form).status_code == 303
    assert manager.post("/organisation/oslo/people", data=form).status_code == 404
    assert manager.post(f"{site}/people", data=form | {"name": "Olga"}).status_code == 403
    assert manager.post(f"{site}/settings", data=form | {"time_zone": "UTC"}).status_code == 403
    assert "Settings of the site" not in words(manager.get(site))
    of_counter = enter(users.Role.SITE_MANAGER, (Place("riga", "counter-1"),))
    form["_csrf_token"] = token_of(of_counter.get("/account").text)
    assert of_counter.post(f"{site}/people", data=form).status_code == 403
    assert "counter-2" not in words(of_counter.get(site))
