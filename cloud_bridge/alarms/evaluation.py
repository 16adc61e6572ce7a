"""Runs the rules over what happened at a site: the same presses, receipts and shifts give the same alarms.

Only a stretch that ends now is looked at again, from a fixed grid of blocks on, so that what it gives does not depend
on when or how often it is done. What is dated earlier and comes late is looked at from its own block on.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, func, select

from cloud_bridge.alarms import records
from cloud_bridge.alarms.planning import Plans, StreamPlan, read_plans
from cloud_bridge.alarms.stretch import read_stretch
from cloud_bridge.alarms.watches import RuleRow, all_rules, budget
from cloud_bridge.rules.alarm import Alarm
from cloud_bridge.rules.detector import Detector, State
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.history import SERVED, Record
from cloud_bridge.rules.monitor import evaluate
from cloud_bridge.rules.plan import DAY_NS
from cloud_bridge.rules.streams import facts_of
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, organisation
from cloud_bridge.store.tables_alarm import alarm, alarm_dirty, alarm_site

BLOCK_NS = 28 * DAY_NS
"""The grid. A stretch begins a whole block before the block of what changed, for the level to find itself."""
_AGAIN_NS = 5 * 10**9
_STANDING_NS = 60 * 10**9
_AHEAD_NS = 3600 * 10**9
_LEVELS_MAX = 400


class Computed(Struct, frozen=True):
    """An alarm with what its record tells: all presses of its window, and its level after each event."""

    alarm: Alarm
    presses: tuple[str, ...]
    levels: tuple[tuple[int, float], ...]
    simulated: bool


class Outcome(Struct, frozen=True):
    """The alarms of one rule on one stream, in a stretch; those raised before `settled_ns` are not its business."""

    rule: RuleRow
    stream: str
    plan: StreamPlan
    begin_ns: int
    settled_ns: int
    computed: tuple[Computed, ...]


def evaluate_next(store: Store, now_ns: int) -> bool:
    """Evaluate the site that waits longest; whether another one waits."""
    sites = _due(store, now_ns)
    if sites:
        evaluate_site(store, sites[0], now_ns)
    return len(sites) > 1


def evaluate_site(store: Store, site: str, now_ns: int) -> None:
    """Bring the alarms of a site up to date."""
    company = organisation(store)
    with store.read() as connection:
        marks = connection.execute(
            select(alarm_dirty.c.id, alarm_dirty.c.from_ns).where(alarm_dirty.c.site == site)
        ).all()
        revision = budget(connection).revision
        rules = [rule for rule in all_rules(connection) if rule.enabled]
        plans = read_plans(connection)
        first_ns = min([now_ns, *(mark.from_ns for mark in marks)])
        outcomes = _outcomes(connection, company, site, rules, plans, first_ns, now_ns)
    with store.write() as connection:
        records.update_site(connection, site, outcomes, rules, revision, now_ns)
        ids = [mark.id for mark in marks]
        for start in range(0, len(ids), 500):
            connection.execute(delete(alarm_dirty).where(alarm_dirty.c.id.in_(ids[start : start + 500])))
        records.set_evaluated(connection, site, now_ns)


def stretch_of(first_ns: int, now_ns: int) -> tuple[int, int]:
    """Where the stretch begins that has to be looked at when something changed at `first_ns`, and what it settles."""
    block = min(first_ns, now_ns) // BLOCK_NS
    return max(0, (block - 1) * BLOCK_NS), max(0, block * BLOCK_NS)


def _due(store: Store, now_ns: int) -> list[str]:
    """Sites that changed, longest waiting first, then those where an alarm stands that time alone may clear."""
    evaluated = func.coalesce(alarm_site.c.evaluated_ns, 0)
    changed = (
        select(alarm_dirty.c.site)
        .outerjoin(alarm_site, alarm_site.c.site == alarm_dirty.c.site)
        .where(evaluated <= now_ns - _AGAIN_NS)
        .group_by(alarm_dirty.c.site, evaluated)
        .order_by(evaluated, alarm_dirty.c.site)
    )
    standing = (
        select(alarm.c.site)
        .outerjoin(alarm_site, alarm_site.c.site == alarm.c.site)
        .where(alarm.c.life == "active", evaluated <= now_ns - _STANDING_NS)
        .group_by(alarm.c.site, evaluated)
        .order_by(evaluated, alarm.c.site)
    )
    with store.read() as connection:
        found = [*connection.execute(changed).scalars(), *connection.execute(standing).scalars()]
    return list(dict.fromkeys(found))


def _outcomes(
    connection: Connection,
    company: Organisation,
    site: str,
    rules: Sequence[RuleRow],
    plans: Plans,
    first_ns: int,
    now_ns: int,
) -> list[Outcome]:
    begin_ns, settled_ns = stretch_of(first_ns, now_ns)
    stretch = read_stretch(connection, company, site, begin_ns, now_ns + _AHEAD_NS)
    found = []
    for rule in rules:
        engine = rule.watch.by_customers(rule.name) or rule.watch.by_time(rule.name)
        streams = facts_of(stretch.records, engine)
        presses = _presses_of(stretch.records, rule)
        for (rule_id, stream), plan in sorted(plans.items()):
            if rule_id != rule.id or stream.partition("/")[0] != site:
                continue
            facts = streams.get(stream, ())
            if plan.method != "bernoulli":
                facts = tuple(fact for fact in facts if fact.counted)
            detector = plan.detector()
            alarms = evaluate(rule.name, stream, detector, facts, now_ns)
            computed = tuple(
                _computed(one, detector, facts, presses.get(stream, ()), stretch.simulated) for one in alarms
            )
            found.append(Outcome(rule, stream, plan, begin_ns, settled_ns, computed))
    return found


def _presses_of(happened: Sequence[Record], rule: RuleRow) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in happened:
        if record.kind != SERVED:
            found.setdefault(record.stream(rule.watch.scope), []).append(record)
    return found


def _computed(
    one: Alarm, detector: Detector, facts: Sequence[Fact], presses: Sequence[Record], simulated: frozenset[str]
) -> Computed:
    until_ns = one.cleared_ns
    inside = [
        press.id for press in presses if press.at_ns >= one.since_ns and (until_ns is None or press.at_ns <= until_ns)
    ]
    # A window's evidence may end after what cleared it began.
    ids = tuple(sorted({*inside, *one.evidence}))
    return Computed(one, ids, _levels(one, detector, facts), simulated=not simulated.isdisjoint(one.evidence))


def _levels(one: Alarm, detector: Detector, facts: Sequence[Fact]) -> tuple[tuple[int, float], ...]:
    """The level after each event of the alarm, from 0 on."""
    wanted = set(one.evidence)
    within = [fact for fact in facts if fact.at_ns >= one.since_ns]
    state, found = State(), []
    for place, fact in enumerate(within):
        state, _ = detector.step(state, within, place)
        if fact.id in wanted:
            found.append((fact.at_ns, round(state.level, 3)))
            if len(found) == min(len(wanted), _LEVELS_MAX):
                break
    return tuple(found)
