"""Rules as people set them in the pages, and as the engine takes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection, RowMapping, insert, select, update

from cloud_bridge.rules.config import BernoulliRule, PoissonRule, WindowRule
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import Scope
from cloud_bridge.store.tables_alarm import alarm_dirty, rule, rule_budget
from cloud_bridge.store.tables_org import site
from edge.wire import Trigger

METHODS = ("cusum", "poisson", "window")
RED = (Trigger.INCIDENT, Trigger.RATING)
EVENTS = {"red": RED, "appeals": (Trigger.APPEAL,), "both": (*RED, Trigger.APPEAL)}
BUDGET_MAX = 1000.0
BASELINE_DAYS = 10.0
_TITLE_CHARS = 100


class Watch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A rule. `cusum` counts customers where receipts tell of them, else open time; `poisson` always open time.

    `ratio`: how many times the usual odds (with customers) or rate is to be found quickly. `usual_share` (of customers)
    and `usual_per_day` (events in 24 open hours) take the place of what would be learnt from the first `baseline_days`
    since `baseline_from` (ISO date; empty: since the site's first press).
    """

    method: Literal["cusum", "poisson", "window"]
    scope: Scope
    events: Annotated[tuple[Trigger, ...], Meta(min_length=1)]
    rating_at_most: Annotated[int, Meta(ge=1, le=5)] = 2
    ratio: Annotated[float, Meta(ge=1.2, le=100)] = 3.0
    window_minutes: Annotated[float, Meta(gt=0, le=60 * 24 * 31)] = 60.0
    usual_share: Annotated[float, Meta(gt=0, lt=1)] | None = None
    usual_per_day: Annotated[float, Meta(gt=0, le=100_000)] | None = None
    baseline_from: str = ""
    baseline_days: Annotated[float, Meta(ge=1, le=3660)] = BASELINE_DAYS

    def __post_init__(self) -> None:
        """Raise `ValueError` for a date that is none."""
        if self.baseline_from:
            date.fromisoformat(self.baseline_from)

    @property
    def begins_ns(self) -> int | None:
        """Where the baseline was set to begin."""
        if not self.baseline_from:
            return None
        return int(datetime.combine(date.fromisoformat(self.baseline_from), datetime.min.time(), UTC).timestamp()) * (
            10**9
        )

    def by_customers(self, name: str) -> BernoulliRule | None:
        """For streams whose customers are counted; None where the rule never looks at them."""
        if self.method != "cusum":
            return None
        return BernoulliRule(
            name=name,
            scope=self.scope,
            events=self.events,
            rating_at_most=self.rating_at_most,
            odds_ratio=self.ratio,
            share=self.usual_share,
        )

    def by_time(self, name: str) -> PoissonRule | WindowRule:
        """For streams without customers."""
        if self.method == "window":
            return WindowRule(
                name=name,
                scope=self.scope,
                events=self.events,
                rating_at_most=self.rating_at_most,
                window_minutes=self.window_minutes,
                per_day=self.usual_per_day,
            )
        return PoissonRule(
            name=name,
            scope=self.scope,
            events=self.events,
            rating_at_most=self.rating_at_most,
            ratio=self.ratio,
            per_day=self.usual_per_day,
        )


class RuleRow(Struct, frozen=True, kw_only=True):
    """A rule as it is kept. `title` empty: named by what it watches."""

    id: int
    title: str
    watch: Watch
    enabled: bool
    changed_by: str
    changed_ns: int

    @property
    def name(self) -> str:
        """What the engine knows it by."""
        return f"rule-{self.id}"


class Budget(Struct, frozen=True):
    """The false alarms a month that one manager bears; `revision` grows with each change of it or of a rule."""

    false_alarms_a_month: float
    revision: int


def decode_watch(text: str | bytes) -> Watch:
    """A rule from JSON; raises `RuleError`."""
    try:
        return msgspec.json.decode(text, type=Watch)
    except msgspec.ValidationError as error:
        raise RuleError(f"the rule cannot be: {error}") from error


