"""The lab's table in docs/BENCHMARKS.md."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.figures import BEGIN, END, Figure, merged
from lab.suite import Outcome, read_report

ROOT = Path(__file__).parents[2]


def test_a_run_renews_what_it_measured_and_nothing_else():
    page = f"before\n{BEGIN}\n{END}\nafter\n"
    page = merged(page, [Figure("build", "image", 412.3, "s"), Figure("cuts", "faults", 0, "faults")], "monday")
    page = merged(page, [Figure("cuts", "faults", 2, "faults"), Figure("cuts", "cuts", 1200, "cuts")], "tuesday")
    rows = page.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    assert rows == [
        "| build | image | 412 | s | monday |",
        "| cuts | faults | 2 | faults | tuesday |",
        "| cuts | cuts | 1,200 | cuts | tuesday |",
    ]
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")


def test_the_page_has_a_place_for_them():
    text = (ROOT / "docs/BENCHMARKS.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    with pytest.raises(LabError, match="no '<!-- lab figures -->'"):
        merged("no place", [], "today")


def test_a_junit_report_tells_what_passed_and_what_was_measured(tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="a" name="one"><properties><property name="figure" value="skew&#9;0.2&#9;ms"/>'
        "</properties></testcase>"
        '<testcase classname="a" name="two"><failure message="no"/></testcase>'
        '<testcase classname="a" name="three"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    outcome = Outcome("virtual", 1, 1.0, 2.0)
    read_report(path, outcome)
    assert outcome.counts == {"passed": 1, "failure": 1, "skipped": 1}
    assert outcome.failed == ["a::two"]
    assert outcome.figures == [("a::one", "skew", 0.2, "ms")]
