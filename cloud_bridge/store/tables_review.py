"""Tables of the review: who has looked at a press, what is said of it, every change of that, questions to operators.

What is said of a press is everybody's (`judgement`), whether it was looked at is each person's own (`review`). Each act
of a person is a `review_step` with all that it changed, so that it can be told and undone. Times are Unix nanoseconds.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_NAME = 63
_ID = 32
TAG_CHARS = 40

review = Table(
    "review",
    metadata,
    Column("account", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    # How long the person had the press before them; null: one of many at once.
    Column("spent_s", Float),
    Index(None, "press"),
    Index(None, "account", "at_ns"),
)

judgement = Table(
    "judgement",
    metadata,
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    # false, check or true; null: none.
    Column("verdict", String(8)),
    Column("note", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Index(None, "verdict", "press"),
)

judgement_tag = Table(
    "judgement_tag",
    metadata,
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    Column("tag", String(TAG_CHARS), primary_key=True),
    Index(None, "tag", "press"),
)

tag = Table(
    "tag",
    metadata,
    # Tags that were ever used, to be offered again.
    Column("name", String(TAG_CHARS), primary_key=True),
    Column("used_ns", BigInteger, nullable=False),
    Index(None, "used_ns"),
)

review_step = Table(
    "review_step",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("user", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("presses", Integer, nullable=False),
    # The step that took this one back.
    Column("undone_by", BigInteger, ForeignKey("review_step.id")),
    Index(None, "account", "id"),
)

review_change = Table(
    "review_change",
    metadata,
    Column("step", BigInteger, ForeignKey("review_step.id"), primary_key=True),
    Column("press", String(_ID), ForeignKey("press.id"), primary_key=True),
    # verdict, note, tags, score (of the press's snapshot) or reviewed.
    Column("what", String(16), primary_key=True),
    # JSON of what it was and what it became.
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Index(None, "press", "step"),
)

question = Table(
    "question",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("press", String(_ID), ForeignKey("press.id"), nullable=False),
    # Where the press happened, as its own row says; `employee` is who is asked.
    Column("site", String(_NAME), nullable=False),
    Column("box", String(_NAME), nullable=False),
    Column("button", String(_NAME), nullable=False),
    Column("employee", String(500), nullable=False),
    Column("text", Text, nullable=False),
    Column("asked_account", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_ns", BigInteger, nullable=False),
    # By then an answer is wanted, in working hours of the site.
    Column("due_ns", BigInteger, nullable=False),
    # open, answered or withdrawn.
    Column("state", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_by", Text),
    Column("answered_ns", BigInteger),
    Index(None, "press"),
    Index(None, "employee", "state", "due_ns"),
    Index(None, "state", "due_ns"),
    Index(None, "site", "state", "due_ns"),
)
