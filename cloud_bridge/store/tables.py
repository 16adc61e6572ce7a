"""The bridge's tables. Times are Unix nanoseconds (`_ns`); `wall_ns` is the best known time, repaired where it was not.

`change` on a press grows with every visible change of it or of its track, in commit order, so that a reader that
remembers the largest one it saw misses nothing. Rows written by Alembic's migrations equal these tables (tested).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of exactly this type.
_RowId = BigInteger().with_variant(Integer, "sqlite")
_NAME = 63
_ID = 32
_SHA256 = 64


def _owner() -> list[Column[str]]:
    return [Column("site", String(_NAME), nullable=False), Column("box", String(_NAME), nullable=False)]


def _dated(*, nullable: bool = False) -> list[Column[object]]:
    """An instant. `synced` is what the box said; `repaired`: a later `TimeData` gave `wall_ns` and `uncertainty_ms`."""
    return [
        Column("boot_id", String(_ID), nullable=nullable),
        Column("mono_ns", BigInteger, nullable=nullable),
        Column("wall_ns", BigInteger, nullable=nullable),
        Column("synced", Boolean, nullable=nullable),
        Column("repaired", Boolean, nullable=False),
        Column("uncertainty_ms", Float, nullable=nullable),
    ]


box = Table(
    "box",
    metadata,
    Column("site", String(_NAME), primary_key=True),
    Column("name", String(_NAME), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("boot_id", String(_ID)),
    Column("series", String(_ID)),
    Column("status_ns", BigInteger),
    Column("health", Text),
    Column("health_ns", BigInteger),
)

event = Table(
    "event",
    metadata,
    Column("id", String(_ID), primary_key=True),
    *_owner(),
    Column("series", String(_ID), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(64), nullable=False),
    Column("sha256", String(_SHA256), nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "site", "box", "series", "seq"),
    Index(None, "received_ns"),
)

series = Table(
    "series",
    metadata,
    # The lock of a numbering's ranges.
    Column("site", String(_NAME), primary_key=True),
    Column("box", String(_NAME), primary_key=True),
    Column("series", String(_ID), primary_key=True),
)

seq_range = Table(
    "seq_range",
    metadata,
    # Every seq from `first` to `last` is in `event`; ranges of a series neither overlap nor touch.
    Column("site", String(_NAME), primary_key=True),
    Column("box", String(_NAME), primary_key=True),
    Column("series", String(_ID), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

press = Table(
    "press",
    metadata,
    Column("id", String(_ID), ForeignKey("event.id"), primary_key=True),
    *_owner(),
    Column("button", String(_NAME), nullable=False),
    Column("trigger", String(_NAME), nullable=False),
    Column("rating", Integer),
    Column("employee", Text),
    Column("track", String(_ID)),
    Column("snapshot", String(_ID)),
    Column("misuse", Boolean, nullable=False),
    Column("source", String(_NAME), nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("request_id", Text),
    Column("stamp_uncertainty_ms", Float, nullable=False),
    *_dated(),
    Column("received_ns", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),
    Index(None, "wall_ns", "id"),
    Index(None, "site", "box", "wall_ns", "id"),
    Index(None, "trigger", "wall_ns", "id"),
    # The lists of who sees one site, or only their own.
    Index(None, "site", "wall_ns", "id"),
    Index(None, "employee", "wall_ns", "id"),
    Index(None, "change"),
    Index(None, "track"),
    Index(None, "snapshot"),
    Index(None, "boot_id"),
)

track = Table(
    "track",
    metadata,
    Column("id", String(_ID), primary_key=True),
    *_owner(),
    # sound, or the picture of the snapshot of this id.
    Column("kind", String(16), nullable=False, server_default="sound"),
    # expected: a press promised it. receiving: its manifest or sound is coming. lost: the box said it never comes.
    # deleted: removed here, on purpose.
    Column("state", String(16), nullable=False),
    Column("press", String(_ID)),
    Column("extends", String(_ID)),
    Column("manifest", Text),
    Column("trigger", String(_NAME)),
    Column("partial", Boolean),
    *_dated(nullable=True),
    Column("bytes", BigInteger),
    Column("sha256", String(_SHA256)),
    Column("chunks", Integer),
    Column("lost_reason", Text),
    Column("blob", Text),
    Column("damaged", Text),
    # int8 pairs (minimum, maximum), evenly spread over the track, of the loudest channel at each instant.
    Column("peaks", LargeBinary),
    Column("completed_ns", BigInteger),
    # When the sound or picture was removed on purpose; `blob` stays, so that nothing that comes late is kept.
    Column("removed_ns", BigInteger),
    Index(None, "kind", "completed_ns", "id"),
    Index(None, "press"),
    Index(None, "state"),
    Index(None, "extends"),
    Index(None, "boot_id"),
)

chunk = Table(
    "chunk",
    metadata,
    Column("track", String(_ID), primary_key=True),
    Column("n", Integer, primary_key=True),
    # Part of the key: before the manifest nobody knows which of two different contents is the right one.
    Column("sha256", String(_SHA256), primary_key=True),
    *_owner(),
    Column("data", LargeBinary, nullable=False),
)

fault = Table(
    "fault",
    metadata,
    Column("id", String(_ID), ForeignKey("event.id"), primary_key=True),
    *_owner(),
    Column("name", String(_NAME), nullable=False),
    Column("device", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("lost_frames", BigInteger, nullable=False),
    *_dated(),
    Index(None, "site", "box", "wall_ns"),
    Index(None, "boot_id"),
)

shift = Table(
    "shift",
    metadata,
    Column("id", String(_ID), ForeignKey("event.id"), primary_key=True),
    *_owner(),
    Column("button", String(_NAME), nullable=False),
    Column("employee", Text),
    Column("source", String(_NAME), nullable=False),
    *_dated(),
    Index(None, "site", "box", "button", "wall_ns"),
    Index(None, "boot_id"),
)

boot = Table(
    "boot",
    metadata,
    Column("id", String(_ID), ForeignKey("event.id"), primary_key=True),
    *_owner(),
    Column("version", Text, nullable=False),
    Column("config_sha256", String(_SHA256), nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("open_tracks", BigInteger, nullable=False),
    *_dated(),
    Index(None, "site", "box", "wall_ns"),
    Index(None, "boot_id"),
)

boot_clock = Table(
    "boot_clock",
    metadata,
    # One row a boot with unsynchronised records; its lock orders those records and the repair that dates them.
    Column("site", String(_NAME), primary_key=True),
    Column("box", String(_NAME), primary_key=True),
    Column("boot_id", String(_ID), primary_key=True),
    Column("event", String(_ID)),
    Column("mono_ns", BigInteger),
    Column("wall_ns", BigInteger),
    Column("uncertainty_ms", Float),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    # site/box where the topic names one, else empty: the bound on rows holds per owner.
    Column("owner", String(2 * _NAME + 1), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("sha256", String(_SHA256), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_bytes", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    # A digest of (topic, kind, sha256): the same bad message again only counts.
    Column("fingerprint", String(_SHA256), nullable=False),
    UniqueConstraint("fingerprint"),
    Index(None, "owner", "last_ns"),
    Index(None, "last_ns"),
)

change = Table(
    "change",
    metadata,
    # One row. Taken last in a transaction, so that its lock makes the order of numbers the order of commits.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)

user = Table(
    "account",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("role", String(32), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("language", String(8)),
    Column("email", Text),
    # Whose presses and questions an operator sees: the name that boxes give the person.
    Column("employee", String(500)),
    Column("disabled", Boolean, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    UniqueConstraint("name"),
)

session = Table(
    "web_session",
    metadata,
    # SHA-256 of the cookie: reading the table gives nobody a session.
    Column("key", String(_SHA256), primary_key=True),
    Column("account", BigInteger, ForeignKey("account.id")),
    Column("data", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index(None, "account"),
    Index(None, "expires_ns"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("user", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index(None, "at_ns"),
    Index(None, "user", "id"),
    Index(None, "action", "id"),
    Index(None, "object", "id"),
)

DATED = (press, track, fault, shift, boot)
"""Tables whose unsynchronised rows a `TimeData` of their boot dates anew."""
