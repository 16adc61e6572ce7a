"""docs/RULES.md: its example loads, its figures are computed ones."""

import re
from pathlib import Path

import pytest

from cloud_bridge.rules.config import BernoulliRule, PoissonRule, WindowRule, load_rules
from cloud_bridge.rules.scores import BernoulliScores, worse_share
from cloud_bridge.rules.threshold import allowed_run_length, solve_bernoulli

TEXT = (Path(__file__).parents[2] / "docs/RULES.md").read_text()
SCORES = BernoulliScores(0.005, worse_share(0.005, 3.0))


def rows(columns: int) -> list[list[float]]:
    found = re.findall(r"^ *\| ([\d.][^\n]*) \|$", TEXT, re.MULTILINE)
    cells = [[float(cell.split("±")[0].replace(" ", "")) for cell in row.split("|")] for row in found]
    return [row for row in cells if len(row) == columns]


def test_the_example_loads(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "rules.toml"
    path.write_text(example)
    found = load_rules(path)
    assert [type(rule) for rule in found.rule] == [BernoulliRule, PoissonRule, WindowRule]
    assert found.calendar.business_calendar().zone.key == "Europe/Berlin"


def test_the_price_of_fewer_false_alarms_is_the_computed_one():
    assert len(rows(3)) == 4
    for false_alarms, h, delay in rows(3):
        found = solve_bernoulli(SCORES, allowed_run_length(9000, false_alarms / 20))
        assert (found.h, round(SCORES.run_length(found.h, 0.015))) == (h, delay)


def test_the_golden_table_is_the_computed_one():
    assert len(rows(5)) == 2
    for h, run_length, simulated, delay, simulated_delay in rows(5):
        assert round(SCORES.run_length(h)) == run_length == pytest.approx(simulated, rel=0.02)
        assert round(SCORES.run_length(h, 0.015)) == delay == pytest.approx(simulated_delay, rel=0.02)
