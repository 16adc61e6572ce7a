"""One's own work: what waits, one's own figures by the rules for small numbers, one's own presses."""

from __future__ import annotations

import html
import re

import pytest
from web_world import PASSWORD, log_in, token_of

from cloud_bridge.review import questions
from cloud_bridge.store import tallies, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role
from edge import wire


def words(response):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


@pytest.fixture
def press_often(world, clock):
    """Votes that name somebody, counted as the bridge does."""
    clock.now_ns = world.stamp().wall_ns

    def press(employee, red, content):
        world.box("riga", "counter-1")
        for n in range(red + content):
            kind = {} if n < red else {"trigger": wire.Trigger.RATING, "rating": 5, "button": "green"}
            world.press("riga", "counter-1", track=False, employee=employee, ago_s=60 + n, **kind)
        while tallies.count_dirty(world.store):
            pass

    return press


def test_an_operators_day_begins_with_their_own_work(enter, world, press_often):
    press_often("Ann", 1, 1)
    press_often("Bob", 0, 1)
    ann = enter(Role.OPERATOR, (Place("riga"),))
    assert ann.get("/").headers["location"] == "/mine"
    page = ann.get("/mine").text
    assert page.count('class="press-row"') == 2
    assert "Bob" not in page


@pytest.mark.parametrize(
    ("red", "content", "shown"),
    [
        (3, 6, "Clients who pressed red shown from 10 clients on"),
        (3, 9, "Clients who pressed red 25 % of 12 clients"),
        (10, 40, "Clients who pressed red 20 % of 50 clients; between 11 and 33 % with 95 % confidence"),
    ],
)
def test_figures_are_shown_as_far_as_there_are_enough_behind_them(enter, press_often, red, content, shown):
    press_often("Ann", red, content)
    text = words(enter(Role.OPERATOR).get("/mine"))
    assert f"{shown} " in text.replace("\N{NO-BREAK SPACE}", " ")
    assert ("between" in text) == (red + content >= 50)


def test_figures_are_ones_own_whatever_the_role_sees(enter, press_often):
    press_often("Ann", 0, 20)
    press_often("Bob", 20, 0)
    text = words(enter(Role.SITE_MANAGER, (Place("riga"),)).get("/mine"))
    assert "Clients who pressed red 0 % of 20 clients" in text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_question_waits_there_and_is_answered(enter, world, clock, press_often):
    press_often("Ann", 1, 0)
    press, _ = world.press("riga", "counter-1", employee="Ann", ago_s=30)
    anna = users.user_by_name(world.store, "anna")
    questions.ask(world.store, press, "Ann", "What happened?", hours=8, account=anna.id, user="anna", at_ns=clock())
    ann, bob = enter(Role.OPERATOR), enter(Role.OPERATOR, employee="Bob")
    page = ann.get("/mine")
    assert "What happened?" in words(page)
    assert "What happened?" not in words(bob.get("/mine"))
    action = re.search(r'action="(/questions/[0-9a-f]+/answer)"', page.text)[1]
    form = {"_csrf_token": token_of(page.text), "text": "The till was broken", "next": "/mine"}
    assert ann.post(action, data=form).headers["location"] == "/mine"
    assert "The till was broken" in words(ann.get("/mine"))


def test_who_is_no_employee_sees_questions_and_no_figures(enter):
    page = enter(Role.QUALITY_MANAGER, employee=None).get("/mine")
    assert page.status_code == 200
    assert "My last 30 days" not in words(page)
    assert enter(Role.BUSINESS).get("/mine").status_code == 403


def test_the_account_says_what_one_may_do_and_what_is_missing(enter, world):
    world.box("riga", "counter-1")
    text = words(enter(Role.OPERATOR, (Place("riga", "counter-1"),)).get("/account"))
    assert "Operator" in text
    assert "riga / counter-1" in text
    assert "Boxes do not know you yet" not in text
    assert "Boxes do not know you yet" in words(enter(Role.OPERATOR, employee=None).get("/account"))


def test_a_session_of_before_sees_what_its_account_may_now(world, stranger):
    made = users.create_user(world.store, "late", PASSWORD, Role.OPERATOR)
    log_in(stranger, "late")
    assert stranger.get("/mine").status_code == 403
    from cloud_bridge.store import accounts

    accounts.change_account(world.store, made.id, role=Role.OPERATOR, places=(), email=None, employee="Ann")
    assert stranger.get("/mine").status_code == 200
