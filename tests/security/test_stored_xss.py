"""What anybody wrote is text on every page: nothing of it becomes markup, an address, a script or a template."""

from __future__ import annotations

import pytest
from hostile_world import FREE, UNSEEN, Page, columns, hostile, mark, parameters, wide_columns
from web_routes import concrete, handlers

REPORTS = ("loyalty", "causes", "frequency", "comments")
ALSO = (
    "/cases/2",
    "/cases?view=board",
    "/alarms?life=all",
    "/presses?trigger=incident",
    "/reports/loyalty?by=employee",
    "/reports/loyalty?by=counter",
    "/organisation/riga",
    "/people/2",
)
HARMLESS = ("application/json", "text/csv", "application/vnd.", "audio/", "image/", "text/plain", "application/openapi")
# Written by the program itself out of what it knows.
OWN = {
    "account": "password_hash",
    "alarm": "levels plan",
    "api_token": "places scopes",
    "boot": "version",
    "box": "health version",
    "case_event": "data",
    "case_file": "cause",
    "case_policy": "changed_by",
    "case_press": "added_by",
    "certificate": "pem",
    "checklist": "made_by",
    "checklist_version": "changed_by definition",
    "event": "payload",
    "invitation": "places",
    "lease": "holder",
    "legal_hold": "made_by reason released_by",
    "notification": "key",
    "notification_file": "content_type name",
    "notify_channel": "url",
    "person_removal": "counts made_by pseudonym reason subject",
    "press": "request_id",
    "qualification": "user",
    "quarantine": "owner",
    "release": "blob",
    "removal": "object user",
    "report_mail": "question",
    "retention_rule": "changed_by",
    "review_change": "new old",
    "review_step": "user",
    "rule": "settings",
    "rule_plan": "plan stream",
    "sale_void": "id",
    "sheet": "failed_by",
    "shift": "employee",
    "site": "calendar",
    "snapshot": "data",
    "subscription": "made_by sites",
    "tally": "employee",
    "track": "blob manifest",
    "update_offer": "base_url before",
    "webhook": "events secret",
}


def pages(app, world):
    for path, method, opt in handlers(app):
        if method != "GET" or path.endswith(("/live", ".raucb")) or path in {"/healthz", "/metrics"}:
            continue
        if "{report" in path:
            yield from (concrete(path, world.routes | {"report": report}) for report in REPORTS)
        elif not opt.get("public") or "{" not in path:
            yield concrete(path, world.routes)
    yield from ALSO


def test_nothing_that_was_entered_becomes_markup(app, client, world):
    seen = ""
    walked = 0
    failed = []
    for path in pages(app, world):
        answer = client.get(path)
        if answer.status_code >= 500:
            failed.append(path)
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/html"):
            assert answer.status_code >= 300 or kind.startswith(HARMLESS), (path, kind)
            continue
        page = Page(answer.text)
        assert page.harm == [], path
        seen += page.text
        walked += answer.status_code == 200
    assert failed == []
    assert walked >= 30
    unseen = {name for name in columns(FREE) - columns(UNSEEN) if mark(name) not in seen}
    assert not unseen, f"the walk does not come to what shows {sorted(unseen)}"
    assert "49" not in seen.split(mark("press.employee"))[1][:80]


def test_nothing_that_is_asked_for_becomes_markup(app, client, world):
    evil = hostile("query")
    walked = 0
    for (path, method), names in parameters(app).items():
        if method != "GET" or path.endswith(("/live", ".raucb")):
            continue
        for name in names:
            answer = client.get(concrete(path, world.routes | {"report": "loyalty"}), params={name: evil})
            assert answer.status_code < 500, (path, name)
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert Page(answer.text).harm == [], (path, name)
                walked += 1
            assert "\n" not in answer.headers.get("location", "")
    assert walked >= 40


def test_every_column_that_takes_text_is_known_here():
    new = wide_columns() - columns(FREE) - columns(OWN)
    assert new == set(), "people's texts belong into FREE of hostile_world.py, the program's own into OWN"


@pytest.mark.parametrize(
    ("page", "harm"),
    [
        ("<p>&lt;script&gt;</p><a href='/x'>x</a><script src='/static/a.js'></script>", 0),
        ("<script>hit()</script>", 2),
        ("<img src='/x' onerror=hit()>", 1),
        ("<a href='javascript:hit()'>x</a>", 1),
        ("<a href='//evil.example'>x</a>", 1),
    ],
)
def test_the_search_finds_what_would_harm(page, harm):
    assert len(Page(page).harm) == harm
