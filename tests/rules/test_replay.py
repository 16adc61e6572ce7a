"""`earshot rules replay`: histories as files, rules as TOML, lines out; planted changes are found."""

import csv
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from cloud_bridge.rules.cli import rules
from cloud_bridge.rules.config import load_rules
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import read_history
from cloud_bridge.rules.replay import replay
from cloud_bridge.rules.streams import facts_of

START = datetime(2026, 3, 2, tzinfo=UTC)
RULES = """
[budget]
false_alarms_a_month = 1

[[rule]]
name = "share"
method = "bernoulli_cusum"
scope = "counter"
events = ["incident"]

[[rule]]
name = "rate"
method = "poisson_cusum"
scope = "site"
events = ["incident", "appeal"]

[[rule]]
name = "burst"
method = "window"
scope = "counter"
events = ["incident"]
window_minutes = 240
"""


@cache
def history(shift_day: int | None = 32) -> tuple[dict[str, str], ...]:
    """48 days of two counters, 150 customers a day each, 1 % of them red; from `shift_day` on 5 % at c1."""
    random, rows = Random(4), []
    for counter in ("c1", "c2"):
        for day in range(48):
            for number in range(150):
                at = START + timedelta(days=day, seconds=28_800 + number * 240 + random.random())
                visit = f"{counter}-{day}-{number}"
                row = {"at": at.isoformat(), "site": "north", "counter": counter, "visit": visit}
                rows.append(row | {"id": f"r{visit}", "kind": "served"})
                worse = counter == "c1" and shift_day is not None and day >= shift_day
                if random.random() < (0.05 if worse else 0.01):
                    at += timedelta(seconds=30)
                    rows.append(row | {"id": f"p{visit}", "at": at.isoformat(), "kind": "incident"})
    if shift_day is not None:
        at = (START + timedelta(days=shift_day)).isoformat()
        rows.append({"id": "s1", "at": at, "kind": "shift", "site": "north", "counter": "c1"})
    return tuple(rows)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "at", "kind", "site", "counter", "employee", "visit", "rating", "misuse"])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def history_file(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("history") / "h.csv", history())


@pytest.fixture(scope="module")
def records(history_file):
    return read_history(history_file)


