"""Tables of software updates: the releases that the bridge has, and to which box which of them is offered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import metadata

_NAME = 63
_SHA256 = 64

release = Table(
    "release",
    metadata,
    Column("sha256", String(_SHA256), primary_key=True),
    Column("version", String(_NAME), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("blob", Text, nullable=False),
    Column("added_ns", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Index(None, "version"),
)

update_offer = Table(
    "update_offer",
    metadata,
    # Also the id of the command that offers it.
    Column("id", String(32), primary_key=True),
    Column("site", String(_NAME), nullable=False),
    Column("box", String(_NAME), nullable=False),
    Column("sha256", String(_SHA256), ForeignKey("release.sha256"), nullable=False),
    Column("forced", Boolean, nullable=False),
    # In the address that the box is given: who knows it may read the bundle while the offer is open.
    Column("token", String(64), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("sent_ns", BigInteger),
    Column("sent_times", Integer, nullable=False),
    # made: the box has not answered. withdrawn: taken back, or another offer took its place. Else the box's own word.
    Column("state", String(16), nullable=False),
    # The last report, by the box's own numbering.
    Column("series", String(32)),
    Column("seq", BigInteger),
    Column("percent", Integer),
    Column("reason", Text),
    Column("slot", String(_NAME)),
    Column("before", Text),
    Column("changed_ns", BigInteger, nullable=False),
    Index(None, "site", "box", "made_ns"),
    Index(None, "state", "sent_ns"),
)
