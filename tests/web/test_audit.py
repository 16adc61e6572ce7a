"""The audit trail as its readers see it: who listened, asked by person, action, object and time; as CSV."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest

from cloud_bridge.store import audit_trail, users
from cloud_bridge.store.audit_trail import AuditFilter
from cloud_bridge.store.users import Role

DAY_NS = 86_400 * 10**9


def words(response):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


def line(world, at_ns=0, user="x", action="thing.do", about="something"):
    users.add_audit(world.store, at_ns=at_ns, user=user, action=action, object=about, address="10.0.0.1")


def lines(response):
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.fixture
def auditor(enter):
    return enter(Role.AUDITOR)


def test_an_auditor_sees_who_listened_to_a_press(auditor, client, world):
    press, track = world.press()
    world.sound(press, track, seconds=1)
    snapshot = world.snapshot(press, picture=True)
    client.get(f"/presses/{press}")
    client.get(f"/api/v1/tracks/{track}/audio")
    client.get(f"/api/v1/snapshots/{snapshot}/picture")
    line(world, about="f" * 32)
    text = words(auditor.get(f"/audit?about={press}"))
    for done in ("opened a press", "listened", "looked at a picture"):
        assert f"anna {done}" in text
    assert "ffff" not in text
    # The sound itself stays closed to them.
    assert auditor.get(f"/presses/{press}").status_code == 403
    assert f'href="/presses/{press}"' not in auditor.get("/audit").text
    assert f'href="/presses/{press}"' in client.get("/audit").text


def test_the_trail_is_asked_by_person_action_and_day(auditor, world):
    first = 1_700_000_000 * 10**9
    for n in range(5):
        line(world, first + n * DAY_NS, user=f"person{n % 2}", action=f"thing.do{n % 3}", about=f"object{n}")

    def found(query):
        return sorted(set(re.findall(r"object\d", auditor.get(f"/audit?{query}").text)))

    assert found("person=person0") == ["object0", "object2", "object4"]
    assert found("action=thing.do1") == ["object1", "object4"]
    assert found("about=object3") == ["object3"]
    assert found("person=person0&action=thing.do1") == ["object4"]
    assert found("since=2023-11-16&until=2023-11-17") == ["object2", "object3"]
    assert found("until=2023-11-15") == ["object0", "object1"]
    assert "Nothing fits" in words(auditor.get("/audit?since=2031-01-01"))


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-13-01", "until=9999-12-31", "before=-1"])
def test_what_is_no_day_is_refused(auditor, query):
    assert auditor.get(f"/audit?{query}").status_code == 400


def test_lines_that_came_out_of_order_are_in_their_time(world):
    # Two processes write: the later number has the earlier time.
    for at_ns in (10 * DAY_NS + 5, 10 * DAY_NS - 5, 10 * DAY_NS + 6, 11 * DAY_NS + 7, 11 * DAY_NS - 7):
        line(world, at_ns, about=str(at_ns))
    where = AuditFilter(since_ns=10 * DAY_NS, until_ns=11 * DAY_NS)
    found = {int(row.object) for row in audit_trail.list_lines(world.store, where, None, 100)}
    assert found == {10 * DAY_NS + 5, 10 * DAY_NS + 6, 11 * DAY_NS - 7}


def test_the_trail_is_paged_to_its_beginning(auditor, world):
    for n in range(250):
        line(world, n, user="many", about=f"object{n:03d}")
    seen, path = [], "/audit?person=many"
    while path:
        page = auditor.get(path).text
        seen += re.findall(r'class="object"[^>]*>(object\d+)<', page)
        older = re.search(r'href="(/audit\?[^"]*before=\d+)"', page)
        path = html.unescape(older[1]) if older else None
    assert seen == [f"object{n:03d}" for n in reversed(range(250))]


def test_an_export_holds_every_line_and_is_a_line_itself(auditor, world):
    for n in range(1200):
        line(world, n, user="many", about=f"object{n}")
    answer = auditor.get("/audit.csv?person=many")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    heading, *rows = lines(answer)
    assert heading == ["number", "time", "person", "action", "object", "address"]
    assert [row[4] for row in rows] == [f"object{n}" for n in reversed(range(1200))]
    assert rows[-1][1] == "1970-01-01T00:00:00+00:00"
    newest = users.list_audit(world.store, limit=1)[0]
    assert (newest.action, newest.object, newest.user) == ("audit.export", "person=many", "auditor0")


def test_what_a_client_wrote_is_no_formula_and_no_markup(auditor, world):
    line(world, about='=HYPERLINK("http://evil.example")', user="<script>alert(1)</script>")
    assert "<script>alert(1)" not in auditor.get("/audit").text
    (row,) = lines(auditor.get("/audit.csv?action=thing.do"))[1:]
    assert row[4].startswith("'=HYPERLINK")


def test_a_name_that_is_no_accounts_is_called_so(auditor, stranger, world):
    from web_world import log_in

    log_in(stranger, "my secret password", "x")
    text = words(auditor.get("/audit?action=login.attempt"))
    assert "nobody tried to log in a name that is kept as a digest" in text
    assert "secret" not in text


def test_every_action_that_was_done_can_be_chosen(auditor, world):
    line(world, action="b.two")
    line(world, action="a.one")
    assert audit_trail.actions(world.store) == ("a.one", "b.two", "login", "login.attempt")
    assert '<option value="a.one">a.one</option>' in auditor.get("/audit").text
