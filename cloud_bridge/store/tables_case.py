"""Tables of cases: one complaint each, made of presses, worked on within a time limit, merged and taken apart again.

Merging moves nothing: the merged case points at the other (`merged_into`), and a case's presses, tags and history are
its own and those of all that are merged into it. Times are Unix nanoseconds (`_ns`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_NAME = 63
_ID = 32
TAG_CHARS = 60

NO_LIMIT = 2**62
"""`order_ns` of open cases whose limit does not run: after all that are due, before all that are closed."""

case_policy = Table(
    "case_policy",
    metadata,
    # One row: what a new case gets. Working time, in seconds.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("limit_s", BigInteger, nullable=False),
    Column("warn_before_s", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)

case_file = Table(
    "case_file",
    metadata,
    # The number that people call it by.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("title", Text, nullable=False),
    # Where its first press happened, as the organisation was then: who sees it.
    Column("site", String(_NAME), nullable=False),
    Column("counter", String(_NAME)),
    Column("employee", String(500)),
    Column("simulated", Boolean, nullable=False),
    # new, work, waiting or closed.
    Column("status", String(16), nullable=False),
    # false, check or true; null: not judged.
    Column("verdict", String(16)),
    Column("assignee", BigInteger, ForeignKey("account.id")),
    Column("merged_into", BigInteger, ForeignKey("case_file.id")),
    # Each new limit has the next number, so that it is warned of and escalated once, however often it pauses.
    Column("limit_no", Integer, nullable=False),
    # Null while it does not run: paused, or closed.
    Column("due_ns", BigInteger),
    Column("warn_ns", BigInteger),
    # Working time that was left when it paused.
    Column("left_s", BigInteger),
    Column("warn_before_s", BigInteger, nullable=False),
    Column("warned_no", Integer, nullable=False),
    Column("escalated_no", Integer, nullable=False),
    # What the worker of limits looks for: the next instant at which something is to be said. Null: nothing.
    Column("alert_ns", BigInteger),
    # Lists show the smallest first: due_ns, NO_LIMIT, or (closed) what makes the last closed one first.
    Column("order_ns", BigInteger, nullable=False),
    Column("cause", String(100)),
    Column("measure", Text),
    Column("opened_ns", BigInteger, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Column("closed_ns", BigInteger),
    Column("closed_by", Text),
    Index(None, "status", "order_ns", "id"),
    Index(None, "site", "order_ns", "id"),
    Index(None, "assignee", "order_ns", "id"),
    Index(None, "order_ns", "id"),
    Index(None, "merged_into"),
    Index(None, "alert_ns"),
    Index(None, "closed_ns"),
)

case_press = Table(
    "case_press",
    metadata,
    # A press is in one case at most, so its sound is judged once and kept for one reason.
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    Column("case", BigInteger, ForeignKey("case_file.id"), nullable=False),
    Column("added_ns", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Index(None, "case"),
)

case_tag = Table(
    "case_tag",
    metadata,
    Column("case", BigInteger, ForeignKey("case_file.id"), primary_key=True),
    Column("tag", String(TAG_CHARS), primary_key=True),
    Index(None, "tag", "case"),
)

case_event = Table(
    "case_event",
    metadata,
    # The history: only ever added to.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case", BigInteger, ForeignKey("case_file.id"), nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    # Empty: the bridge itself.
    Column("user", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    # What a person wrote.
    Column("text", Text, nullable=False),
    # JSON of what else is to be said, by kind.
    Column("data", Text, nullable=False),
    Index(None, "case", "id"),
)

case_contact = Table(
    "case_contact",
    metadata,
    # The client, as far as one let oneself be known.
    Column("case", BigInteger, ForeignKey("case_file.id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Index(None, "email"),
    Index(None, "phone"),
)

case_message = Table(
    "case_message",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("case", BigInteger, ForeignKey("case_file.id"), nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("user", Text, nullable=False),
    # out: to the client; in: the client's reply, as a person took it down.
    Column("direction", String(8), nullable=False),
    Column("address", String(254), nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    # How far it is, is in the outbox.
    Column("notification", BigInteger, ForeignKey("notification.id")),
    # When its words were removed; the row says that there was one.
    Column("removed_ns", BigInteger),
    Index(None, "case", "id"),
    Index(None, "address"),
    Index(None, "notification"),
)
