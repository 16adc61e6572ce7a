"""The pages of cases: lists, the board, one case, every form of it, and what other places' people get to see."""

from __future__ import annotations

import re

import pytest
from litestar.testing import TestClient
from web_world import PASSWORD, log_in, token_of

from cloud_bridge.cases import causes, letters, lists, members, work
from cloud_bridge.cases.rows import CaseFilter, Contact, Status, Verdict
from cloud_bridge.store import org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def post(client):
    """Posts a form as the page would."""
    token = token_of(client.get("/account").text)

    def send(path, **form):
        return client.post(path, data={"_csrf_token": token, **form})

    return send


@pytest.fixture
def press(world):
    world.box("riga", "counter-1")
    press, track = world.press(employee="Ann")
    world.sound(press, track, seconds=1)
    return press


@pytest.fixture
def case(world, press, clock):
    return members.gather(world.store, [press], by="anna", now_ns=clock.now_ns)


def audited(world, action):
    return [row.object for row in users.list_audit(world.store) if row.action == action]


def found(world, case):
    return lists.find_case(world.store, case)


def test_a_press_becomes_a_case_and_leads_to_it(client, post, world, press):
    answer = post("/cases/open", presses=press)
    assert answer.status_code == 303
    path = answer.headers["location"]
    case = int(path.rsplit("/", 1)[1])
    assert press in client.get(path).text
    assert audited(world, "case.open") == [f"{case} of {press}"]
    # Again leads there and opens nothing.
    assert post("/cases/open", presses=press).headers["location"] == path
    assert f'href="{path}"' in client.get(f"/presses/{press}").text


def test_the_review_merges_presses(post, world, press):
    world.box("riga", "counter-2")
    others = [world.press("riga", "counter-2")[0] for _ in range(2)]
    answer = post("/cases/merge", presses=",".join([press, others[0]]))
    case = int(answer.headers["location"].rsplit("/", 1)[1])
    assert post("/cases/merge", presses=[others[1], press]).headers["location"] == f"/cases/{case}"
    assert found(world, case).presses == 3
    fourth, _ = world.press()
    assert post("/cases/merge", presses=fourth, into=str(case)).headers["location"] == f"/cases/{case}"
    assert post("/cases/merge", presses="f" * 32).status_code == 404
    assert post("/cases/merge", presses="not an id").status_code == 404
    assert post("/cases/merge", presses=" , ").status_code == 400
    assert post("/cases/merge", presses=fourth, into=str(10**15)).status_code == 404


def test_a_case_is_worked_on_until_it_is_closed(client, post, world, case):
    path = f"/cases/{case}"
    me = users.user_by_name(world.store, "anna").id
    cause = causes.offered(world.store, "en")[0]
    for form, values in {
        "status": {"status": "work"},
        "assign": {"account": str(me)},
        "qualify": {"title": "A queue at noon", "verdict": "true", "tags": "queue, noon"},
        "comment": {"text": "Ann was alone."},
        "limit": {"hours": "7,5"},
        "contact": {"name": "Ilze", "email": "ilze@example.org", "phone": ""},
        "write": {"subject": "Your visit", "text": "We are sorry.", "wait": "1"},
        "reply": {"text": "Thank you."},
        "close": {"cause": cause.id, "measure": "A second counter opens at noon."},
    }.items():
        answer = post(f"{path}/{form}", **values)
        assert answer.status_code == 303, (form, re.findall(r'role="alert">([^<]*)', answer.text))
        assert answer.headers["location"].startswith(path)
        assert audited(world, f"case.{form}")[0].startswith(str(case))
    row = found(world, case)
    assert (row.status, row.assignee, row.verdict, row.tags) == (Status.CLOSED, me, Verdict.TRUE, ("noon", "queue"))
    text = client.get(path).text
    for part in (
        "A queue at noon",
        "Ann was alone.",
        "7.5 working hours",
        "ilze@example.org",
        "Thank you.",
        cause.title,
    ):
        assert part in text
    assert "Status: New → In work" in text
    assert client.get("/cases?status=closed").text.count("A queue at noon") == 1
    assert post(f"{path}/comment", text="Afterwards.").status_code == 303
    assert post(f"{path}/assign", account="").status_code == 400
    assert post(f"{path}/reopen").status_code == 303
    assert found(world, case).status is Status.WORK


