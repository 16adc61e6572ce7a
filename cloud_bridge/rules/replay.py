"""Rules run over a history: the alarms they would have raised, how far apart, and how late after a known change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from cloud_bridge.rules.alarm import Alarm
from cloud_bridge.rules.config import AnyRule, Rules
from cloud_bridge.rules.cusum import OpenTime
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.history import SHIFT, Record
from cloud_bridge.rules.monitor import evaluate
from cloud_bridge.rules.open_time import AllTime, BusinessTime, instant
from cloud_bridge.rules.plan import DAY_NS, MONTH_DAYS, Baseline, Plan, plan
from cloud_bridge.rules.streams import facts_of

Line = dict[str, Any]
_HOUR_NS = 3_600_000_000_000


def replay(rules: Rules, records: Sequence[Record]) -> Iterator[Line]:
    """Lines of type threshold, alarm, shift and stream for each rule and stream, and one summary at the end.

    Raises `RuleError` for an empty history and for rules that cannot be set up on it.
    """
    if not records:
        raise RuleError("the history is empty; there is nothing to run rules over")
    begin_ns, end_ns = min(one.at_ns for one in records), max(one.at_ns for one in records)
    open_time: OpenTime = AllTime() if rules.calendar is None else BusinessTime(rules.calendar.business_calendar())
    months = max(1, end_ns - begin_ns) / (MONTH_DAYS * DAY_NS)
    raised = false = 0
    for rule in rules.rule:
        streams = facts_of(records, rule)
        baseline = Baseline(begin_ns, min(end_ns + 1, begin_ns + round(rule.baseline_days * DAY_NS)), open_time)
        for one in plan(rule, streams, baseline, rules.budget.false_alarms_a_month / len(rules.rule)):
            facts = streams[one.stream]
            alarms = evaluate(rule.name, one.stream, one.detector, facts, end_ns)
            shifts = _shifts(rule, one.stream, records)
            raised += len(alarms)
            false += sum(not shifts or alarm.raised_ns < shifts[0] for alarm in alarms)
            yield _threshold_line(one)
            yield from (_alarm_line(alarm, one, facts, open_time) for alarm in alarms)
            yield from _shift_lines(one, shifts, alarms, facts, open_time)
            yield _stream_line(one, begin_ns, alarms, facts, open_time)
    yield {
        "type": "summary",
        "records": len(records),
        "months": round(months, 3),
        "alarms": raised,
        "false_alarms": false,
        "false_alarms_a_month": round(false / months, 3),
        "allowed_a_month": rules.budget.false_alarms_a_month,
    }


def _shifts(rule: AnyRule, stream: str, records: Sequence[Record]) -> list[int]:
    return sorted(one.at_ns for one in records if one.kind == SHIFT and one.stream(rule.scope) == stream)


def _threshold_line(one: Plan) -> Line:
    threshold = one.threshold
    return {
        "type": "threshold",
        "rule": one.rule.name,
        "stream": one.stream,
        "usual": _rounded(one.usual),
        "usual_from": one.usual_from,
        "h": threshold.h,
        "unit": one.unit,
        "a_month": _rounded(one.a_month),
        "run_length": _rounded(threshold.run_length),
        "delay": None if threshold.delay is None else _rounded(threshold.delay),
        "false_alarms_a_month": _rounded(one.a_month / threshold.run_length),
        "allowed_a_month": _rounded(one.false_alarms_a_month),
    }


def _alarm_line(alarm: Alarm, one: Plan, facts: Sequence[Fact], open_time: OpenTime) -> Line:
    return {
        "type": "alarm",
        "id": alarm.id,
        "rule": alarm.rule,
        "stream": alarm.stream,
        "since": _iso(alarm.since_ns),
        "raised": _iso(alarm.raised_ns),
        "cleared": None if alarm.cleared_ns is None else _iso(alarm.cleared_ns),
        "took": _rounded(_steps(one, facts, alarm.since_ns, alarm.raised_ns, open_time)),
        "unit": one.unit,
        "raised_by": alarm.raised_by,
        "evidence": list(alarm.evidence),
    }


def _shift_lines(
    one: Plan, shifts: Sequence[int], alarms: Sequence[Alarm], facts: Sequence[Fact], open_time: OpenTime
) -> Iterator[Line]:
    """A line for each known change: the first alarm that stands at it or comes after it, before the next change."""
    for shift_ns, next_ns in zip(shifts, [*shifts, None][1:], strict=True):
        found = next(
            (
                alarm
                for alarm in alarms
                if (alarm.cleared_ns is None or alarm.cleared_ns > shift_ns)
                and (next_ns is None or alarm.raised_ns < next_ns)
            ),
            None,
        )
        line: Line = {"type": "shift", "rule": one.rule.name, "stream": one.stream, "at": _iso(shift_ns)}
        if found is None:
            yield line | {"alarm": None, "delay": None, "unit": one.unit, "delay_hours": None}
            continue
        until_ns = max(shift_ns, found.raised_ns)
        delay = _steps(one, facts, shift_ns, until_ns, open_time)
        hours = round((until_ns - shift_ns) / _HOUR_NS, 3)
        yield line | {"alarm": found.id, "delay": _rounded(delay), "unit": one.unit, "delay_hours": hours}


def _stream_line(one: Plan, begin_ns: int, alarms: Sequence[Alarm], facts: Sequence[Fact], open_time: OpenTime) -> Line:
    """The run lengths are counted from the beginning, or from where the alarm before was cleared, to each raise."""
    lengths, from_ns = [], begin_ns
    for alarm in alarms:
        lengths.append(_rounded(_steps(one, facts, from_ns, alarm.raised_ns, open_time)))
        from_ns = alarm.raised_ns if alarm.cleared_ns is None else alarm.cleared_ns
    return {
        "type": "stream",
        "rule": one.rule.name,
        "stream": one.stream,
        "customers": len(facts) if one.unit_ns is None else None,
        "events": sum(fact.counted for fact in facts),
        "alarms": len(alarms),
        "run_lengths": lengths,
        "unit": one.unit,
    }


def _steps(one: Plan, facts: Sequence[Fact], begin_ns: int, end_ns: int, open_time: OpenTime) -> float:
    """How many of the plan's units lie after `begin_ns`, up to and with `end_ns`."""
    if one.unit_ns is not None:
        return open_time.between_ns(begin_ns, end_ns) / one.unit_ns
    return bisect_right(facts, end_ns, key=_at_ns) - bisect_right(facts, begin_ns, key=_at_ns)


def _at_ns(fact: Fact) -> int:
    return fact.at_ns


def _iso(unix_ns: int) -> str:
    return instant(unix_ns).isoformat()


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
