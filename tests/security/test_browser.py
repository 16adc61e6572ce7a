"""A browser that opens every page of a hostile world runs nothing of it, even where our policy would not stop it."""

from __future__ import annotations

from typing import Any

import pytest
from web_server import serve
from web_world import PASSWORD, USER

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
COUNT = "window.hits = 0; window.hit = () => { window.hits += 1; };"
PAGES = (
    "/presses", "/presses/{press_id}", "/review", "/reports/loyalty?by=employee", "/reports/causes", "/alarms",
    "/alarms/{alarm_id}", "/cases", "/cases?view=board", "/cases/{case_id}", "/boxes", "/quarantine",
    "/organisation/riga",
    "/people", "/audit", "/checklists/causes", "/sheets/causes/{press_id}", "/mine", "/notifications", "/webhooks/1",
    "/tokens", "/updates", "/enrol", "/rules",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(world) -> Any:
    from playwright.sync_api import sync_playwright

    with serve(world) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        # Without the policy: what is escaped must not need it.
        context = browser.new_context(base_url=address, locale="en-GB", bypass_csp=True)
        context.add_init_script(COUNT)
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.goto("/login")
        page.fill("#name", USER)
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        page.wait_for_selector(".main-nav")
        yield page
        browser.close()


def hits(page) -> int:
    return page.evaluate("new Promise(done => setTimeout(() => done(window.hits), 0))")


def test_no_page_runs_what_somebody_wrote(page, world):
    for path in PAGES:
        answer = page.goto(path.format(**world.routes))
        assert answer.status == 200, path
        for summary in page.locator("main summary").all():
            summary.click()
        assert hits(page) == 0, path
        assert page.locator("img[src=x]").count() == 0, path


def test_a_chart_shows_hostile_names_as_text(page):
    page.goto("/reports/loyalty?by=employee")
    for chart in page.locator("canvas").all():
        box = chart.bounding_box()
        if box:
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert hits(page) == 0
    assert page.locator("img[src=x]").count() == 0


def test_the_count_does_count(page):
    page.goto("/account")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x onerror=hit()>')")
    page.wait_for_function("window.hits > 0")
    assert page.locator("img[src=x]").count() == 1