def test_what_is_refused_is_said_and_what_was_typed_stays(post, world, case):
    answer = post(f"/cases/{case}/close", cause="", measure="We did a lot.")
    assert answer.status_code == 400
    assert "Choose a cause of the check-list." in answer.text
    assert "We did a lot." in answer.text
    for form, values in {
        "comment": {"text": " "},
        "limit": {"hours": "soon"},
        "contact": {"email": "nobody"},
        "write": {"subject": "x", "text": "y"},
        "merge": {"into": str(case + 1)},
        "status": {"status": "asleep"},
        "qualify": {"verdict": "perhaps"},
    }.items():
        answer = post(f"/cases/{case}/{form}", **values)
        assert answer.status_code in {400, 404}, form
    assert found(world, case).status is Status.NEW
    assert users.list_audit(world.store)[0].action != "case.close"


def test_cases_are_merged_and_taken_apart_on_their_pages(client, post, world, case, clock):
    other = members.gather(world.store, [world.press()[0]], by="anna", now_ns=clock.now_ns)
    assert post(f"/cases/{other}/merge", into=str(case)).status_code == 303
    assert f"/cases/{other}/unmerge" in client.get(f"/cases/{case}").text
    merged = client.get(f"/cases/{other}").text
    assert "merged into" in merged
    assert "/comment" not in merged
    assert post(f"/cases/{other}/comment", text="lost?").status_code == 400
    assert post(f"/cases/{other}/unmerge").status_code == 303
    assert found(world, other).merged_into is None
    two = members.gather(world.store, [world.press()[0], world.press()[0]], by="anna", now_ns=clock.now_ns)
    press = lists.presses_of(world.store, two)[1][0]
    assert post(f"/cases/{two}/presses/{press}/remove").status_code == 303
    assert found(world, two).presses == 1


def test_lists_filter_by_the_address(client, world, case, clock):
    clock.forward(3600)
    late = members.gather(world.store, [world.press()[0]], by="anna", now_ns=clock.now_ns)
    work.rename(world.store, late, "The late one", by="anna", now_ns=clock.now_ns)
    work.set_tags(world.store, late, ["queue"], by="anna", now_ns=clock.now_ns)
    work.assign(world.store, late, users.user_by_name(world.store, "anna").id, by="anna", now_ns=clock.now_ns)

    def shown(query):
        answer = client.get(f"/cases?{query}")
        assert answer.status_code == 200, query
        return {int(one) for one in re.findall(r'href="/cases/(\d+)"', answer.text)}

    assert shown("") == shown("status=all") == shown("view=board") == {case, late}
    assert shown("who=me") == shown("who=anna") == shown("tag=queue") == {late}
    assert shown("who=nobody") == {case}
    assert shown("who=somebody+else") == shown("status=closed") == shown("site=elsewhere") == set()
    assert shown("overdue=1") == set()
    clock.forward(30 * 86400)
    log_in(client)
    assert shown("overdue=1&view=board") == shown("overdue=1") == {case, late}
    assert "overdue by" in client.get("/cases").text
    for query in ("status=x", "verdict=x", "site=X%20", "cursor=1", "cursor=99999999999999999999.1"):
        assert client.get(f"/cases?{query}").status_code == 400
    assert client.get("/cases/0").status_code == client.get(f"/cases/{2**70}").status_code == 404


