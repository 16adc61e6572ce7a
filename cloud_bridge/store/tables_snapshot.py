"""Tables of Emotional Snapshots and of what people say of them. Their time is their press's, which may be repaired."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import metadata

_NAME = 63
_ID = 32

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("event", String(_ID), ForeignKey("event.id"), nullable=False),
    Column("press", String(_ID), nullable=False),
    Column("site", String(_NAME), nullable=False),
    Column("box", String(_NAME), nullable=False),
    Column("state", String(16), nullable=False),
    Column("probability", Float),
    # The client's verdict in the Smile-Index; null: seen too little to tell.
    Column("smiled", Boolean),
    Column("simulated", Boolean, nullable=False),
    # JSON of the whole `SnapshotData`.
    Column("data", Text, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Index(None, "press"),
)

qualification = Table(
    "qualification",
    metadata,
    # Only ever added to: the newest row of a snapshot counts, the others tell who changed what.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("snapshot", String(_ID), ForeignKey("snapshot.id"), nullable=False),
    # 1 (worst) to 5 (best); null: taken back.
    Column("score", Integer),
    Column("user", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Index(None, "snapshot", "id"),
)
