"""From records to what each stream of a rule sees: one fact a customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cloud_bridge.rules.config import BernoulliRule, Rule
from cloud_bridge.rules.facts import Fact
from cloud_bridge.rules.history import SERVED, Record
from edge.wire import Trigger


def counts(record: Record, rule: Rule) -> bool:
    """Whether a record is an event that the rule counts."""
    if record.kind not in rule.events or (record.misuse and not rule.misuse):
        return False
    if record.kind != Trigger.RATING:
        return True
    return record.rating is not None and record.rating <= rule.rating_at_most


def facts_of(records: Iterable[Record], rule: Rule) -> dict[str, tuple[Fact, ...]]:
    """The facts of each stream, in order. The order of the records does not matter.

    Records of one visit are one customer: counted where any of its presses counts, at the first of those. A press
    without a visit is a customer of its own. A rule without customers sees the counted ones only.
    """
    with_customers = isinstance(rule, BernoulliRule)
    visits: defaultdict[tuple[str, str], list[Fact]] = defaultdict(list)
    for record in records:
        stream, counted = record.stream(rule.scope), counts(record, rule)
        if stream and (counted or (with_customers and record.kind == SERVED)):
            key = f"visit {record.visit}" if record.visit else f"record {record.id}"
            visits[stream, key].append(Fact(record.at_ns, record.id, counted))
    streams: defaultdict[str, list[Fact]] = defaultdict(list)
    for (stream, _), facts in visits.items():
        streams[stream].append(min(facts, key=lambda fact: (not fact.counted, fact)))
    return {stream: tuple(sorted(streams[stream])) for stream in sorted(streams)}
