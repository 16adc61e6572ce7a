"""The review in headless Chromium: a queue is worked through by keys alone, a check-list is filled beside the sound."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from cloud_bridge.checklists import sheets
from cloud_bridge.review import acts
from cloud_bridge.review.state import state
from edge import wire

pytestmark = pytest.mark.browser

ACCOUNT = 1
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def presses(browser_world):
    """Oldest first: three with sound, the last of them with a picture."""
    made = []
    for minutes_ago in (3, 2, 1):
        press, track = browser_world.press(ago_s=60 * minutes_ago, employee="Ann")
        gaps = (wire.GapSpan(offset_frames=16_000, frames=8_000, reason="overrun"),)
        browser_world.sound(press, track, seconds=24, gaps=gaps)
        made.append(press)
    browser_world.snapshot(made[-1], picture=True)
    return made


@pytest.fixture
def context(browser, address, session):
    context = browser.new_context(base_url=address, storage_state=session, locale="en-GB", bypass_csp=False)
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext):
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    # Refusals of the content security policy are console errors too.
    assert problems == []


def wait_until(page: Page, expression: str):
    deadline_s = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"never true: {expression}"
        page.wait_for_timeout(20)


def in_work(page: Page, press: str):
    expect(page.locator("#item")).to_have_attribute("data-press", press)
    page.wait_for_selector(".player.ready")


def test_a_queue_is_worked_through_by_keys_alone(page, browser_world, presses):
    store = browser_world.store
    first, second, third = reversed(presses)
    page.goto("/review")
    in_work(page, first)
    # It plays by itself, from 10 s before the press on, which is at 16 s.
    wait_until(page, "(a => !a.paused && a.currentTime > 6 && a.currentTime < 12)(document.querySelector('audio'))")
    page.keyboard.press("t")
    expect(page.locator("[data-verdict=true]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("4")
    expect(page.locator("[data-score='4']")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("]")
    wait_until(page, "document.querySelector('audio').playbackRate === 1.25")
    page.keyboard.press("n")
    page.keyboard.type("Shouting j k r")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    in_work(page, second)
    said = state(store, first, ACCOUNT)
    assert (said.verdict, said.score, said.note, said.reviewed) == ("true", 4, "Shouting j k r", True)
    assert len(acts.spent(store, ACCOUNT)) == 1
    wait_until(page, "!document.querySelector('audio').paused")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25
    assert first not in page.url
    assert second in page.url

    page.keyboard.press("f")
    expect(page.locator("[data-verdict=false]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("z")
    expect(page.locator("[data-verdict=false]")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("j")
    in_work(page, third)
    page.keyboard.press("k")
    in_work(page, second)
    page.keyboard.press("c")
    expect(page.locator(f"#row-{second} .tag")).to_have_text("To check")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("j")
    in_work(page, second)
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(page.locator("#chosen")).to_have_text("1")
    page.keyboard.press("j")
    in_work(page, third)
    page.keyboard.press("r")
    expect(page.locator("#toast")).to_contain_text("last one")
    expect(page.locator("#pace")).to_contain_text("median of the last 2")
    page.goto("/review")
    in_work(page, second)
    assert page.locator("#queue .queue-row").count() == 1


def test_a_check_list_is_filled_beside_the_sound(page, browser_world, presses):
    press = presses[0]
    page.goto(f"/review?reviewed=all&item={press}")
    in_work(page, press)
    wait_until(page, "document.querySelector('audio').currentTime > 6")
    page.keyboard.press(" ")
    wait_until(page, "document.querySelector('audio').paused")
    at_s = page.evaluate("document.querySelector('audio').currentTime")
    page.locator("#sheets a[data-sheet]").first.click()
    page.locator("[data-item=queue] [data-here]").click()
    page.locator("[name='a.rude']").check()
    expect(page.locator(".sheet-foot [role=status]")).to_have_text("Saved as a draft.")
    page.locator("[name=done]").click()
    expect(page.locator("#sheets .found li")).to_have_count(2)
    (made,) = sheets.of_press(browser_world.store, press)
    assert made.replies["queue"].at_s == pytest.approx(at_s, abs=0.06)
    assert made.replies["price"].value == "no"
    mark = page.locator(".wave-mark")
    expect(mark).to_have_count(1)
    page.locator("[data-do=home]").click()
    mark.click()
    wait_until(page, f"Math.abs(document.querySelector('audio').currentTime - {at_s}) < 0.1")
    assert page.evaluate("document.querySelector('audio').paused"), "a mark does not start what was stopped"


def test_the_review_fits_a_phone_and_everybody(browser, address, session, presses):
    context = browser.new_context(
        base_url=address, storage_state=session, locale="ru", viewport={"width": 360, "height": 740}, bypass_csp=True
    )
    page = context.new_page()
    press = presses[-1]
    for path in (f"/review?reviewed=all&item={press}", f"/sheets/standard/{press}", f"/sheets/causes/{press}"):
        page.goto(path)
        page.wait_for_selector(".player.ready")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag22aa', 'best-practice']})")
        assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == [], path
    context.close()


def test_without_script_the_review_works_by_links_and_forms(browser, address, session, presses, browser_world):
    context = browser.new_context(base_url=address, storage_state=session, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto("/review?reviewed=all")
    page.locator(f"#row-{presses[0]} a").click()
    page.locator("[data-verdict=false]").click()
    page.locator("#judgement [name=tags]").fill("loud, late")
    page.locator(".words .keep").click()
    expect(page.locator(f"#row-{presses[0]} .tag")).to_have_text("False")
    assert state(browser_world.store, presses[0], ACCOUNT).tags == ("late", "loud")
    context.close()
