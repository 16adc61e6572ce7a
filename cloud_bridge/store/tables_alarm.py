"""Tables of the expert system: rules, what they take for usual, and the alarms that they raised.

Alarms follow from presses, shifts and sales: whoever counts a stretch of those anew leaves a mark in `alarm_dirty`, and
the next round evaluates that site again. Times are Unix nanoseconds (`_ns`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_NAME = 63
_ID = 32

rule = Table(
    "rule",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # Empty: named by what it watches, in the reader's language.
    Column("title", Text, nullable=False),
    # JSON of `cloud_bridge.alarms.rules.Watch`.
    Column("settings", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # A retired rule is off for good; its alarms keep their rule.
    Column("retired", Boolean, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)

rule_budget = Table(
    "rule_budget",
    metadata,
    # One row: the false alarms that one manager bears, all rules and streams together.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("false_alarms_a_month", Float, nullable=False),
    # Grows with every change of a rule or of the budget: thresholds of another revision are stale.
    Column("revision", BigInteger, nullable=False),
)

rule_plan = Table(
    "rule_plan",
    metadata,
    # What a rule takes for usual on one stream, and the threshold that follows.
    Column("rule", BigInteger, ForeignKey("rule.id"), primary_key=True),
    Column("stream", String(600), primary_key=True),
    # JSON of `cloud_bridge.alarms.planning.StreamPlan`.
    Column("plan", Text, nullable=False),
    Column("planned_ns", BigInteger, nullable=False),
)

alarm_dirty = Table(
    "alarm_dirty",
    metadata,
    # Only added, as tally_dirty: a round takes away what it has seen.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("site", String(_NAME), nullable=False),
    # The earliest instant at which anything changed.
    Column("from_ns", BigInteger, nullable=False),
    Index(None, "site"),
)

alarm_site = Table(
    "alarm_site",
    metadata,
    Column("site", String(_NAME), primary_key=True),
    Column("evaluated_ns", BigInteger, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    # That of the first computation; it stays, whatever late facts make of the alarm.
    Column("id", String(_ID), primary_key=True),
    Column("rule", BigInteger, ForeignKey("rule.id"), nullable=False),
    Column("stream", String(600), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("site", String(_NAME), nullable=False),
    Column("counter", String(_NAME)),
    Column("employee", String(500)),
    # The alarm's id as the facts say it now.
    Column("computed", String(_ID), nullable=False),
    Column("raised_by", String(_ID), nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("raised_ns", BigInteger, nullable=False),
    # Null while it stands.
    Column("cleared_ns", BigInteger),
    Column("steps", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    # active, cleared or withdrawn: what the facts say. Acknowledged is another thing.
    Column("life", String(16), nullable=False),
    Column("acknowledged_by", Text),
    Column("acknowledged_ns", BigInteger),
    Column("note", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    # JSON of the `StreamPlan` that raised it, and of its level after each event.
    Column("plan", Text, nullable=False),
    Column("levels", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Index(None, "raised_ns", "id"),
    Index(None, "life", "raised_ns"),
    Index(None, "rule", "stream", "raised_ns"),
    Index(None, "site", "raised_ns"),
)

alarm_press = Table(
    "alarm_press",
    metadata,
    # Every press of the stream within an alarm's window; `counted` ones are its evidence.
    Column("alarm", String(_ID), ForeignKey("alarm.id"), primary_key=True),
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    Column("counted", Boolean, nullable=False),
    Index(None, "press"),
)
