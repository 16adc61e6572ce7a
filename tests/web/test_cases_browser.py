"""A case in headless Chromium: worked on by keyboard until it is closed; usable by everybody, on a phone, too."""

from __future__ import annotations

import re

import pytest
from axe_check import wrong_with
from playwright.sync_api import expect

from cloud_bridge.cases import letters, lists, members, work
from cloud_bridge.cases.rows import Contact, Status, Verdict
from cloud_bridge.retention import holds, persons

pytestmark = pytest.mark.browser


def make_case(world, presses=2):
    """A case with everything on it."""
    made = []
    for _ in range(presses):
        press, track = world.press(employee="Ann")
        world.sound(press, track, seconds=2)
        world.snapshot(press, picture=True)
        made.append(press)
    who = {"by": "anna", "now_ns": world.stamp().wall_ns}
    case = members.gather(world.store, made, title="A queue at noon", **who)
    other = members.gather(world.store, [world.press(track=False)[0]], **who)
    members.merge(world.store, other, case, **who)
    work.judge(world.store, case, Verdict.TRUE, **who)
    work.set_tags(world.store, case, ["queue"], **who)
    work.comment(world.store, case, "Ann was alone.", **who)
    letters.set_contact(world.store, case, Contact(name="Ilze", email=f"c{case}@example.org"), **who)
    letters.write(world.store, case, "Your visit", "Sorry.", **who)
    letters.take_down(world.store, case, "Thanks.", **who)
    holds.hold_case(world.store, case, "Claim 4711", **who)
    return case


@pytest.fixture
def context_of(browser, address, session):
    contexts = []

    def make(**more):
        context = browser.new_context(base_url=address, storage_state=session, locale="en-GB", **more)
        context.set_default_timeout(15_000)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def shows(page, selector, text):
    """The page says so, and hears keys again: its scripts have run when it is loaded."""
    expect(page.locator(selector).first).to_contain_text(text)
    page.wait_for_load_state("load")


def test_a_case_is_worked_on_by_keyboard_until_it_is_closed(context_of, browser_world):
    case = make_case(browser_world)
    page = context_of().new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto("/cases")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/cases/\d+$"))
    page.goto(f"/cases/{case}")
    page.wait_for_selector(".player.ready")
    page.keyboard.press("j")
    page.wait_for_url(re.compile(r"\?press="))
    page.keyboard.press("a")
    shows(page, ".events", "Assigned: anna")
    page.keyboard.press("c")
    page.keyboard.type("A second counter opens at noon.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, ".event-comment", "A second counter opens at noon.")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    shows(page, ".case-now", "In work")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("x")
    expect(page.locator("#cause")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Two at noon.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, ".case-now", "Closed")
    row = lists.find_case(browser_world.store, case)
    assert (row.status, row.measure, row.closed_by) == (Status.CLOSED, "Two at noon.", "anna")
    assert problems == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_cases_and_requests_of_persons_can_be_used_by_everybody(context_of, browser_world, scheme, width):
    case = make_case(browser_world)
    page = context_of(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True).new_page()
    asked = {"reason": "asked by letter", "with_sound": True, "by": "anna", "now_ns": 1}
    number = persons.request(browser_world.store, persons.PersonKind.CLIENT, f"c{case}@example.org", **asked)
    for path in (f"/cases/{case}", "/cases", "/cases?view=board", "/retention", f"/persons/{number}", "/persons"):
        page.goto(path)
        for summary in page.locator("main summary").all():
            if summary.is_visible():
                summary.click()
        assert wrong_with(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.fill("input[name=who]", f"c{case}@example.org")
    page.click("main form button")
    page.wait_for_selector("button.danger")
    assert wrong_with(page) == []