def all_rules(connection: Connection) -> tuple[RuleRow, ...]:
    """Every rule that is not retired, oldest first."""
    rows = connection.execute(select(rule).where(rule.c.retired.is_(False)).order_by(rule.c.id)).mappings()
    return tuple(_row(row) for row in rows)


def one_rule(connection: Connection, rule_id: int) -> RuleRow | None:
    """A rule that is not retired."""
    query = select(rule).where(rule.c.id == rule_id, rule.c.retired.is_(False))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _row(row)


def budget(connection: Connection) -> Budget:
    """The false alarms that are allowed."""
    row = connection.execute(select(rule_budget.c.false_alarms_a_month, rule_budget.c.revision)).one()
    return Budget(row.false_alarms_a_month, row.revision)


def put_rule(
    connection: Connection, rule_id: int | None, title: str, watch: Watch, *, by: str, now_ns: int
) -> int | None:
    """Make a rule (id None) or change one; its id, None where there is none of that id. Raises `RuleError`."""
    title = title.strip()
    if len(title) > _TITLE_CHARS or not (title.isprintable() or not title):
        raise RuleError(f"title {title[:_TITLE_CHARS]!r} must have at most {_TITLE_CHARS} printable characters")
    values = {
        "title": title,
        "settings": msgspec.json.encode(watch).decode(),
        "changed_by": by,
        "changed_ns": now_ns,
    }
    if rule_id is None:
        made = connection.execute(insert(rule).values(enabled=True, retired=False, **values).returning(rule.c.id))
        found: int | None = made.scalar_one()
    else:
        same = (rule.c.id == rule_id) & rule.c.retired.is_(False)
        found = rule_id if connection.execute(update(rule).where(same).values(values)).rowcount else None
    _stale(connection, now_ns)
    return found


def switch_rule(connection: Connection, rule_id: int, *, enabled: bool, by: str, now_ns: int) -> bool:
    """Switch a rule on or off; its alarms stay. False where there is none."""
    same = (rule.c.id == rule_id) & rule.c.retired.is_(False)
    values = {"enabled": enabled, "changed_by": by, "changed_ns": now_ns}
    if not connection.execute(update(rule).where(same).values(values)).rowcount:
        return False
    _stale(connection, now_ns)
    return True


def retire_rule(connection: Connection, rule_id: int, *, by: str, now_ns: int) -> bool:
    """Take a rule away for good; its alarms stay. False where there is none."""
    same = (rule.c.id == rule_id) & rule.c.retired.is_(False)
    values = {"enabled": False, "retired": True, "changed_by": by, "changed_ns": now_ns}
    if not connection.execute(update(rule).where(same).values(values)).rowcount:
        return False
    _stale(connection, now_ns)
    return True


def set_budget(connection: Connection, false_alarms_a_month: float, now_ns: int) -> None:
    """Change what is borne; raises `RuleError`."""
    if not 0.0 < false_alarms_a_month <= BUDGET_MAX:
        raise RuleError(
            f"{false_alarms_a_month} false alarms a month: more than 0 and at most {BUDGET_MAX:.0f}; "
            "a rule that may never be wrong can never call"
        )
    connection.execute(update(rule_budget).values(false_alarms_a_month=false_alarms_a_month))
    _stale(connection, now_ns)


def _stale(connection: Connection, now_ns: int) -> None:
    """Thresholds are computed anew, and everything recent is looked at with them."""
    connection.execute(update(rule_budget).values(revision=rule_budget.c.revision + 1))
    sites = [row.name for row in connection.execute(select(site.c.name).order_by(site.c.name))]
    if sites:
        connection.execute(insert(alarm_dirty), [{"site": name, "from_ns": now_ns} for name in sites])


def _row(row: RowMapping) -> RuleRow:
    return RuleRow(
        id=row["id"],
        title=row["title"],
        watch=decode_watch(row["settings"]),
        enabled=row["enabled"],
        changed_by=row["changed_by"],
        changed_ns=row["changed_ns"],
    )
