"""A report in the browser: its charts are drawn from its tables, within our policy, and a bar opens its rows."""

from __future__ import annotations

import re
import time

import pytest
from report_world import Counted

from cloud_bridge.store.tables_tally import SLOT_NS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def filled(browser_world):
    counted = Counted(browser_world.store)
    for site, red in (("cesis", 2), ("valka", 9)):
        for day in range(1, 8):
            slot_ns = (time.time_ns() - day * 86_400 * 10**9) // SLOT_NS * SLOT_NS
            counted.visit(site, "1", served=400, green=40, red=red, slot_ns=slot_ns)


def test_charts_show_the_tables_and_a_bar_opens_its_rows(browser, address, session, filled):
    context = browser.new_context(base_url=address, storage_state=session, locale="en-GB")
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/reports/loyalty?by=site")
    page.wait_for_selector(".chart canvas")
    # With the charts' own script blocked by nothing, the two charts of the page are there.
    assert page.locator(".chart canvas").count() == 2
    assert page.locator("#table-indices tbody tr").count() == 2
    drawn = page.evaluate(
        "echarts.getInstanceByDom(document.querySelector('.chart')).getOption().series[0].data.map(d => d.value[0])"
    )
    shown = page.locator("#table-indices td[data-key=iel]").evaluate_all("all => all.map(c => Number(c.dataset.value))")
    assert drawn == shown
    spot = page.evaluate(
        """() => {
            const box = document.querySelector('.chart').getBoundingClientRect();
            const chart = echarts.getInstanceByDom(document.querySelector('.chart'));
            const [x, y] = chart.convertToPixel({seriesIndex: 0}, chart.getOption().series[0].data[1].value);
            return [box.x + x, box.y + y];
        }"""
    )
    page.mouse.click(*spot)
    page.wait_for_url(re.compile(r"/review\?reviewed=all&place=valka&from="))
    assert said == []
    context.close()
