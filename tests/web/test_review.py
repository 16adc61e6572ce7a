"""The review over HTTP: filters in the address, what is said, many at once, taking it back, questions, check-lists."""

from __future__ import annotations

import re

import pytest
from litestar.testing import TestClient
from web_world import PASSWORD, log_in, token_of

from cloud_bridge.checklists import sheets, store
from cloud_bridge.review import questions
from cloud_bridge.review.state import state
from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role
from edge import wire

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def enter(world, make_app):
    clients = []

    def enter(name, role=Role.QUALITY_MANAGER, employee=None, places=()):
        made = users.create_user(world.store, name, PASSWORD, role, employee=employee)
        with world.store.write() as connection:
            org.set_places(connection, made.id, places)
        client = TestClient(make_app())
        client.__enter__()
        clients.append(client)
        client.follow_redirects = False
        assert log_in(client, name).status_code == 303
        return client

    yield enter
    for client in clients:
        client.__exit__(None, None, None)


def send(client, path, **form):
    token = token_of(client.get("/account").text)
    return client.post(path, data=form | {"_csrf_token": token})


def listed(client, query=""):
    page = client.get(f"/review?{query}")
    assert page.status_code == 200
    return re.findall(r'id="row-([0-9a-f]{32})"', page.text)


def test_filters_stand_in_the_address(client, world):
    red, _ = world.press(track=False, employee="Ann")
    sale, _ = world.press(track=False, trigger=wire.Trigger.SALE)
    elsewhere, _ = world.press("minsk", "till", track=False, trigger=wire.Trigger.RATING, rating=2)
    assert listed(client) == [elsewhere, sale, red]
    assert listed(client, "trigger=sale") == [sale]
    assert listed(client, "place=minsk") == listed(client, "rating=2") == [elsewhere]
    assert listed(client, "place=riga/counter-1") == [sale, red]
    assert listed(client, "employee=Ann") == [red]
    assert listed(client, "from=2001-01-01&to=2001-01-02") == []
    assert listed(client, "queue=failures") == listed(client, "sound=1") == listed(client, "reviewed=mine") == []
    page = client.get("/review?place=riga&trigger=sale").text
    assert "queue=failures&amp;place=riga&amp;trigger=sale" in page, "another queue keeps the filters"


WRONG = """queue=x reviewed=x verdict=x trigger=x rating=6 sound=2 place=A/B from=x to=2026-13-01 cause=x alarm=x
    cursor=x from=0001-01-01 to=9999-12-31 to=2201-01-01"""


def test_what_no_filter_can_be_is_refused(client):
    for query in WRONG.split():
        assert client.get(f"/review?{query}").status_code == 400, query
    assert client.get("/review?from=1700-01-01&to=2200-12-31&tag=%00&employee=%F0%9F%98%80").status_code == 200


def test_what_is_said_is_kept_shown_and_escaped(client, world):
    press, _ = world.press(track=False)
    world.snapshot(press, picture=True)
    for form in ({"verdict": "true"}, {"note": HOSTILE}, {"tags": "Late, <b>"}, {"score": "4"}, {"reviewed": "1"}):
        answer = send(client, f"/review/items/{press}/say?trigger=incident", **form)
        assert answer.headers["location"] == f"/review?trigger=incident&item={press}"
    said = state(world.store, press, 1)
    assert (said.verdict, said.note, said.tags, said.score) == ("true", HOSTILE, ("<b>", "late"), 4)
    page = client.get(f"/review?item={press}").text
    assert HOSTILE not in page
    assert "&lt;img src=x" in page
    lines = [row.action for row in users.list_audit(world.store)]
    assert lines.count("review.say") == 5
    assert "press.view" in lines
    for form in ({"verdict": "x"}, {"score": "9"}, {"score": "x"}, {"spent_s": "x"}, {"note": "x" * 2001}):
        assert send(client, f"/review/items/{press}/say", **form).status_code == 400


def test_a_part_answers_with_the_row_and_the_pace(client, world):
    press, _ = world.press(track=False)
    token = token_of(client.get("/account").text)
    answer = client.post(
        f"/review/items/{press}/say",
        data={"reviewed": "1", "spent_s": "7.5"},
        headers={"x-part": "1", "x-csrftoken": token},
    )
    assert answer.status_code in {200, 201}
    assert "Your pace: 7.5 s (1 press)" in answer.text
    assert f'id="row-{press}"' in answer.text
    assert listed(client) == []
    assert listed(client, "reviewed=all") == [press]


