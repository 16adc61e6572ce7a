"""Every page against WCAG 2.2 AA and axe-core's best practices, light on a desk and dark on a phone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from alarm_rows import put_alarm
from playwright.sync_api import Page
from report_world import Counted

from cloud_bridge.store.tables_tally import SLOT_NS
from edge import wire

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MANAGED = ["/organisation", "/organisation/riga", "/people", "/people/1", "/invite/none", "/audit", "/mine"]
PAGES = [
    "/review",
    "/review?queue=failures",
    "/second",
    "/checklists",
    "/checklists/standard",
    "/checklists/standard/agreement",
    "/presses",
    "/reports/loyalty",
    "/reports/frequency",
    "/tokens",
    "/cases",
    "/cases?view=board",
    "/retention",
    "/persons",
    "/alarms",
    "/rules",
    "/rules/1",
    "/notifications",
    "/webhooks",
    "/boxes",
    "/quarantine",
    "/enrol",
    "/updates",
    "/account",
    "/nothing",
    *MANAGED,
]
# Names what is wrong, where, and what axe-core says about it.
CHECK = """rules => axe.run(document, {runOnly: rules}).then(r => ({
    passes: r.passes.length,
    violations: r.violations.map(v => [v.id, v.help, v.nodes.map(n => [n.html.slice(0, 200), n.failureSummary])]),
}))"""


@pytest.fixture(scope="module")
def press(browser_world):
    """A press whose page has everything: gaps, a partial sound, misuse, a guess at the time, a simulated source."""
    gaps = (wire.GapSpan(offset_frames=16_000 * 3, frames=24_000, reason="overrun"),)
    press, track = browser_world.press(employee="Anna", rating=2, misuse=True, synced=False, simulated=True)
    browser_world.sound(press, track, gaps=gaps, partial=True, partial_reason="crash")
    browser_world.snapshot(press, picture=True, partial=True, partial_reason="seen only until +1.0 s from the press")
    browser_world.press(track=False)
    counted = Counted(browser_world.store)
    for ago_days in range(1, 6):
        slot_ns = (time.time_ns() - ago_days * 86_400 * 10**9) // SLOT_NS * SLOT_NS
        counted.visit("cesis", "1", served=400, green=40, red=ago_days, slot_ns=slot_ns)
    browser_world.box("riga", "counter-2", online=False, ear=None, devices={"red": False}, faults=("ear_lost",))
    browser_world.message("earshot/1/riga/counter-1/event", b'{"not": "an event"}')
    browser_world.message("earshot/1/riga/counter-1/event", b"\x00\xff")
    return press


@pytest.fixture(scope="module", params=[("light", 1280), ("dark", 360)], ids=str)
def page(request, browser, address, session):
    scheme, width = request.param
    context = browser.new_context(
        base_url=address,
        storage_state=session,
        locale="en-GB",
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        # axe-core is put into the page by hand, which our policy rightly forbids.
        bypass_csp=True,
    )
    yield context.new_page()
    context.close()


def violations(page: Page):
    # From the top, where the bar that stays hides nothing.
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(CHECK, RULES)
    assert found["passes"] >= 15, "axe-core has looked at too little"
    return found["violations"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_everybody(page, press, path):
    page.goto(path)
    for summary in page.locator("main summary").all():
        summary.click()
    assert violations(page) == []


def test_an_alarm_with_its_chart_can_be_used_by_everybody(page, press, browser_world):
    found = put_alarm(browser_world, int(page.evaluate("innerWidth")), presses=[press])
    page.goto(f"/alarms/{found}")
    assert violations(page) == []
    page.goto("/alarms")
    assert violations(page) == []


def test_the_player_can_be_used_by_everybody(page, press):
    page.goto(f"/presses/{press}")
    page.wait_for_selector(".player.ready")
    page.wait_for_selector(".wave-canvas > div")
    assert violations(page) == []


def test_a_new_code_can_be_used_by_everybody(page):
    page.goto("/enrol")
    page.fill("input[name=site]", "riga")
    page.click("main button.primary")
    page.wait_for_selector(".qr svg")
    assert violations(page) == []
    for button in page.locator(".enrolled summary").all():
        button.click()
    page.fill("input[name=site]", "Riga!")
    page.click("main button.primary")
    page.wait_for_selector("[role=alert]")
    assert violations(page) == []


def test_the_login_and_its_refusal_can_be_used_by_everybody(page, browser, address):
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    scheme = "dark" if dark else "light"
    context = browser.new_context(base_url=address, locale="ru", color_scheme=scheme, bypass_csp=True)
    stranger = context.new_page()
    stranger.goto("/login")
    assert violations(stranger) == []
    stranger.fill("#name", "nobody")
    stranger.fill("#password", "a wrong password")
    stranger.click("button.primary")
    stranger.wait_for_selector("#login-problem")
    assert violations(stranger) == []
    context.close()


def test_the_check_finds_what_is_wrong(page):
    page.goto("/nothing")
    page.evaluate(
        """document.querySelector('main').innerHTML += '<p style="color:#999;background:#aaa">faint</p><img src="">'"""
    )
    assert {name for name, *_ in violations(page)} >= {"color-contrast", "image-alt"}