def test_a_list_goes_on_where_the_page_ended(client, world, press, clock, monkeypatch):
    monkeypatch.setattr("cloud_bridge.web.cases.PAGE_ROWS", 2)
    made = {members.gather(world.store, [world.press()[0]], by="anna", now_ns=clock.now_ns + n) for n in range(5)}
    path, seen = "/cases", []
    while path:
        text = client.get(path).text
        seen += [int(one) for one in re.findall(r'class="case-row" href="/cases/(\d+)"', text)]
        further = re.search(r'href="(/cases\?cursor=[^"]+)"', text)
        path = further and further[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(made)


def test_a_limit_of_new_cases_is_set(client, post, world):
    assert post("/cases/policy", limit="8", warn="1,5").status_code == 303
    assert 'value="1.5"' in client.get("/cases").text
    assert post("/cases/policy", limit="1", warn="2").status_code == 400
    assert post("/cases/policy", limit="x", warn="2").status_code == 400
    assert audited(world, "case.policy") == ["28800 s, warning 5400 s before"]


def test_what_clients_and_people_write_stays_text(client, post, world, case):
    # A name that is no address is refused; the others are shown as they are.
    assert post(f"/cases/{case}/qualify", title=HOSTILE, verdict="", tags=HOSTILE[:50]).status_code == 303
    assert post(f"/cases/{case}/comment", text=HOSTILE).status_code == 303
    assert post(f"/cases/{case}/contact", name=HOSTILE, email="a@example.org", phone="").status_code == 303
    assert post(f"/cases/{case}/write", subject=HOSTILE, text=HOSTILE).status_code == 303
    assert post(f"/cases/{case}/reply", text=HOSTILE).status_code == 303
    for path in (f"/cases/{case}", "/cases", "/cases?view=board"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


@pytest.fixture
def enter(world, make_app):
    """Logs an account in; each client has an application of its own."""
    clients = []

    def log_in_as(role, places=()):
        name = f"{role}{len(clients)}"
        made = users.create_user(world.store, name, PASSWORD, role)
        with world.store.write() as connection:
            org.set_places(connection, made.id, places)
        client = TestClient(make_app())
        client.__enter__()
        clients.append(client)
        client.follow_redirects = False
        assert log_in(client, name).status_code == 303
        return client, token_of(client.get("/account").text)

    yield log_in_as
    for client in clients:
        client.__exit__(None, None, None)


def test_a_site_manager_works_and_does_not_see_who_the_client_is(enter, world, case, clock):
    letters.set_contact(world.store, case, Contact(email="ilze@example.org"), by="anna", now_ns=clock.now_ns)
    letters.write(world.store, case, "Your visit", "Dear Ilze", by="anna", now_ns=clock.now_ns)
    client, token = enter(Role.SITE_MANAGER, (Place("riga"),))
    text = client.get(f"/cases/{case}").text
    assert "ilze" not in text.lower()
    assert "/close" not in text
    form = {"_csrf_token": token}
    assert client.post(f"/cases/{case}/comment", data=form | {"text": "I look."}).status_code == 303
    assert client.post(f"/cases/{case}/close", data=form | {"cause": "x", "measure": "y"}).status_code == 403
    assert audited(world, "contact.view") == []


def test_cases_of_other_places_do_not_exist(enter, world, case, press, clock):
    world.box("elsewhere", "counter-1")
    foreign_press, _ = world.press("elsewhere")
    foreign = members.gather(world.store, [foreign_press], by="anna", now_ns=clock.now_ns)
    client, token = enter(Role.QUALITY_MANAGER, (Place("riga", "counter-1"),))
    form = {"_csrf_token": token}
    assert client.get(f"/cases/{case}").status_code == 200
    assert client.get(f"/cases/{foreign}").status_code == 404
    assert f"/cases/{foreign}" not in client.get("/cases?status=all").text
    assert client.post(f"/cases/{foreign}/comment", data=form | {"text": "x"}).status_code == 404
    assert client.post(f"/cases/{case}/merge", data=form | {"into": str(foreign)}).status_code == 404
    assert client.post("/cases/merge", data=form | {"presses": foreign_press}).status_code == 404
    assert client.post("/cases/merge", data=form | {"presses": press, "into": str(foreign)}).status_code == 404
    # Nor by way of a case of one's own that was merged into one elsewhere.
    members.merge(world.store, case, foreign, by="anna", now_ns=clock.now_ns)
    loose, _ = world.press()
    assert client.post("/cases/merge", data=form | {"presses": loose, "into": str(case)}).status_code == 404
    assert client.post("/cases/merge", data=form | {"presses": f"{loose} {press}"}).status_code == 404
    assert [row.id for row in lists.list_cases(world.store, CaseFilter()).cases] == [foreign]


def test_a_look_at_a_client_is_on_record(client, world, case, clock):
    client.get(f"/cases/{case}")
    assert audited(world, "contact.view") == []
    letters.set_contact(world.store, case, Contact(name="Ilze"), by="anna", now_ns=clock.now_ns)
    client.get(f"/cases/{case}")
    client.get(f"/cases/{case}")
    assert audited(world, "contact.view") == [f"case {case}"]
