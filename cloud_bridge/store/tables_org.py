"""Tables of the organisation: sites, counters, the boxes and buttons that stand there, employees, who may see what.

Every box has a counter from its first message on, named as the box is; people rename and regroup later. Times are Unix
nanoseconds (`_ns`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, ForeignKeyConstraint, Index, String, Table, Text

from cloud_bridge.store.tables import metadata

_NAME = 63
_SHA256 = 64
EVERY_BUTTON = ""
"""The button of a source that stands for all buttons of its box that have no source of their own."""

site = Table(
    "site",
    metadata,
    Column("name", String(_NAME), primary_key=True),
    Column("title", Text, nullable=False),
    Column("time_zone", String(64), nullable=False),
    # JSON of the working week and the holidays; null: as the company works.
    Column("calendar", Text),
)

counter = Table(
    "counter",
    metadata,
    Column("site", String(_NAME), ForeignKey("site.name"), primary_key=True),
    Column("name", String(_NAME), primary_key=True),
    Column("title", Text, nullable=False),
    Column("retired", Boolean, nullable=False),
)

counter_source = Table(
    "counter_source",
    metadata,
    Column("site", String(_NAME), primary_key=True),
    Column("box", String(_NAME), primary_key=True),
    Column("button", String(_NAME), primary_key=True),
    Column("counter", String(_NAME), nullable=False),
    ForeignKeyConstraint(["site", "counter"], ["counter.site", "counter.name"]),
    Index(None, "site", "counter"),
)

employee = Table(
    "employee",
    metadata,
    # As presses and shifts name the person.
    Column("name", String(500), primary_key=True),
    Column("title", Text, nullable=False),
    # Null: works at several sites.
    Column("site", String(_NAME), ForeignKey("site.name")),
    Column("retired", Boolean, nullable=False),
)

account_place = Table(
    "account_place",
    metadata,
    # Where an account's role holds; an account without a row here: everywhere. `counter` empty: the whole site.
    Column("account", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("site", String(_NAME), primary_key=True),
    Column("counter", String(_NAME), primary_key=True),
)

invitation = Table(
    "invitation",
    metadata,
    # SHA-256 of the link's secret.
    Column("key", String(_SHA256), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(32), nullable=False),
    Column("email", Text),
    Column("employee", String(500)),
    Column("places", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),
    Column("withdrawn_ns", BigInteger),
    Index(None, "made_ns"),
)
