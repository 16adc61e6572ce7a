"""Rules as TOML: what is watched, how, and how many false alarms their reader bears."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from cloud_bridge.cases.calendar import BusinessCalendar, calendar_of
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import Scope
from edge.wire import Trigger

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Ratio = Annotated[float, Meta(ge=1.2, le=100)]
Positive = Annotated[float, Meta(gt=0)]


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Budget(_Section, frozen=True):
    """The false alarms that one manager bears, all rules and streams together."""

    false_alarms_a_month: Positive = 2.0


class Calendar(_Section, frozen=True):
    """Opening hours: the time in which a rule without customers counts. Left out: day and night."""

    zone: str
    hours: dict[str, tuple[str, ...]]
    holidays: tuple[str, ...] = ()
    special: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def business_calendar(self) -> BusinessCalendar:
        """The calendar; raises `CalendarError`."""
        return calendar_of(self.zone, self.hours, self.holidays, self.special)


class Rule(_Section, frozen=True, tag_field="method"):
    """What all methods have in common.

    `events` are the triggers that count; of `rating` presses those of at most `rating_at_most`. Presses of a hammering
    count only where `misuse` is true. What is usual is taken from the first `baseline_days` where it is not given.
    """

    name: Name
    scope: Scope
    events: Annotated[tuple[Trigger, ...], Meta(min_length=1)]
    rating_at_most: Annotated[int, Meta(ge=1, le=5)] = 2
    misuse: bool = False
    baseline_days: Positive = 28.0


class BernoulliRule(Rule, frozen=True, tag="bernoulli_cusum"):
    """The share of served customers with an event. `share` is usual, `odds_ratio` times its odds are to be found."""

    odds_ratio: Ratio = 3.0
    share: Annotated[float, Meta(gt=0, lt=1)] | None = None
    h: Positive | None = None


class PoissonRule(Rule, frozen=True, tag="poisson_cusum"):
    """Events in time where customers are not counted. `per_day` (24 open hours) is usual, `ratio` times it is not."""

    ratio: Ratio = 3.0
    per_day: Positive | None = None
    h: Positive | None = None


class WindowRule(Rule, frozen=True, tag="window"):
    """`count` events within `window_minutes`; cleared at `clear_count` (left out: half of count, rounded down)."""

    window_minutes: Positive = 60.0
    count: Annotated[int, Meta(ge=1)] | None = None
    clear_count: Annotated[int, Meta(ge=0)] | None = None
    per_day: Positive | None = None


AnyRule = BernoulliRule | PoissonRule | WindowRule


class Rules(_Section, frozen=True):
    """The whole file."""

    rule: Annotated[tuple[AnyRule, ...], Meta(min_length=1)]
    budget: Budget = field(default_factory=Budget)
    calendar: Calendar | None = None


def load_rules(path: Path) -> Rules:
    """Read a file of rules; raises `RuleError`, which names the key, the value and the remedy."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"rules {path} cannot be read: {error}") from error
    try:
        rules = msgspec.convert(tree, Rules)
    except msgspec.ValidationError as error:
        raise RuleError(f"{path}: {error}") from error
    names = [rule.name for rule in rules.rule]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise RuleError(f"{path}: two rules are named {doubled[0]!r}; alarms are known by it, so give each its own")
    return rules
