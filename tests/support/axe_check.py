"""A page against WCAG 2.2 AA, as axe-core sees it; the page's context must bypass the content security policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_CHECK = """rules => axe.run(document, {runOnly: rules}).then(r => ({
    passes: r.passes.length,
    wrong: r.violations.map(v => [v.id, v.nodes.map(n => [n.html.slice(0, 200), n.failureSummary])]),
}))"""


def wrong_with(page: Any) -> list[Any]:
    """What is wrong with the page as it stands, and where."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(_CHECK, RULES)
    assert found["passes"] >= 15, "axe-core has looked at too little"
    wrong: list[Any] = found["wrong"]
    return wrong
