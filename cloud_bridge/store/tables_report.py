"""The table of reports that are mailed by themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

report_mail = Table(
    "report_mail",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # Whose: the mail shows what this account may see at the time, and goes to its address.
    Column("account", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("report", String(32), nullable=False),
    # day, week or month: what it is of, and how often it comes.
    Column("every", String(16), nullable=False),
    # JSON of grouping and places.
    Column("question", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    # When the next one is due, and ISO date of the last day that was mailed about.
    Column("due_ns", BigInteger, nullable=False),
    Column("last", String(10)),
    Index(None, "account"),
    Index(None, "due_ns"),
)
