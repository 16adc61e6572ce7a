"""A rule made ready for each of its streams: what is usual there, the threshold that follows, the detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_bridge.rules.config import AnyRule, BernoulliRule, PoissonRule, WindowRule
from cloud_bridge.rules.cusum import BernoulliCusum, OpenTime, PoissonCusum
from cloud_bridge.rules.detector import Detector
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores, worse_share
from cloud_bridge.rules.threshold import (
    Threshold,
    allowed_run_length,
    bernoulli_threshold,
    poisson_threshold,
    solve_bernoulli,
    solve_poisson,
    solve_window,
)
from cloud_bridge.rules.window import WindowDetector
from cloud_bridge.rules.window_chance import window_run_length

DAY_NS = 86_400_000_000_000
MONTH_DAYS = 30.4375
_MINUTE_NS = 60_000_000_000
_EVENTS_MIN = 10
"""Events a stream's own baseline needs; with fewer, what is usual is taken from all streams together."""

Streams = Mapping[str, Sequence[Fact]]


@dataclass(frozen=True, slots=True)
class Plan:
    """One rule on one stream. `usual` is a share of customers, or events per 24 open hours; `usual_from` says whose.

    `unit` is what the threshold's run length and delay count, `a_month` how many of them there are in a month.
    """

    rule: AnyRule
    stream: str
    detector: Detector
    threshold: Threshold
    usual: float
    usual_from: str
    unit: str
    unit_ns: float | None
    a_month: float
    false_alarms_a_month: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """The period from which is learnt what is usual: its instants, its open time."""

    begin_ns: int
    end_ns: int
    open_time: OpenTime

    @property
    def open_ns(self) -> int:
        """Open time in the period."""
        return self.open_time.between_ns(self.begin_ns, self.end_ns)

    @property
    def months(self) -> float:
        """Its length."""
        return (self.end_ns - self.begin_ns) / (MONTH_DAYS * DAY_NS)

    def of(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """The facts of the period."""
        return [fact for fact in facts if self.begin_ns <= fact.at_ns < self.end_ns]


@dataclass(frozen=True, slots=True)
class Before:
    """What a stream had in its baseline: customers (those with an event among them) and events."""

    baseline: Baseline
    customers: int
    events: int


Befores = Mapping[str, Before]


def plan(rule: AnyRule, streams: Streams, baseline: Baseline, false_alarms_a_month: float) -> tuple[Plan, ...]:
    """The rule on each of its streams, which bear the same number of false alarms each; raises `RuleError`."""
    before = {stream: baseline.of(facts) for stream, facts in streams.items()}
    counts = {
        stream: Before(baseline, len(facts), sum(fact.counted for fact in facts)) for stream, facts in before.items()
    }
    return plan_counts(rule, counts, false_alarms_a_month / max(1, len(streams)))


def plan_counts(rule: AnyRule, before: Befores, each: float) -> tuple[Plan, ...]:
    """The rule on each of its streams by the counts of its baseline; each stream bears `each` false alarms a month.

    Raises `RuleError`.
    """
    for stream, one in before.items():
        if one.baseline.open_ns <= 0:
            raise RuleError(
                f"rule {rule.name!r}: the baseline of {stream!r} has no open time; give a longer history or other hours"
            )
    match rule:
        case BernoulliRule():
            return tuple(_bernoulli(rule, stream, before, each) for stream in before)
        case PoissonRule():
            return tuple(_poisson(rule, stream, before, each) for stream in before)
        case WindowRule():
            return tuple(_window(rule, stream, before, each) for stream in before)


def _bernoulli(rule: BernoulliRule, stream: str, before: Befores, each: float) -> Plan:
    customers = before[stream].customers or sum(one.customers for one in before.values()) / len(before)
    if not customers:
        raise RuleError(f"rule {rule.name!r}: nobody was served in the baseline; give a longer history")
    share, source = rule.share, "rule"
    if share is None:
        own = before[stream].events >= _EVENTS_MIN
        learnt, source = ([before[stream]], "stream") if own else (list(before.values()), "all streams")
        events, among = sum(one.events for one in learnt), sum(one.customers for one in learnt)
        share = events / max(1, among)
        if not 0.0 < share < 1.0:
            raise RuleError(
                f"rule {rule.name!r}: {events} of {among} customers in the baseline had an event; "
                "set share, or give a longer history"
            )
    scores = BernoulliScores(share, worse_share(share, rule.odds_ratio))
    a_month = customers / before[stream].baseline.months
    if rule.h is None:
        threshold = solve_bernoulli(scores, allowed_run_length(a_month, each))
    else:
        threshold = bernoulli_threshold(scores, rule.h)
    detector = BernoulliCusum(scores, threshold.h)
    return Plan(rule, stream, detector, threshold, share, source, "customers", None, a_month, each)


def _poisson(rule: PoissonRule, stream: str, before: Befores, each: float) -> Plan:
    baseline = before[stream].baseline
    per_day, source = _usual_per_day(rule, stream, before)
    gap_ns = DAY_NS / per_day
    scores = PoissonScores(rule.ratio)
    a_month = baseline.open_ns / gap_ns / baseline.months
    if rule.h is None:
        threshold = solve_poisson(scores, allowed_run_length(a_month, each))
    else:
        threshold = poisson_threshold(scores, rule.h)
    detector = PoissonCusum(scores, threshold.h, gap_ns, baseline.open_time)
    return Plan(rule, stream, detector, threshold, per_day, source, "usual gaps", gap_ns, a_month, each)


def _window(rule: WindowRule, stream: str, before: Befores, each: float) -> Plan:
    baseline = before[stream].baseline
    per_day, source = _usual_per_day(rule, stream, before)
    window_ns = round(rule.window_minutes * _MINUTE_NS)
    mean = per_day * window_ns / DAY_NS
    a_month = baseline.open_ns / window_ns / baseline.months
    if rule.count is None:
        threshold = solve_window(mean, allowed_run_length(a_month, each))
    else:
        threshold = Threshold(float(rule.count), window_run_length(rule.count, mean), None)
    count = round(threshold.h)
    detector = WindowDetector(count, window_ns, count // 2 if rule.clear_count is None else rule.clear_count)
    return Plan(rule, stream, detector, threshold, per_day, source, "windows", float(window_ns), a_month, each)


def _usual_per_day(rule: PoissonRule | WindowRule, stream: str, before: Befores) -> tuple[float, str]:
    if rule.per_day is not None:
        return rule.per_day, "rule"
    own = before[stream]
    if own.events >= _EVENTS_MIN:
        return own.events / own.baseline.open_ns * DAY_NS, "stream"
    together = sum(one.events for one in before.values())
    if not together:
        raise RuleError(f"rule {rule.name!r}: no event in the baseline; set per_day, or give a longer history")
    return together / sum(one.baseline.open_ns for one in before.values()) * DAY_NS, "all streams"
