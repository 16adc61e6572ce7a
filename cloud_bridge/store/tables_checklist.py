"""Tables of check-lists: what people are asked (versions that never change once published) and what they answered.

A cause of dissatisfaction is an item of a check-list with the purpose `causes`; it was found at a press where a done
sheet of turn 1 answers that item with `yes`. Its name everywhere is `<checklist>.<item>`. Times are Unix nanoseconds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud_bridge.store.tables import metadata

_ID = 32

checklist = Table(
    "checklist",
    metadata,
    Column("id", String(_ID), primary_key=True),
    # causes or standard.
    Column("purpose", String(16), nullable=False),
    # Of the sheets that are done, this share (0 … 1) is scored by a second person, too.
    Column("double_share", Float, nullable=False),
    # Fills no new sheets; its old ones stay.
    Column("retired", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

checklist_version = Table(
    "checklist_version",
    metadata,
    Column("checklist", String(_ID), ForeignKey("checklist.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    # JSON of `cloud_bridge.checklists.definition.Definition`.
    Column("definition", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    # Null: the draft, which only the newest version can be. From then on nothing of it changes.
    Column("published_ns", BigInteger),
)

sheet = Table(
    "sheet",
    metadata,
    # A check-list filled for a press. Random: its number also draws who is scored twice.
    Column("id", String(_ID), primary_key=True),
    Column("checklist", String(_ID), nullable=False),
    Column("version", Integer, nullable=False),
    Column("press", String(_ID), ForeignKey("press.id"), nullable=False),
    # 1: the one that counts. 2: of a second person, to know how far two agree.
    Column("turn", Integer, nullable=False),
    Column("account", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("user", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    # Null: still being filled.
    Column("done_ns", BigInteger),
    # As `analytics.checklist.Score`, 0 … 1; null while it is not done, where nothing applies, and for causes.
    Column("score", Float),
    Column("low", Float),
    Column("high", Float),
    # JSON list of the auto-fail items that were not met.
    Column("failed_by", Text, nullable=False),
    ForeignKeyConstraint(["checklist", "version"], ["checklist_version.checklist", "checklist_version.version"]),
    UniqueConstraint("press", "checklist", "turn"),
    Index(None, "checklist", "turn", "done_ns"),
)

sheet_answer = Table(
    "sheet_answer",
    metadata,
    Column("sheet", String(_ID), ForeignKey("sheet.id"), primary_key=True),
    Column("item", String(_ID), primary_key=True),
    # yes, no, na, unknown, or a point of a scale.
    Column("value", String(8), nullable=False),
    # The second of the press's own track that shows it.
    Column("at_s", Float),
    Column("note", Text, nullable=False),
    Index(None, "item", "value", "sheet"),
)

second_scoring = Table(
    "second_scoring",
    metadata,
    # A done sheet that was drawn; while it is open nobody but its author sees what it says.
    Column("first", String(_ID), ForeignKey("sheet.id"), primary_key=True),
    Column("checklist", String(_ID), nullable=False),
    Column("drawn_ns", BigInteger, nullable=False),
    # The second person's sheet, once somebody has taken it on.
    Column("second", String(_ID), ForeignKey("sheet.id")),
    Column("done_ns", BigInteger),
    Index(None, "checklist", "done_ns", "drawn_ns"),
    Index(None, "second"),
)