@pytest.fixture
def rules_file(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def of_type(lines, kind, rule=None, stream=None):
    return [
        line
        for line in lines
        if line["type"] == kind and rule in {None, line.get("rule")} and stream in {None, line.get("stream")}
    ]


def test_a_planted_change_is_found_within_its_delay_and_others_stay_quiet(rules_file, records):
    lines = list(replay(load_rules(rules_file), records))
    (threshold,) = of_type(lines, "threshold", "share", "north/c1")
    assert threshold["usual"] == pytest.approx(0.01, abs=0.003)
    assert threshold["usual_from"] == "stream"
    assert threshold["a_month"] == pytest.approx(150 * 30.4375, rel=0.02)
    # One false alarm a month, shared by three rules and the two counters of this one.
    assert threshold["allowed_a_month"] == pytest.approx(1 / 6, rel=1e-5)
    assert threshold["false_alarms_a_month"] <= threshold["allowed_a_month"]
    (shift,) = of_type(lines, "shift", "share", "north/c1")
    assert 0 < shift["delay"] < 2 * threshold["delay"]
    assert shift["delay_hours"] < 72
    (alarm,) = [one for one in of_type(lines, "alarm", "share", "north/c1") if one["raised"] >= shift["at"]]
    assert alarm["cleared"] is None
    assert alarm["id"] == shift["alarm"]
    assert alarm["raised_by"] in alarm["evidence"]
    assert set(alarm["evidence"]) <= {one.id for one in records if one.kind == "incident"}
    assert of_type(lines, "alarm", "share", "north/c2") == []
    assert of_type(lines, "stream", "share", "north/c1")[0]["customers"] == 7_200
    summary = lines[-1]
    assert summary["type"] == "summary"
    assert summary["alarms"] == len(of_type(lines, "alarm"))
    assert of_type(lines, "threshold", "rate", "north")[0]["unit"] == "usual gaps"
    assert of_type(lines, "threshold", "burst", "north/c2")[0]["unit"] == "windows"


def test_a_shuffled_doubled_history_in_the_other_format_gives_the_same_lines(rules_file, records, tmp_path):
    shuffled = [*history(), *history()[::7]]
    Random(9).shuffle(shuffled)
    again = read_history(write(tmp_path / "h.jsonl", shuffled))
    assert again == records
    backwards = tuple(reversed(again))
    assert list(replay(load_rules(rules_file), backwards)) == list(replay(load_rules(rules_file), records))


def test_a_visit_is_one_customer(rules_file, tmp_path):
    at = START.isoformat()
    rows = [
        {"id": "receipt", "at": at, "kind": "served", "site": "n", "counter": "c", "visit": "v"},
        {"id": "second", "at": (START + timedelta(seconds=9)).isoformat(), "kind": "incident", "site": "n",
         "counter": "c", "visit": "v"},
        {"id": "first", "at": (START + timedelta(seconds=5)).isoformat(), "kind": "incident", "site": "n",
         "counter": "c", "visit": "v"},
        {"id": "other", "at": at, "kind": "served", "site": "n", "counter": "c"},
        {"id": "nowhere", "at": at, "kind": "served", "site": "n"},
    ]  # fmt: skip
    rule = load_rules(rules_file).rule[0]
    streams = facts_of(read_history(write(tmp_path / "h.csv", rows)), rule)
    assert [(fact.id, fact.counted) for fact in streams["n/c"]] == [("other", False), ("first", True)]


def test_ratings_and_hammering_count_as_the_rule_says(tmp_path):
    path = tmp_path / "rules.toml"
    rule = '[[rule]]\nname = "r"\nmethod = "window"\nscope = "employee"\nevents = ["rating", "appeal"]\n'
    rows = [
        {"id": name, "at": START.isoformat(), "site": "n", "employee": "Ann", **more}
        for name, more in {
            "one": {"kind": "rating", "rating": "1"},
            "three": {"kind": "rating", "rating": "3"},
            "none": {"kind": "rating"},
            "appeal": {"kind": "appeal"},
            "hammered": {"kind": "appeal", "misuse": "true"},
            "incident": {"kind": "incident"},
        }.items()
    ]
    records = read_history(write(tmp_path / "h.csv", rows))
    for more, expected in {
        "": {"one", "appeal"},
        "rating_at_most = 3\n": {"one", "three", "appeal"},
        "misuse = true\n": {"one", "appeal", "hammered"},
    }.items():
        path.write_text(rule + more)
        assert {fact.id for fact in facts_of(records, load_rules(path).rule[0])["n/Ann"]} == expected


def test_the_command_prints_json_lines(rules_file, history_file):
    found = CliRunner().invoke(rules, ["replay", str(history_file), "--rules", str(rules_file)], catch_exceptions=False)
    assert found.exit_code == 0
    lines = [json.loads(line) for line in found.output.splitlines()]
    assert {line["type"] for line in lines} == {"threshold", "alarm", "shift", "stream", "summary"}


def test_the_command_simulates_the_golden_figures():
    found = CliRunner().invoke(rules, ["replay", "--simulate", "--runs", "3000"], catch_exceptions=False)
    lines = [json.loads(line) for line in found.output.splitlines()]
    assert found.exit_code == 0
    assert [(line["figure"], line["ok"]) for line in lines] == [("run_length", True), ("delay", True)] * 2


@pytest.mark.parametrize("arguments", [[], ["{history}"]])
def test_the_command_says_what_it_lacks(arguments, tmp_path):
    path = write(tmp_path / "h.csv", history()[:5])
    found = CliRunner().invoke(rules, ["replay", *(one.format(history=path) for one in arguments)])
    assert found.exit_code == 2
    assert "give" in found.output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "a", "at": "2026-03-01T09:00:00", "kind": "served", "site": "n"}', "no time zone"),
        ('{"id": "a", "at": "noon", "kind": "served", "site": "n"}', "'noon' is no time"),
        ('{"id": "a", "at": "2026-03-01T09:00:00Z", "kind": "laugh", "site": "n"}', "kind 'laugh'"),
        ('{"id": "a", "at": "2026-03-01T09:00:00Z", "kind": "served", "site": "n", "mood": 1}', "mood"),
        ('{"id": "", "at": "2026-03-01T09:00:00Z", "kind": "served", "site": "n"}', "must not be empty"),
        ("[1]", "no JSON object"),
        ("{", "no JSON"),
    ],
)
def test_lines_that_are_no_records_are_refused_by_number(line, words, tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(RuleError, match=f"h.jsonl:2: .*{words}"):
        read_history(path)


def test_one_id_for_two_records_is_refused(tmp_path):
    row = {"id": "a", "at": START.isoformat(), "kind": "served", "site": "n"}
    with pytest.raises(RuleError, match=r"h.csv:3: id 'a' stands for two"):
        read_history(write(tmp_path / "h.csv", [row, row | {"site": "m"}]))
    with pytest.raises(RuleError, match=r"\.csv or a \.jsonl"):
        read_history(write(tmp_path / "h.txt", [row]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule = []", "length >= 1"),
        (RULES.replace('name = "rate"', 'name = "share"'), "two rules are named 'share'"),
        (RULES + "colour = 1", "colour"),
        (RULES.replace("false_alarms_a_month = 1", "false_alarms_a_month = 0"), "> 0"),
        (RULES.replace("bernoulli_cusum", "oracle"), "oracle"),
        ("[", "cannot be read"),
    ],
)
def test_rules_that_cannot_be_are_refused(text, words, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(RuleError, match=words):
        load_rules(path)


def test_a_history_that_teaches_nothing_is_refused(rules_file, records):
    with pytest.raises(RuleError, match="history is empty"):
        list(replay(load_rules(rules_file), []))
    served = [one for one in records[:900] if one.kind == "served"]
    with pytest.raises(RuleError, match=r"0 of .* customers in the baseline had an event"):
        list(replay(load_rules(rules_file), served))


def test_given_thresholds_are_used(records, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(
        RULES.replace('method = "bernoulli_cusum"', 'method = "bernoulli_cusum"\nh = 3.41\nshare = 0.005')
        .replace('method = "poisson_cusum"', 'method = "poisson_cusum"\nh = 2.0\nper_day = 6')
        .replace('method = "window"', 'method = "window"\ncount = 4\nclear_count = 0\nper_day = 3')
    )
    lines = list(replay(load_rules(path), records))
    found = {line["rule"]: line for line in of_type(lines, "threshold")}
    assert (found["share"]["h"], found["share"]["usual_from"]) == (3.41, "rule")
    assert found["share"]["run_length"] == pytest.approx(8749, abs=1)
    assert (found["rate"]["h"], found["rate"]["usual"]) == (2.0, 6.0)
    assert (found["burst"]["h"], found["burst"]["usual"]) == (4.0, 3.0)


def test_a_stream_with_too_few_events_learns_from_all(rules_file, records):
    quiet = [one for one in records if one.counter == "c1" or one.kind == "served"]
    lines = list(replay(load_rules(rules_file), quiet))
    share = {line["stream"]: line for line in of_type(lines, "threshold", "share")}
    assert (share["north/c1"]["usual_from"], share["north/c2"]["usual_from"]) == ("stream", "all streams")
    assert share["north/c2"]["usual"] == pytest.approx(share["north/c1"]["usual"] / 2, rel=1e-4)


def test_business_hours_are_the_time_of_rules_without_customers(rules_file, records, tmp_path):
    days = "".join(f'{day} = ["08:00-18:00"]\n' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    with_hours = tmp_path / "hours.toml"
    with_hours.write_text(RULES + f'[calendar]\nzone = "UTC"\n[calendar.hours]\n{days}')
    open_all, open_by_day = (
        of_type(replay(load_rules(path), records), "threshold", "rate")[0] for path in (rules_file, with_hours)
    )
    assert open_by_day["usual"] == pytest.approx(2.4 * open_all["usual"], rel=0.02)
    assert open_by_day["a_month"] == pytest.approx(open_all["a_month"], rel=0.02)
