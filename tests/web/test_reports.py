"""Reports: page, workbook, CSV, API and mail say the same; who may see and take what; hostile names stay text."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest
from msgspec import structs
from report_world import Counted
from sqlalchemy import insert, select, update
from workbook import sheets_of

from cloud_bridge.reports.build import Report, figures
from cloud_bridge.reports.mail_text import body
from cloud_bridge.reports.question import Question
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_checklist as tc
from cloud_bridge.store import tables_org as org
from cloud_bridge.store import tables_review as tr
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import EVERYTHING
from cloud_bridge.store.tables_case import case_file
from cloud_bridge.store.tables_tally import SLOT_NS
from cloud_bridge.store.users import Role
from cloud_bridge.web.i18n import Translator, load_catalogue, zone

EVIL = '=HYPERLINK("http://evil","x")<script>alert(1)</script>'


@pytest.fixture
def filled(world, clock):
    """Three sites with receipts, small and large, and one without; the last days before now."""
    counted = Counted(world.store)
    for site, counter, served, green, red, days in (
        ("riga", "1", 400, 60, 6, 12),
        ("riga", "2", 300, 30, 30, 12),
        ("jelgava", "1", 20, 3, 1, 2),
        ("ventspils", "1", 0, 40, 9, 3),
    ):
        for day in range(days):
            slot_ns = (clock() - day * 86_400 * 10**9) // SLOT_NS * SLOT_NS
            counted.visit(site, counter, served=served, green=green, red=red, slot_ns=slot_ns, employee="Ann")
    return counted


def days(clock):
    today = datetime.fromtimestamp(clock() // 10**9, UTC).date()
    return {"since": (today - timedelta(days=29)).isoformat(), "until": (today + timedelta(days=1)).isoformat()}


class Cells(HTMLParser):
    """The data-value of every body cell of one table, row by row, by key."""

    def __init__(self, table):
        super().__init__()
        self.rows, self._table, self._inside = [], table, False

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "table":
            self._inside = named.get("id") == self._table
        elif self._inside and tag == "tr":
            self.rows.append({})
        elif self._inside and "data-value" in named:
            self.rows[-1][named["data-key"]] = float(named["data-value"])
            for end in ("low", "high"):
                if f"data-{end}" in named:
                    self.rows[-1][f"{named['data-key']}_{end}"] = float(named[f"data-{end}"])


def column_letters(n):
    return chr(65 + n) if n < 26 else chr(64 + n // 26) + chr(65 + n % 26)


@pytest.mark.parametrize("by", ["site", "counter", "employee", "day"])
def test_page_workbook_csv_and_api_say_the_same(client, world, filled, clock, by):
    asked = days(clock) | {"by": by}
    api = client.get("/api/v1/reports/loyalty", params=asked).json()
    (table, *_) = api["tables"]
    keys = [column["key"] for column in table["columns"]]
    assert len(table["rows"]) >= 1

    page = client.get("/reports/loyalty", params=asked)
    cells = Cells("table-indices")
    cells.feed(page.text)
    shown = [row for row in cells.rows if row]
    numbers = [{key: value for key, value in row.items() if isinstance(value, int | float)} for row in table["rows"]]
    assert shown == numbers

    text = client.get("/reports/loyalty/csv", params=asked | {"table": "indices"}).text
    read = list(csv.DictReader(io.StringIO(text)))
    assert [list(row) for row in read] == [keys] * len(table["rows"])
    assert [
        {key: float(row[key]) if isinstance(value, int | float) else row[key] for key, value in said.items()}
        for row, said in zip(read, table["rows"], strict=True)
    ] == [{key: "" if value is None else value for key, value in said.items()} for said in table["rows"]]

    book = sheets_of(client.get("/reports/loyalty/xlsx", params=asked).content)
    rows = book["Indices"]
    letters = [column_letters(n) for n in range(len(keys))]
    for said, row in zip(table["rows"], rows[1:], strict=False):
        for letter, key in zip(letters, keys, strict=True):
            if isinstance(said[key], int | float):
                assert row[letter] == pytest.approx(said[key], rel=1e-12), key
            elif said[key] is None:
                assert letter not in row, key
    total, footer = rows[-2], rows[-1]
    assert total["A"] == "Total"
    assert total["B"] == pytest.approx(table["total"]["served"])
    assert (footer["A"], footer["B"]) == ("Rows", len(table["rows"]))
    if by != "site":
        # Of sites one is too small to be shown; the total has it.
        assert sum(row.get("B", 0) for row in rows[1:-2]) <= total["B"]


def test_the_mail_says_what_the_page_says(client, world, filled, clock):
    asked = days(clock)
    question = Question(since=date.fromisoformat(asked["since"]), until=date.fromisoformat(asked["until"]))
    found = figures(world.store, Report.LOYALTY, question, EVERYTHING, now_ns=clock())
    for language in ("en", "ru"):
        speak = Translator(language, load_catalogue(language), zone("UTC"))
        said = body(found, speak, "https://bridge.example/reports")
        client.post("/language", data={"language": language, "_csrf_token": _token(client)})
        page = re.sub(r"<[^>]+>", " ", client.get("/reports/loyalty", params=asked).text)
        page = re.sub(r"\s+", " ", page)
        line = next(one for one in said.splitlines() if one.startswith("- Site riga"))
        intervals = re.findall(r"(\S+) (\[[^\]]+\])", line)
        assert len(intervals) >= 4
        for value, interval in intervals:
            assert f"{value} {interval}" in page, (language, value, interval)
        assert "https://bridge.example/reports" in said


def _token(client):
    return re.search(r'name="_csrf_token" value="([^"]+)"', client.get("/account").text)[1]


def test_a_hostile_name_is_text_in_every_form(client, world, filled, clock):
    with world.store.write() as connection:
        connection.execute(update(org.site).where(org.site.c.name == "riga").values(title=EVIL))
    asked = days(clock)
    page = client.get("/reports/loyalty", params=asked).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    line = next(one for one in client.get("/reports/loyalty/csv", params=asked).text.splitlines() if "evil" in one)
    assert line.startswith("\"'=HYPERLINK")
    book = sheets_of(client.get("/reports/loyalty/xlsx", params=asked).content)
    assert EVIL in [row.get("A") for row in book["Indices"]]


def test_who_sees_and_takes_what(enter, filled, clock):
    asked = days(clock)
    business = enter(Role.BUSINESS, (Place("riga"),))
    page = business.get("/reports/loyalty", params=asked)
    assert "Site riga" in page.text
    assert "Site jelgava" not in page.text
    # Aggregates alone: nothing leads to presses.
    assert "/presses" not in page.text
    api = business.get("/api/v1/reports/loyalty", params=asked | {"place": "jelgava"}).json()
    assert api["tables"][0]["rows"] == []
    assert business.get("/reports/loyalty/xlsx", params=asked).status_code == 200
    operator = enter(Role.OPERATOR)
    own = operator.get("/api/v1/reports/loyalty", params=asked | {"by": "employee"}).json()["tables"][0]["rows"]
    assert [row["employee"] for row in own] == ["Ann"]
    assert operator.get("/reports/loyalty/xlsx", params=asked).status_code == 403
    assert "/xlsx" not in operator.get("/reports/loyalty", params=asked).text


def test_taking_a_file_is_on_record(client, world, filled, clock):
    client.get("/reports/loyalty/xlsx", params=days(clock) | {"place": "riga"})
    with world.store.read() as connection:
        said = connection.execute(select(t.audit.c.object).where(t.audit.c.action == "report.export")).scalars().all()
    assert len(said) == 1
    assert said[0].startswith("loyalty xlsx")
    assert said[0].endswith("riga")


def test_a_bar_opens_its_rows(client, enter, world, filled, clock):
    page = client.get("/reports/loyalty", params=days(clock) | {"by": "counter"}).text
    assert re.search(r'href="/review\?reviewed=all&amp;place=riga%2F1&amp;from=[0-9-]+&amp;to=[0-9-]+"', page)
    manager = enter(Role.SITE_MANAGER)
    page = manager.get("/reports/loyalty", params=days(clock) | {"by": "counter"}).text
    (link,) = re.findall(r'href="(/presses\?place=riga%2F1&amp;from=[0-9-]+&amp;to=[0-9-]+)"', page)
    stamp = world.stamp()
    at = structs.replace(stamp, wall_ns=clock(), synced=True)
    here, _ = world.press("riga", "1", track=False, stamp=at)
    there, _ = world.press("riga", "2", track=False, stamp=at)
    early, _ = world.press("riga", "1", track=False, stamp=structs.replace(at, wall_ns=clock() - 40 * 86_400 * 10**9))
    rows = manager.get(link.replace("&amp;", "&")).text
    assert [here in rows, there in rows, early in rows] == [True, False, False]


def test_the_list_of_presses_is_narrowed_by_a_link(client, world, clock):
    anna, _ = world.press(track=False, employee="Anna", rating=1)
    boris, _ = world.press(track=False, employee="Boris", rating=5)
    for asked, found in (({"employee": "Anna"}, anna), ({"rating": "5"}, boris)):
        page = client.get("/presses", params=asked).text
        assert [anna in page, boris in page] == [found == anna, found == boris]
        assert "data-live-url" not in page
    for wrong in ({"rating": "9"}, {"from": "x"}, {"to": "9999-12-31"}, {"employee": "a\0"}):
        assert client.get("/presses", params=wrong).status_code == 400, wrong


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"since": "2026-11-02", "until": "2026-11-01"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"by": "weather"},
        {"employee": "a\0b"},
        {"place": "/x"},
    ],
)
def test_what_cannot_be_asked_is_refused(client, asked):
    for path in ("/reports/loyalty", "/reports/loyalty/xlsx", "/api/v1/reports/loyalty"):
        assert client.get(path, params=asked).status_code == 400, (path, asked)


def test_unknown_reports_places_and_tables_are_nothing(client, filled):
    assert client.get("/reports/weather").status_code == 404
    assert client.get("/api/v1/reports/weather").status_code == 404
    assert client.get("/reports/loyalty/csv", params={"table": "weather"}).status_code == 404
    rows = client.get("/api/v1/reports/loyalty", params={"place": "nowhere/9"}).json()["tables"][0]["rows"]
    assert rows == []
    for report in ("loyalty", "causes", "frequency"):
        assert client.get(f"/reports/{report}").status_code == 200
        assert client.get(f"/reports/{report}/xlsx").status_code == 200


def test_a_report_is_ordered_by_mail_and_ended(client, world, filled, clock):
    assert "no e-mail address" in client.get("/reports/loyalty").text
    with world.store.write() as connection:
        connection.execute(update(t.user).values(email="anna@example.org"))
    form = {"_csrf_token": _token(client), "every": "week", "by": "counter", "place": "riga", "employee": ""}
    assert client.post("/reports/loyalty/mail", data=form).status_code == 303
    page = client.get("/reports/loyalty").text
    assert "Loyalty (riga), every Monday, next on" in page
    (which,) = re.findall(r"/reports/mails/(\d+)/end", page)
    for wrong in ({"every": "hour"}, {"by": "weather"}, {"place": "a\0"}):
        assert client.post("/reports/loyalty/mail", data=form | wrong).status_code == 400, wrong
    assert client.post("/reports/weather/mail", data=form).status_code == 404
    token = {"_csrf_token": _token(client)}
    assert client.post(f"/reports/mails/{which}/end", data=token).status_code == 303
    assert client.post(f"/reports/mails/{which}/end", data=token).status_code == 404
    assert "every Monday, next on" not in client.get("/reports/loyalty").text


@pytest.fixture
def judged(client, world, filled, clock):
    """Twelve presses of riga that a check-list was filled for, with verdicts, tags, notes; one case closed."""
    stamp = structs.replace(world.stamp(), wall_ns=clock() - 60 * 10**9, synced=True)
    presses = [world.press("riga", "1", track=False, stamp=stamp, employee="Ann")[0] for _ in range(12)]
    at = {"changed_by": "anna", "changed_ns": clock()}
    with world.store.write() as connection:
        sheets = [
            {
                "id": f"{n:032x}", "checklist": "causes", "version": 1, "press": press, "turn": 1, "account": 1,
                "user": "anna", "done_ns": 2,
            }
            for n, press in enumerate(presses)
        ]  # fmt: skip
        put(connection, tc.sheet, sheets)
        items = [("rude", 7), ("queue", 4)]
        answers = [
            {"sheet": sheet["id"], "item": item, "value": "yes" if n < count else "no"}
            for item, count in items
            for n, sheet in enumerate(sheets)
        ]
        put(connection, tc.sheet_answer, answers)
        notes = [
            {"press": press, "verdict": "true", "note": f"note {n}" if n < 2 else ""} | at
            for n, press in enumerate(presses)
        ]
        put(connection, tr.judgement, notes)
        put(connection, tr.judgement_tag, [{"press": press, "tag": "queue"} for press in presses[:11]])
        case = {
            "id": 1, "title": "x", "site": "riga", "counter": "1", "employee": "Ann", "simulated": False,
            "status": "closed", "limit_no": 0, "warn_before_s": 0, "warned_no": 0, "escalated_no": 0, "order_ns": 0,
            "cause": "causes.rude", "measure": "=talked to Ann", "opened_ns": 1, "opened_by": "anna",
            "changed_ns": 1, "closed_ns": clock(), "closed_by": "anna",
        }  # fmt: skip
        put(connection, case_file, [case])
    return presses


def put(connection, table, rows):
    """Insert rows, with what the table wants beyond them filled by something of its type."""
    for column in table.columns:
        if not column.nullable and column.server_default is None and column.name not in rows[0]:
            blank = "" if column.type.python_type is str else column.type.python_type()
            rows = [row | {column.name: blank} for row in rows]
    connection.execute(insert(table), rows)


def test_causes_come_with_their_intervals_and_measures(client, judged, clock):
    asked = days(clock)
    table = client.get("/api/v1/reports/causes", params=asked).json()["tables"][0]
    first, second = table["rows"]
    assert (first["count"], first["n"], second["count"]) == (7, 12, 4)
    assert first["share"] == pytest.approx(100 * 7 / 12)
    # Twelve are shown without interval and without a place.
    assert (first["share_low"], first["place_low"]) == (None, None)
    assert first["measures"] == "=talked to Ann"
    assert second["cumulative"] == pytest.approx(100)
    page = client.get("/reports/causes", params=asked).text
    assert "cause=causes.rude" in page
    text = client.get("/reports/causes/csv", params=asked).text
    assert "'=talked to Ann" in text
    book = sheets_of(client.get("/reports/causes/xlsx", params=asked).content)
    assert [row.get("C") for row in book["Causes"][1:3]] == [7, 4]
    empty = client.get("/api/v1/reports/causes", params=asked | {"place": "jelgava"}).json()["tables"][0]
    assert empty["rows"] == []


def test_verdicts_and_tags_are_counted_and_comments_listed(client, enter, judged, clock):
    asked = days(clock)
    tables = {one["name"]: one for one in client.get("/api/v1/reports/frequency", params=asked).json()["tables"]}
    assert [(row["judged"], row["count"], row["n"]) for row in tables["verdicts"]["rows"]] == [("true", 12, 12)]
    assert [(row["tag"], row["count"], row["n"]) for row in tables["tags"]["rows"]] == [("queue", 11, 11)]
    rows = client.get("/api/v1/reports/comments", params=asked).json()["tables"][0]["rows"]
    assert {row["text"] for row in rows} == {"note 0", "note 1"}
    assert "note 1" in client.get("/reports/comments", params=asked).text
    business = enter(Role.BUSINESS)
    for path in ("/reports/comments", "/reports/comments/xlsx", "/api/v1/reports/comments"):
        assert business.get(path, params=asked).status_code == 403, path
    assert "/reports/comments" not in business.get("/reports/loyalty", params=asked).text
    manager = enter(Role.SITE_MANAGER, (Place("jelgava"),))
    assert "note 1" not in manager.get("/reports/comments", params=asked).text
    # They read them at their places, but take no rows away.
    assert manager.get("/reports/comments/csv", params=asked).status_code == 403
