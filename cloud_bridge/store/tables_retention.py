"""Tables of what is kept how long: days a class of data, legal holds, what was removed, persons who were removed.

Sound, pictures and contacts go; the rows of presses, their events and the histories of cases stay. What was removed
stays known: `removal` says what, when, why and by whom. Times are Unix nanoseconds (`_ns`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_ID = 32
_SHA256 = 64

retention_rule = Table(
    "retention_rule",
    metadata,
    # A class of `cloud_bridge.retention.classes`; one without a row is kept for ever.
    Column("name", String(32), primary_key=True),
    Column("days", Integer),
    Column("changed_by", Text, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # One of both. A case's hold is on its presses, its contact and its messages, and on those of cases merged into it.
    Column("press", String(_ID), ForeignKey("press.id")),
    Column("case", BigInteger, ForeignKey("case_file.id")),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("released_by", Text),
    Column("released_ns", BigInteger),
    Index(None, "press"),
    Index(None, "case"),
    Index(None, "released_ns"),
)

person_removal = Table(
    "person_removal",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # client or employee.
    Column("kind", String(16), nullable=False),
    # Who, until it is done; then only a salted digest tells whether somebody is the one.
    Column("subject", Text),
    Column("salt", String(_ID), nullable=False),
    Column("digest", String(_SHA256), nullable=False),
    # What stands where an employee's name stood.
    Column("pseudonym", String(100), nullable=False),
    Column("with_sound", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    # JSON: how many rows of what, and which cases a legal hold withheld.
    Column("counts", Text, nullable=False),
    Column("done_ns", BigInteger),
    Index(None, "done_ns"),
)

removal = Table(
    "removal",
    metadata,
    # Only ever added to.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("at_ns", BigInteger, nullable=False),
    # Empty: the bridge, by its rules.
    Column("user", Text, nullable=False),
    # A class of data, or person.
    Column("why", String(32), nullable=False),
    Column("person", BigInteger, ForeignKey("person_removal.id")),
    # sound, picture, contact, messages, refused or metrics.
    Column("kind", String(16), nullable=False),
    # The track, the case, or the table.
    Column("object", String(100), nullable=False),
    Column("press", String(_ID)),
    # Of the file, as its box promised it.
    Column("sha256", String(_SHA256)),
    Column("bytes", BigInteger),
    Column("count", BigInteger, nullable=False),
    Index(None, "person", "id"),
    Index(None, "press"),
    Index(None, "object"),
)
