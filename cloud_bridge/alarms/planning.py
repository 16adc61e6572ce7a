"""What each rule takes for usual on each stream, learnt from counts of its baseline, and the threshold that follows.

Kept in the database and computed anew when a rule or the budget changes, while a baseline is not over, and daily.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select

from cloud_bridge.alarms.hours import hours_of, open_time
from cloud_bridge.alarms.usual import Exposure, usual_rates
from cloud_bridge.alarms.watches import Budget, RuleRow, all_rules, budget
from cloud_bridge.rules.config import AnyRule, BernoulliRule
from cloud_bridge.rules.cusum import BernoulliCusum, PoissonCusum
from cloud_bridge.rules.detector import Detector
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import Record
from cloud_bridge.rules.plan import DAY_NS, Baseline, Before, Plan, plan_counts
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores, worse_share
from cloud_bridge.rules.streams import counts
from cloud_bridge.rules.window import WindowDetector
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Site, organisation
from cloud_bridge.store.tables_alarm import alarm_dirty, rule_plan
from cloud_bridge.store.tables_tally import SERVED, SLOT_NS, tally

EVENTS_MIN = 10
"""With fewer in the baselines of all streams together, nothing is known to be usual yet."""
_SHARE_MAX = 0.9
_FIRST_NS = 1_577_836_800 * 10**9
"""2020: what is dated before it comes from a box without a clock."""
_RECENT_NS = 28 * DAY_NS
_LEARNING_NS = 3600 * 10**9
_LEARNT_NS = DAY_NS


class StreamPlan(Struct, frozen=True, kw_only=True):
    """A rule on one stream. `usual`: a share of customers, or events per 24 open hours; `usual_from` says whose.

    `run_length` (while all is usual) and `delay` (after the change it looks for) are in `unit`; `revision` is that of
    the rules. `hours`: see `cloud_bridge.alarms.hours`. Learning goes on until `learnt_ns`.
    """

    method: Literal["bernoulli", "poisson", "window"]
    usual: float
    usual_from: str
    h: float
    run_length: float
    delay: float | None
    unit: str
    a_month: float
    allowed: float
    ratio: float
    window_ns: int
    hours: str
    learnt_ns: int
    revision: int

    def detector(self) -> Detector:
        """The rule, ready to run."""
        if self.method == "bernoulli":
            return BernoulliCusum(BernoulliScores(self.usual, worse_share(self.usual, self.ratio)), self.h)
        if self.method == "poisson":
            return PoissonCusum(PoissonScores(self.ratio), self.h, DAY_NS / self.usual, open_time(self.hours))
        count = round(self.h)
        return WindowDetector(count, self.window_ns, count // 2)


Plans = dict[tuple[int, str], StreamPlan]


class _Site(Struct, frozen=True):
    """A site's baseline as far as it has come (it ends at `end_ns`), what was in it, and what there was lately."""

    baseline: Baseline
    end_ns: int
    hours: str
    records: tuple[tuple[Record, int], ...]
    recent: tuple[Record, ...]


def read_plans(connection: Connection) -> Plans:
    """All plans."""
    rows = connection.execute(select(rule_plan.c.rule, rule_plan.c.stream, rule_plan.c.plan)).all()
    return {(row.rule, row.stream): msgspec.json.decode(row.plan, type=StreamPlan) for row in rows}


def plan_if_due(store: Store, now_ns: int) -> bool:
    """Compute the plans anew where that is due; whether any changed."""
    company = organisation(store)
    with store.read() as connection:
        wanted = budget(connection)
        known = read_plans(connection)
        planned_ns = connection.execute(select(func.min(rule_plan.c.planned_ns))).scalar() or 0
        if known and not _is_due(known, planned_ns, wanted, now_ns):
            return False
        plans = make_plans(connection, company, all_rules(connection), wanted, now_ns)
    changed: dict[str, bool] = {}
    for key, plan in plans.items():
        if known.get(key) != plan:
            changed[key[1]] = changed.get(key[1], True) and key in known
    with store.write() as connection:
        connection.execute(delete(rule_plan))
        values = [
            {"rule": rule, "stream": stream, "plan": msgspec.json.encode(plan).decode(), "planned_ns": now_ns}
            for (rule, stream), plan in sorted(plans.items())
        ]
        for start in range(0, len(values), 500):
            connection.execute(insert(rule_plan), values[start : start + 500])
        _mark(connection, changed, now_ns)
    return bool(changed)