def test_many_are_changed_at_once_and_all_of_it_is_taken_back(client, world):
    presses = [world.press(track=False)[0] for _ in range(3)]
    seen_ns = str(2**62)
    answer = send(client, "/review/bulk", where="", all="1", verdict="false", seen_ns=seen_ns)
    target = answer.headers["location"]
    assert re.fullmatch(r"/review\?step=\d+&changed=3", target)
    assert "3 presses changed." in client.get(target).text
    assert {state(world.store, press, 1).verdict for press in presses} == {"false"}
    step = re.search(r"step=(\d+)", target)[1]
    answer = send(client, "/review/undo", step=step, where="trigger=incident")
    assert answer.headers["location"] == "/review?trigger=incident&undone=3&kept=0"
    assert {state(world.store, press, 1).verdict for press in presses} == {None}
    assert send(client, "/review/undo", step=step).status_code == 400
    send(client, "/review/bulk", where="", press=presses[:2], add_tag="Loud", tag_it="1", seen_ns=seen_ns)
    assert [state(world.store, press, 1).tags for press in presses] == [("loud",), ("loud",), ()]


def test_what_came_after_the_page_was_drawn_is_not_changed_with_it(client, world):
    press, _ = world.press(track=False)
    answer = send(client, "/review/bulk", where="", all="1", verdict="false", seen_ns="5")
    assert answer.headers["location"] == "/review?changed=0"
    assert state(world.store, press, 1).verdict is None
    assert send(client, "/review/bulk", where="", all="1", verdict="false", seen_ns="x").status_code == 400


def test_too_many_at_once_are_refused(client, world, monkeypatch):
    monkeypatch.setattr("cloud_bridge.review.queue.COUNTED_MAX", 1)
    for _ in range(2):
        world.press(track=False)
    assert send(client, "/review/bulk", where="", all="1", verdict="false", seen_ns=str(2**62)).status_code == 400
    assert "more than 1" in client.get("/review").text


def test_nobody_reviews_what_they_do_not_see(enter, world):
    here, _ = world.press(track=False)
    there, _ = world.press("minsk", "till", track=False)
    client = enter("bound", places=(Place("riga"),))
    assert listed(client) == [here]
    assert client.get(f"/review?item={there}").status_code == 404
    assert client.get(f"/review/items/{there}").status_code == 404
    assert send(client, f"/review/items/{there}/say", verdict="true").status_code == 404
    send(client, "/review/bulk", where="", all="1", press=there, verdict="true", seen_ns=str(2**62))
    send(client, "/review/bulk", where="", press=there, verdict="true", seen_ns=str(2**62))
    assert state(world.store, there, 1).verdict is None
    assert state(world.store, here, 1).verdict == "true"
    for path in (f"/presses/{there}/ask", f"/sheets/standard/{there}/save"):
        assert send(client, path, text="?", employee="Ann", hours="8").status_code == 404
    assert client.get(f"/sheets/standard/{there}").status_code == 404


def test_a_question_goes_to_the_employee_and_its_answer_comes_back(client, enter, world):
    press, _ = world.press(track=False, employee="Ann")
    answer = send(client, f"/presses/{press}/ask", text=HOSTILE, employee="Ann", hours="8", next="/review?item=x")
    assert answer.headers["location"] == "/review?item=x"
    (made,) = questions.of_press(world.store, press)
    other = enter("bob", Role.OPERATOR, "Bob")
    assert made.id not in other.get("/mine").text
    assert send(other, f"/questions/{made.id}/answer", text="No").status_code == 404
    ann = enter("ann", Role.OPERATOR, "Ann")
    page = ann.get("/mine").text
    assert made.id in page
    assert HOSTILE not in page
    assert send(ann, f"/questions/{made.id}/withdraw").status_code == 403
    answer = send(ann, f"/questions/{made.id}/answer", text="The till stood still.", next="//evil.example")
    assert answer.headers["location"] == "/"
    assert "The till stood still." in client.get(f"/presses/{press}").text
    assert send(ann, f"/questions/{made.id}/answer", text="Again").status_code == 400
    for form in ({"text": "", "employee": "Ann", "hours": "8"}, {"text": "?", "employee": "Ann", "hours": "3"}):
        assert send(client, f"/presses/{press}/ask", **form).status_code == 400
    assert send(client, f"/presses/{press}/ask", text="?", employee="Ann", hours="2").status_code == 303
    second = questions.of_press(world.store, press)[1]
    assert send(client, f"/questions/{second.id}/withdraw").headers["location"] == f"/presses/{press}#questions"
    actions = {row.action for row in users.list_audit(world.store)}
    assert actions >= {"question.ask", "question.answer", "question.withdraw"}


