"""The pages in headless Chromium: a press arrives live, is listened to, by keyboard alone too, on a phone too."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from web_world import PASSWORD, USER, World

from edge import wire

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(browser_world):
    return browser_world


@pytest.fixture
def context(browser: Browser, address: str, session):
    context = browser.new_context(base_url=address, storage_state=session, locale="en-GB")
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


def a_whole_press(world: World, **more):
    press, track = world.press()
    world.sound(press, track, seconds=12, **more)
    return press


def wait_until(page: Page, expression: str):
    """Poll; Playwright's own waiting evaluates strings inside the page, which our policy rightly forbids."""
    deadline_s = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"never true: {expression}"
        page.wait_for_timeout(20)


def position(page: Page) -> float:
    return page.evaluate("document.querySelector('audio').currentTime")


def test_a_press_arrives_live_and_becomes_complete(page, world):
    page.goto("/presses")
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate("window.notReloaded = true")
    press, track = world.press(employee="Anna")
    row = page.locator(f"#press-{press}")
    expect(row).to_be_visible()
    expect(page.locator("#presses > li").first).to_have_attribute("id", f"press-{press}")
    expect(row.locator(".state")).to_have_text("Expected")
    expect(page.locator("#announcer")).to_contain_text("New press: Incident, red, riga / counter-1")

    world.sound(press, track, seconds=8, chunks=1)
    expect(row.locator(".state")).to_have_text("Receiving")
    second, second_track = world.press()
    world.sound(second, second_track, seconds=2)
    expect(page.locator(f"#press-{second} .state")).to_have_text("Complete")
    assert page.evaluate("window.notReloaded") is True


def test_a_paused_list_stands_still_and_catches_up(page, world):
    page.goto("/presses")
    live = page.locator("#live")
    expect(live).to_have_attribute("aria-pressed", "true")
    live.click()
    expect(live).to_have_text("Paused")
    missed, _ = world.press()
    live.click()
    expect(page.locator(f"#press-{missed}")).to_be_visible()


def test_an_open_press_gets_its_sound_when_it_comes(page, world):
    press, track = world.press()
    page.goto(f"/presses/{press}")
    expect(page.locator(".sound .notice")).to_have_text("The sound is being recorded.")
    world.sound(press, track, seconds=4)
    expect(page.locator(".player.ready")).to_be_visible()
    expect(page.locator("#press-state")).to_have_text("Complete")
    page.wait_for_selector(".wave-canvas canvas")


def test_the_sound_plays_and_the_marks_stand_where_they_belong(page, world):
    gaps = (wire.GapSpan(offset_frames=16_000 * 3, frames=24_000, reason="overrun"),)
    page.goto(f"/presses/{a_whole_press(world, gaps=gaps)}")
    page.wait_for_selector(".wave-canvas > div")
    box = page.locator(".wave").bounding_box()
    mark = page.locator(".wave-press").bounding_box()
    gap = page.locator(".wave-gap").bounding_box()
    assert mark["x"] + mark["width"] / 2 == pytest.approx(box["x"] + box["width"] * 8 / 12, abs=2.5)
    assert gap["x"] == pytest.approx(box["x"] + box["width"] * 3 / 12, abs=2.5)
    assert gap["width"] == pytest.approx(box["width"] * 1.5 / 12, abs=2.5)
    drawn = page.evaluate(
        """() => [...document.querySelector('.wave-canvas > div').shadowRoot.querySelectorAll('canvas')].some(
            c => new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer).some(p => p))"""
    )
    assert drawn, "the waveform is empty"

    page.click("[data-do=play]")
    wait_until(page, "document.querySelector('audio').currentTime > 0.3")
    expect(page.locator(".play-text")).to_have_text("Pause")
    page.click("[data-do=play]")
    expect(page.locator(".play-text")).to_have_text("Play")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until(page, "Math.abs(document.querySelector('audio').currentTime - 6) < 0.2")


def test_keys_move_through_the_sound(page, world):
    press = a_whole_press(world, press_offset_frames=11 * 16_000)
    page.goto(f"/presses/{press}")
    page.wait_for_selector(".player.ready")
    page.keyboard.press("Home")
    wait_until(page, "Math.abs(document.querySelector('audio').currentTime - 1) < 0.01")
    page.keyboard.press("ArrowRight")
    wait_until(page, "Math.abs(document.querySelector('audio').currentTime - 6) < 0.01")
    page.keyboard.press("ArrowLeft")
    wait_until(page, "Math.abs(document.querySelector('audio').currentTime - 1) < 0.01")
    expect(page.locator(".wave")).to_have_attribute("aria-valuetext", "0:01 of 0:12")
    page.keyboard.press(" ")
    wait_until(page, "document.querySelector('audio').currentTime > 1.2")
    page.keyboard.press(" ")
    wait_until(page, "document.querySelector('audio').paused")
    assert position(page) < 12


def test_from_the_login_to_the_sound_by_keyboard_alone(browser, address, world):
    press = a_whole_press(world)
    context = browser.new_context(base_url=address, locale="en-GB")
    page = context.new_page()
    page.goto("/presses")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type(USER)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/presses")
    page.wait_for_selector(f"#press-{press}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.press-row')?.id") == f"press-{press}":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".player.ready")
    page.keyboard.press(" ")
    wait_until(page, "document.querySelector('audio').currentTime > 0.2")
    context.close()


def test_choosing_a_filter_changes_the_address_and_the_list(page, world):
    world.press(trigger=wire.Trigger.SALE)
    page.goto("/presses")
    page.select_option("select[name=trigger]", "sale")
    page.wait_for_url("**/presses?trigger=sale")
    assert set(page.locator("#presses .trigger").all_inner_texts()) == {"Sale"}
    appeal, _ = world.press(trigger=wire.Trigger.APPEAL)
    sale, _ = world.press(trigger=wire.Trigger.SALE)
    expect(page.locator(f"#press-{sale}")).to_be_visible()
    assert page.locator(f"#press-{appeal}").count() == 0


def test_identify_answers_in_place(page, world):
    world.reply = wire.Reply(id="0" * 32, ok=False, error="<img src=x onerror=alert(1)>")
    page.goto("/boxes")
    page.click("text=Identify")
    expect(page.locator(".answer").first).to_have_text("The box did not do it: <img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_overflows_at_the_width_of_a_phone(browser, address, session, world, language):
    press = a_whole_press(world, capture="x" * 200)
    context = browser.new_context(
        base_url=address, storage_state=session, locale=language, viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    for path in ("/presses", f"/presses/{press}", "/boxes", "/quarantine", "/account", "/none"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, a.button, nav a, select, summary')]
                .filter(e => e.offsetParent)
                .filter(e => !e.classList.contains('visually-hidden'))
                .map(e => [e.innerText, e.getBoundingClientRect()]).filter(([_, r]) => r.height < 24 || r.width < 24)"""
        )
        assert small == [], path
    context.close()


def test_without_script_the_sound_still_plays_and_forms_still_work(browser, address, session, world):
    press = a_whole_press(world)
    context = browser.new_context(base_url=address, storage_state=session, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"/presses/{press}")
    expect(page.locator("audio")).to_be_visible()
    expect(page.locator(".transport")).to_be_hidden()
    page.goto("/presses")
    page.select_option("select[name=state]", "complete")
    page.click("text=Apply")
    page.wait_for_url("**state=complete")
    context.close()