def make_plans(
    connection: Connection, company: Organisation, rules: tuple[RuleRow, ...], wanted: Budget, now_ns: int
) -> Plans:
    """The plans that follow from the counts; a rule for which too little is known has none yet."""
    active = [rule for rule in rules if rule.enabled]
    sites: dict[tuple[int | None, float], dict[str, _Site]] = {}
    plans: Plans = {}
    for rule in active:
        period = (rule.watch.begins_ns, rule.watch.baseline_days)
        if period not in sites:
            found = {site.name: _site(connection, company, site, *period, now_ns) for site in company.sites.values()}
            sites[period] = {name: one for name, one in found.items() if one is not None}
        plans |= _plan_rule(rule, sites[period], wanted, len(active))
    return plans


def _is_due(known: Plans, planned_ns: int, wanted: Budget, now_ns: int) -> bool:
    if any(plan.revision != wanted.revision for plan in known.values()):
        return True
    learning = any(plan.learnt_ns > planned_ns for plan in known.values())
    return now_ns - planned_ns >= (_LEARNING_NS if learning else _LEARNT_NS)


def _mark(connection: Connection, changed: Mapping[str, bool], now_ns: int) -> None:
    """Streams that are watched for the first time are looked at from their beginning."""
    sites: dict[str, int] = {}
    for stream, known in changed.items():
        site = stream.partition("/")[0]
        sites[site] = min(sites.get(site, now_ns), now_ns if known else 0)
    if sites:
        connection.execute(insert(alarm_dirty), [{"site": site, "from_ns": at} for site, at in sorted(sites.items())])


def _plan_rule(rule: RuleRow, sites: Mapping[str, _Site], wanted: Budget, rules: int) -> Plans:
    by_customers, by_time = rule.watch.by_customers(rule.name), rule.watch.by_time(rule.name)
    served: dict[str, Before] = {}
    timed: dict[str, Before] = {}
    for site in sites.values():
        customers: defaultdict[str, int] = defaultdict(int)
        events: defaultdict[str, int] = defaultdict(int)
        streams = {record.stream(rule.watch.scope) for record in site.recent}
        for record, n in site.records:
            stream = record.stream(rule.watch.scope)
            streams.add(stream)
            customers[stream] += n if record.kind == SERVED else 0
            events[stream] += n if counts(record, by_time) else 0
        for stream in sorted(streams - {""}):
            with_customers = by_customers is not None and customers[stream] > 0
            among = _rounded_up(customers[stream] + events[stream]) if with_customers else 0
            (served if with_customers else timed)[stream] = Before(site.baseline, among, events[stream])
    each = wanted.false_alarms_a_month / rules / max(1, len(served) + len(timed))
    found: Plans = {}
    for engine, before in ((by_customers, served), (by_time, timed)):
        for stream, (one, source) in _engines(engine, before).items():
            try:
                (plan,) = plan_counts(one, {stream: before[stream]}, each)
            except RuleError:
                # Never open, nothing but events, or more of them than can be solved for: there is nothing to watch.
                continue
            site = sites[stream.partition("/")[0]]
            found[rule.id, stream] = _stream_plan(rule, plan, source, site, wanted.revision)
    return found


def _engines(engine: AnyRule | None, before: Mapping[str, Before]) -> dict[str, tuple[AnyRule, str]]:
    """The rule with what is usual on each stream, and whose experience that is; none while too little is known."""
    if engine is None:
        return {}
    if (engine.share if isinstance(engine, BernoulliRule) else engine.per_day) is not None:
        return dict.fromkeys(before, (engine, "rule"))
    by_customers = isinstance(engine, BernoulliRule)
    exposures = {
        stream: Exposure(one.events, one.customers if by_customers else one.baseline.open_ns / DAY_NS)
        for stream, one in before.items()
    }
    if sum(one.events for one in exposures.values()) < EVENTS_MIN:
        return {}
    found: dict[str, tuple[AnyRule, str]] = {}
    for stream, usual in usual_rates(exposures).items():
        rate = float(f"{usual.cautious:.3g}")
        changes = {"share": min(rate, _SHARE_MAX)} if by_customers else {"per_day": rate}
        found[stream] = (msgspec.structs.replace(engine, **changes), "stream" if usual.own >= 0.5 else "all streams")
    return found


