"""Tables of notifications: the outbox, every attempt to deliver, who is told what and how.

Times are Unix nanoseconds (`_ns`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

notify_channel = Table(
    "notify_channel",
    metadata,
    # A chat, a group, a pager: an address of apprise, which holds its secret.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("url", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    UniqueConstraint("name"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("url", Text, nullable=False),
    # Signs; shown once.
    Column("secret", Text, nullable=False),
    # JSON list of event types.
    Column("events", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Removed for people; its log stays.
    Column("retired", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # One of both: a person by e-mail, or a channel.
    Column("account", BigInteger, ForeignKey("account.id")),
    Column("channel", BigInteger, ForeignKey("notify_channel.id")),
    # JSON list of sites; empty: all that the account may see.
    Column("sites", Text, nullable=False),
    # Null: each alarm at once (outside quiet hours). Else one message a day at this hour.
    Column("digest_hour", Integer),
    # Hours of the day, [from, until), in which nothing is said; equal: none.
    Column("quiet_from", Integer, nullable=False),
    Column("quiet_until", Integer, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

notification = Table(
    "notification",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # What it is about and for whom: the same key is never enqueued twice.
    Column("key", String(200), nullable=False),
    # mail, channel or webhook.
    Column("kind", String(16), nullable=False),
    Column("account", BigInteger, ForeignKey("account.id")),
    Column("address", Text),
    Column("channel", BigInteger, ForeignKey("notify_channel.id")),
    Column("webhook", BigInteger, ForeignKey("webhook.id")),
    # A webhook's event type and JSON body.
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    # An alarm that makes it void when somebody has acknowledged it before it is sent.
    Column("alarm", String(32)),
    Column("made_ns", BigInteger, nullable=False),
    # waiting, sent, failed (given up) or void.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # Not before this instant; then the next attempt's.
    Column("next_ns", BigInteger, nullable=False),
    Column("sent_ns", BigInteger),
    UniqueConstraint("key"),
    Index(None, "state", "next_ns"),
    Index(None, "webhook", "id"),
)

notification_attempt = Table(
    "notification_attempt",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("notification", BigInteger, ForeignKey("notification.id"), nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "notification", "id"),
)

notification_file = Table(
    "notification_file",
    metadata,
    Column("notification", BigInteger, ForeignKey("notification.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("data", LargeBinary, nullable=False),
)