def test_a_sheet_is_filled_and_seen_by_others_but_changed_by_nobody_else(client, enter, world):
    press, _ = world.press(track=False)
    form = {"a.greeting": "no", "s.greeting": "1:02.5", "n.greeting": HOSTILE, "a.no_insult": "yes", "note": "So."}
    assert send(client, f"/sheets/standard/{press}/save", **form).status_code == 303
    (made,) = sheets.of_press(world.store, press)
    assert (made.done_ns, made.replies["greeting"].at_s, made.note) == (None, 62.5, "So.")
    other = enter("boris")
    assert other.get(f"/sheets/standard/{press}").status_code == 404, "a draft is its author's"
    assert send(other, f"/sheets/standard/{press}/save", **form).status_code == 400
    assert send(client, f"/sheets/standard/{press}/save", **form, done="1").status_code == 303
    page = other.get(f"/sheets/standard/{press}").text
    assert HOSTILE not in page
    assert "1:02.5" in page
    assert "disabled" in page
    assert "Greeted the client first" in other.get(f"/presses/{press}").text
    for wrong in ({"a.greeting": "na"}, {"a.nothing": "yes"}, {"a.greeting": "yes", "s.greeting": "soon"}):
        assert send(client, f"/sheets/standard/{press}/save", **wrong, done="1").status_code == 400
    assert send(client, f"/sheets/none/{press}/save").status_code == 400
    assert client.get(f"/sheets/none/{press}").status_code == 404


def test_a_second_person_scores_without_seeing_the_first(client, enter, world):
    press, _ = world.press(track=False)
    assert send(client, "/checklists/standard/use", double_percent="100").status_code == 303
    send(client, f"/sheets/standard/{press}/save", **{"a.greeting": "no", "n.greeting": "SECRET", "done": "1"})
    (first,) = sheets.of_press(world.store, press)
    assert first.id not in client.get("/second").text
    assert client.get(f"/second/{first.id}").status_code == 404
    other = enter("boris")
    assert first.id in other.get("/second").text
    assert other.get(f"/second/{first.id}").status_code == 404, "not taken on yet"
    assert send(other, f"/second/{first.id}/take").headers["location"] == f"/second/{first.id}"
    paths = (f"/second/{first.id}", f"/presses/{press}", f"/review?item={press}")
    assert all("SECRET" not in other.get(path).text for path in paths)
    assert other.get(f"/sheets/standard/{press}").status_code == 404
    form = {"a.greeting": "yes", "done": "1"}
    assert send(other, f"/second/{first.id}/save", **form).headers["location"] == "/second"
    assert "SECRET" in other.get(f"/sheets/standard/{press}").text
    page = other.get("/checklists/standard/agreement").text
    assert "1 press scored twice" in page
    assert "fewer than 10" in page


def test_a_check_list_is_written_published_and_used(client, world):
    target = send(client, "/checklists/new", purpose="standard").headers["location"]
    key = target.rsplit("/", 1)[1]
    form = {
        "title.en": HOSTILE,
        "s7.title.en": "First",
        "s7.i3.text.en": "Later written, shown first",
        "s7.i3.kind": "scale",
        "s7.i3.points": "3",
        "s7.i3.weight": "2,5",
        "s7.i1.text.en": "Second",
        "s7.i1.fail": "1",
        "s7.i9.text.en": " ",
        "s8.title.en": "",
    }
    assert send(client, f"{target}/save", **form | {"s7.i3.weight": "0"}, publish="1").status_code in {200, 201}
    assert store.checklist(world.store, key).published is None
    page = send(client, f"{target}/save", **form | {"s7.i3.weight": "x"}, publish="1").text
    assert "a weight is more than 0" in page
    assert HOSTILE not in page
    assert send(client, f"{target}/save", **form, publish="1").headers["location"] == "/checklists"
    definition = store.checklist(world.store, key).definition
    first, second = definition.items
    assert (first.text["en"], first.points, first.weight) == ("Later written, shown first", 3, 2.5)
    assert (second.auto_fail, second.may_not_apply) == (True, False)
    assert len(definition.sections) == 1
    send(client, f"{target}/save", **form | {"title.en": "New name", "s7.i3.id": first.id})
    known = store.checklist(world.store, key)
    assert (known.published, known.draft, known.definition.title["en"]) == (1, 2, HOSTILE)
    assert store.version(world.store, key, 2).definition.item(first.id) == first
    assert send(client, f"{target}/discard").status_code == 303
    assert send(client, f"{target}/use", double_percent="0", retired="1").status_code == 303
    assert key not in {one.checklist for one in store.fillable(world.store)}
    assert send(client, f"{target}/use", double_percent="101").status_code == 400
    assert client.get("/checklists/none").status_code == 404