def _stream_plan(rule: RuleRow, plan: Plan, source: str, site: _Site, revision: int) -> StreamPlan:
    method: Literal["bernoulli", "poisson", "window"] = "poisson"
    if isinstance(plan.rule, BernoulliRule):
        method = "bernoulli"
    elif rule.watch.method == "window":
        method = "window"
    return StreamPlan(
        method=method,
        usual=plan.usual,
        usual_from=source,
        h=plan.threshold.h,
        run_length=plan.threshold.run_length,
        delay=plan.threshold.delay,
        unit=plan.unit,
        a_month=plan.a_month,
        allowed=plan.false_alarms_a_month,
        ratio=rule.watch.ratio,
        window_ns=round(rule.watch.window_minutes * 60 * 10**9),
        hours=site.hours,
        learnt_ns=site.end_ns,
        revision=revision,
    )


def _site(
    connection: Connection, company: Organisation, site: Site, begins_ns: int | None, days: float, now_ns: int
) -> _Site | None:
    """What a site had in its baseline; None where it is younger than a day."""
    boxes = sorted({box for name, box, _ in company.sources if name == site.name})
    begin_ns = begins_ns if begins_ns is not None else _first_slot_ns(connection, site.name, boxes)
    if begin_ns is None or now_ns - begin_ns < DAY_NS:
        return None
    end_ns = begin_ns + round(days * DAY_NS)
    until_ns = min(end_ns, now_ns)
    here = (tally.c.site == site.name, tally.c.box.in_(boxes))
    slots = select(tally.c.slot_ns).where(*here, tally.c.slot_ns.between(begin_ns, until_ns - 1)).distinct()
    hours = hours_of(site, sorted(connection.execute(slots).scalars()))
    records = _records(connection, company, site.name, boxes, begin_ns, until_ns)
    recent = _records(connection, company, site.name, boxes, max(begin_ns, now_ns - _RECENT_NS), now_ns)
    baseline = Baseline(begin_ns, until_ns, open_time(hours))
    return _Site(baseline, end_ns, hours, records, tuple(record for record, _ in recent))


def _first_slot_ns(connection: Connection, site: str, boxes: list[str]) -> int | None:
    # Box by box, for so each is the first entry of an index.
    found = [
        connection.execute(
            select(func.min(tally.c.slot_ns)).where(
                tally.c.site == site, tally.c.box == box, tally.c.slot_ns >= _FIRST_NS
            )
        ).scalar()
        for box in boxes
    ]
    return min((slot_ns for slot_ns in found if slot_ns is not None), default=None)


def _records(
    connection: Connection, company: Organisation, site: str, boxes: list[str], begin_ns: int, end_ns: int
) -> tuple[tuple[Record, int], ...]:
    """Kinds of records of a stretch and how many there were of each; hammering is left out."""
    kind = (tally.c.box, tally.c.button, tally.c.trigger, tally.c.rating, tally.c.employee)
    query = (
        select(*kind, func.sum(tally.c.count - tally.c.misuse).label("n"))
        .where(tally.c.site == site, tally.c.box.in_(boxes))
        # Whole half hours: one that the end cuts belongs to what comes after.
        .where(tally.c.slot_ns.between(begin_ns, end_ns - SLOT_NS))
        .group_by(*kind)
    )
    found = []
    for row in connection.execute(query):
        counter = company.counter_of(site, row.box, row.button)
        record = Record(
            id="",
            at_ns=begin_ns,
            kind=row.trigger,
            site=site,
            counter="" if counter is None else counter.name,
            employee=row.employee,
            rating=row.rating or None,
        )
        found.append((record, int(row.n)))
    return tuple(found)


def _rounded_up(n: int) -> int:
    """Up to two digits: a threshold for a few more customers serves all streams that are about as busy."""
    step: int = 10 ** max(0, floor(log10(n)) - 1)
    return ceil(n / step) * step
