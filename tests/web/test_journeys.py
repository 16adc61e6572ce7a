"""What each role does all day, in a browser, on an invented store with its history, sound and receipts."""

from __future__ import annotations

import io
import re
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect
from simulated_store import count, put_receipts, send
from sqlalchemy import select
from web_world import PASSWORD
from workbook import sheets_of

from cloud_bridge.checklists import sheets
from cloud_bridge.checklists.definition import Purpose
from cloud_bridge.checklists.sheets import Reply
from cloud_bridge.checklists.shipped import shipped
from cloud_bridge.ingest.assemble import Assembler
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.review import acts
from cloud_bridge.simulate.records import box_messages
from cloud_bridge.simulate.speech import AFTER_S, BEFORE_S, RATE_HZ
from cloud_bridge.simulate.world import make_world
from cloud_bridge.store import tables as t
from cloud_bridge.store import users
from cloud_bridge.store.tables_review import judgement, question, review
from cloud_bridge.store.users import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNTERS, DAYS = 3, 10
ITEMS = 20
ROLES = {
    "olga": Role.OPERATOR,
    "quentin": Role.QUALITY_MANAGER,
    "bella": Role.BUSINESS,
    "audrey": Role.AUDITOR,
}


def hum(_kind, number):
    """A track's sound that costs nothing to make; its loudness belongs to the press."""
    frames = (BEFORE_S + AFTER_S) * RATE_HZ
    wave = np.sin(np.arange(frames) * 0.1) * (500 + number % 1000)
    file = io.BytesIO()
    soundfile.write(file, wave.astype(np.int16), RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def store(browser_world):
    """The history, counted; the accounts; causes that the manager found in the oldest presses."""
    made = browser_world.store
    world = make_world(COUNTERS, DAYS, 1, datetime.now(UTC))
    for counter in range(COUNTERS):
        send(made, box_messages(world, counter, hum), world.end_ns)
    put_receipts(made, world, world.end_ns)
    assembler = Assembler(made, browser_world.blobs, Limits())
    with made.read() as connection:
        tracks = connection.execute(select(t.track.c.id).where(t.track.c.state != "complete")).scalars().all()
    for track in tracks:
        assembler.assemble(track, world.end_ns)
    count(made)
    with made.read() as connection:
        named = select(t.press.c.employee, t.press.c.id).where(t.press.c.trigger == "incident")
        oldest = connection.execute(named.order_by(t.press.c.wall_ns)).all()
    assert len(oldest) >= 12
    for name, role in ROLES.items():
        users.create_user(made, name, PASSWORD, role, employee=world.counters[0].employees[0])
    quentin = users.user_by_name(made, "quentin")
    items = [item.id for item in shipped(Purpose.CAUSES).items]
    for number, (_, press) in enumerate(oldest[:12]):
        sheet = sheets.begin(made, "causes", press, account=quentin.id, user="quentin", at_ns=world.end_ns)
        found = {items[0]: Reply(value="yes")} | ({items[number % 4]: Reply(value="yes")} if number % 3 else {})
        sheets.save(made, sheet, found, "", account=quentin.id, at_ns=world.end_ns, done=True)
    return made


@pytest.fixture
def enter(browser, address, store):
    """Logs somebody in through the form; their page, which may not have any problem of its own."""
    contexts = []
    problems: list[str] = []

    def as_who(name) -> Page:
        context = browser.new_context(base_url=address, locale="en-GB", accept_downloads=True)
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto("/login")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        page.wait_for_selector(".main-nav")
        return page

    yield as_who
    for context in contexts:
        context.close()
    assert problems == []


def wait_until(page: Page, expression: str):
    deadline_s = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"never true: {expression}"
        page.wait_for_timeout(20)


def pressed(page: Page) -> str:
    return page.locator("#item").get_attribute("data-press")


def test_a_manager_triages_twenty_presses_by_keys_alone(enter, store):
    page = enter("quentin")
    expect(page).to_have_url(re.compile("/review"))
    page.goto("/review?sound=1")
    done = []
    for number in range(ITEMS):
        done.append(pressed(page))
        if number == 0:
            wait_until(page, "(a => !a.paused && a.currentTime > 0)(document.querySelector('audio'))")
        page.keyboard.press("tcf"[number % 3])
        page.keyboard.press("r")
        expect(page.locator("#item")).not_to_have_attribute("data-press", done[-1])
    assert len(set(done)) == ITEMS
    expect(page.locator("#pace")).to_contain_text(f"median of the last {ITEMS}")
    quentin = users.user_by_name(store, "quentin")
    with store.read() as connection:
        seen = connection.execute(select(review.c.press).where(review.c.account == quentin.id)).scalars().all()
        found = connection.execute(select(judgement.c.press, judgement.c.verdict)).all()
    verdicts = {row.press: row.verdict for row in found}
    assert sorted(seen) == sorted(done)
    assert [verdicts[press] for press in done] == [("true", "check", "false")[n % 3] for n in range(ITEMS)]
    assert len(acts.spent(store, quentin.id)) == ITEMS


def test_an_operator_answers_what_a_manager_asks(enter, store):
    with store.read() as connection:
        mine = select(t.press.c.id).where(t.press.c.employee == users.user_by_name(store, "olga").employee)
        press = connection.execute(mine.order_by(t.press.c.wall_ns.desc()).limit(1)).scalar_one()
    manager, operator = enter("quentin"), enter("olga")
    manager.goto(f"/presses/{press}")
    manager.locator("details.ask summary").click()
    manager.fill("form.ask-form textarea", "What happened at the till?")
    manager.click("form.ask-form button")
    expect(manager.locator("#questions")).to_contain_text("What happened at the till?")

    expect(operator).to_have_url(re.compile("/mine"))
    operator.reload()
    waiting = operator.locator("#questions .question-open")
    expect(waiting).to_contain_text("What happened at the till?")
    waiting.locator("textarea").fill("The drawer was stuck.")
    waiting.locator("button.primary").click()
    expect(operator.locator("#questions .question-open")).to_have_count(0)

    manager.reload()
    expect(manager.locator("#questions .answer-text")).to_contain_text("The drawer was stuck.")
    with store.read() as connection:
        assert connection.execute(select(question.c.answered_by)).scalars().all() == ["olga"]


def test_an_auditor_sees_who_listened_and_hears_nothing(enter, store):
    with store.read() as connection:
        sounding = select(t.press.c.id, t.press.c.track).join(t.track, t.track.c.id == t.press.c.track)
        press, track = connection.execute(sounding.where(t.track.c.state == "complete").limit(1)).one()
    manager, auditor = enter("quentin"), enter("audrey")
    manager.goto(f"/presses/{press}")
    manager.locator("button.play").first.click()
    wait_until(manager, "document.querySelector('audio').currentTime > 0")

    expect(auditor).to_have_url(re.compile("/people|/audit"))
    auditor.goto("/audit")
    auditor.fill("input[name=about]", press)
    auditor.click("form.filter button")
    heard = auditor.locator("table.rows tbody tr", has_text=track)
    expect(heard.first).to_contain_text("quentin")
    assert auditor.request.get(f"/api/v1/tracks/{track}/audio").status == 403
    assert auditor.request.get(f"/presses/{press}").status == 403


def test_business_takes_the_pareto_away_with_the_figures_of_the_page(enter, store):
    page = enter("bella")
    expect(page).to_have_url(re.compile("/reports/loyalty"))
    page.locator("nav.tabs a", has_text="Causes").click()
    page.wait_for_selector("[data-chart=causes] canvas")
    today = datetime.now(UTC).date()
    days = f"since={today - timedelta(days=20)}&until={today + timedelta(days=1)}"
    page.goto(f"/reports/causes?{days}")
    shown = page.locator("#table-causes tbody tr").count()
    with page.expect_download() as waiting:
        page.locator(".downloads a").first.click()
    name = waiting.value.suggested_filename
    assert name.endswith(".xlsx")
    book = sheets_of(waiting.value.path().read_bytes())
    table = page.request.get(f"/api/v1/reports/causes?{days}").json()["tables"][0]
    rows = next(rows for rows in book.values() if len(rows[0]) == len(table["columns"]))
    keys = [column["key"] for column in table["columns"]]
    letters = dict(zip(keys, "ABCDEFGHIJKLMNOP", strict=False))
    taken = rows[1 : 1 + len(table["rows"])]
    assert shown == len(taken) == len(table["rows"]) >= 2
    for key in ("count", "n"):
        assert sum(row[letters[key]] for row in taken) == sum(row[key] for row in table["rows"]) > 0
    assert [row["A"] for row in taken] == [row["cause"] for row in table["rows"]]
    # Whole figures, and nobody's voice or words.
    assert page.request.get("/presses").status == 403
    assert page.request.get("/reports/comments").status in {403, 404}
