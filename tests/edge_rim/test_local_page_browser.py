"""The local page in headless Chromium: log in, press once, keep the language, fit a phone."""

import shutil

import pytest
from playwright.sync_api import sync_playwright
from web_main import Main, serve

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]


def test_log_in_press_and_read_on_a_phone_in_russian():
    main = Main()
    web = serve(main, token="t")
    problems = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            page = browser.new_page(viewport={"width": 360, "height": 740})
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
            page.goto(f"http://127.0.0.1:{web.port}/?lang=ru")
            page.fill("#token", "t")
            page.click("text=Войти")
            assert page.inner_text("h2 >> nth=0") == "Кнопки", "the language stays"
            assert page.locator("#token").count() == 0
            page.focus("button.incident")
            page.keyboard.press("Enter")
            page.wait_for_function("document.getElementById('outcome').textContent === 'Сохранено.'")
            presses = main.presses()
            assert [request.fact.button for request in presses] == ["red"]
            page.click("button.incident")
            page.wait_for_function("document.querySelector('button.incident').getAttribute('aria-busy') === null")
            first, second = (request.fact.request_id for request in main.presses())
            assert first != second, "a new press is a new press"
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            browser.close()
    finally:
        web.close()
    assert problems == []
