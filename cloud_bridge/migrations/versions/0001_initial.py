"""The first schema: boxes, events and what they tell, tracks and chunks, quarantine, accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_ns"), "audit", ["at_ns"], unique=False)
    op.create_table(
        "boot_clock",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=True),
        sa.Column("mono_ns", sa.BigInteger(), nullable=True),
        sa.Column("wall_ns", sa.BigInteger(), nullable=True),
        sa.Column("uncertainty_ms", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("site", "box", "boot_id", name=op.f("pk_boot_clock")),
    )
    op.create_table(
        "box",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("session", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=True),
        sa.Column("series", sa.String(length=32), nullable=True),
        sa.Column("status_ns", sa.BigInteger(), nullable=True),
        sa.Column("health", sa.Text(), nullable=True),
        sa.Column("health_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site", "name", name=op.f("pk_box")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_table(
        "chunk",
        sa.Column("track", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("track", "n", "sha256", name=op.f("pk_chunk")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_received_ns"), "event", ["received_ns"], unique=False)
    op.create_index(op.f("ix_event_site_box_series_seq"), "event", ["site", "box", "series", "seq"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=127), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("payload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_ns", sa.BigInteger(), nullable=False),
        sa.Column("last_ns", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_quarantine_fingerprint")),
    )
    op.create_index(op.f("ix_quarantine_last_ns"), "quarantine", ["last_ns"], unique=False)
    op.create_index(op.f("ix_quarantine_owner_last_ns"), "quarantine", ["owner", "last_ns"], unique=False)
    op.create_table(
        "seq_range",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "box", "series", "first", name=op.f("pk_seq_range")),
    )
    op.create_table(
        "series",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("site", "box", "series", name=op.f("pk_series")),
    )
    op.create_table(
        "track",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=True),
        sa.Column("extends", sa.String(length=32), nullable=True),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("trigger", sa.String(length=63), nullable=True),
        sa.Column("partial", sa.Boolean(), nullable=True),
        sa.Column("boot_id", sa.String(length=32), nullable=True),
        sa.Column("mono_ns", sa.BigInteger(), nullable=True),
        sa.Column("wall_ns", sa.BigInteger(), nullable=True),
        sa.Column("synced", sa.Boolean(), nullable=True),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("uncertainty_ms", sa.Float(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("chunks", sa.Integer(), nullable=True),
        sa.Column("lost_reason", sa.Text(), nullable=True),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("damaged", sa.Text(), nullable=True),
        sa.Column("peaks", sa.LargeBinary(), nullable=True),
        sa.Column("completed_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track")),
    )
    op.create_index(op.f("ix_track_boot_id"), "track", ["boot_id"], unique=False)
    op.create_index(op.f("ix_track_extends"), "track", ["extends"], unique=False)
    op.create_index(op.f("ix_track_press"), "track", ["press"], unique=False)
    op.create_index(op.f("ix_track_state"), "track", ["state"], unique=False)
    op.create_table(
        "boot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("config_sha256", sa.String(length=64), nullable=False),
        sa.Column("session", sa.BigInteger(), nullable=False),
        sa.Column("open_tracks", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("mono_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_ns", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("uncertainty_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["event.id"], name=op.f("fk_boot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boot")),
    )
    op.create_index(op.f("ix_boot_boot_id"), "boot", ["boot_id"], unique=False)
    op.create_index(op.f("ix_boot_site_box_wall_ns"), "boot", ["site", "box", "wall_ns"], unique=False)
    op.create_table(
        "fault",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("lost_frames", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("mono_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_ns", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("uncertainty_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["event.id"], name=op.f("fk_fault_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault")),
    )
    op.create_index(op.f("ix_fault_boot_id"), "fault", ["boot_id"], unique=False)
    op.create_index(op.f("ix_fault_site_box_wall_ns"), "fault", ["site", "box", "wall_ns"], unique=False)
    op.create_table(
        "press",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("button", sa.String(length=63), nullable=False),
        sa.Column("trigger", sa.String(length=63), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("employee", sa.Text(), nullable=True),
        sa.Column("track", sa.String(length=32), nullable=True),
        sa.Column("misuse", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("stamp_uncertainty_ms", sa.Float(), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("mono_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_ns", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("uncertainty_ms", sa.Float(), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["event.id"], name=op.f("fk_press_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_press")),
    )
    op.create_index(op.f("ix_press_boot_id"), "press", ["boot_id"], unique=False)
    op.create_index(op.f("ix_press_change"), "press", ["change"], unique=False)
    op.create_index(op.f("ix_press_site_box_wall_ns_id"), "press", ["site", "box", "wall_ns", "id"], unique=False)
    op.create_index(op.f("ix_press_track"), "press", ["track"], unique=False)
    op.create_index(op.f("ix_press_trigger_wall_ns_id"), "press", ["trigger", "wall_ns", "id"], unique=False)
    op.create_index(op.f("ix_press_wall_ns_id"), "press", ["wall_ns", "id"], unique=False)
    op.create_table(
        "shift",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("button", sa.String(length=63), nullable=False),
        sa.Column("employee", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("boot_id", sa.String(length=32), nullable=False),
        sa.Column("mono_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_ns", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("uncertainty_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["event.id"], name=op.f("fk_shift_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    op.create_index(op.f("ix_shift_boot_id"), "shift", ["boot_id"], unique=False)
    op.create_index(
        op.f("ix_shift_site_box_button_wall_ns"), "shift", ["site", "box", "button", "wall_ns"], unique=False
    )
    op.create_table(
        "web_session",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_web_session_account")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_account"), "web_session", ["account"], unique=False)
    op.create_index(op.f("ix_web_session_expires_ns"), "web_session", ["expires_ns"], unique=False)
    # The counter's only row.
    op.execute("INSERT INTO change (id, value) VALUES (1, 0)")


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_web_session_expires_ns"), table_name="web_session")
    op.drop_index(op.f("ix_web_session_account"), table_name="web_session")
    op.drop_table("web_session")
    op.drop_index(op.f("ix_shift_site_box_button_wall_ns"), table_name="shift")
    op.drop_index(op.f("ix_shift_boot_id"), table_name="shift")
    op.drop_table("shift")
    op.drop_index(op.f("ix_press_wall_ns_id"), table_name="press")
    op.drop_index(op.f("ix_press_trigger_wall_ns_id"), table_name="press")
    op.drop_index(op.f("ix_press_track"), table_name="press")
    op.drop_index(op.f("ix_press_site_box_wall_ns_id"), table_name="press")
    op.drop_index(op.f("ix_press_change"), table_name="press")
    op.drop_index(op.f("ix_press_boot_id"), table_name="press")
    op.drop_table("press")
    op.drop_index(op.f("ix_fault_site_box_wall_ns"), table_name="fault")
    op.drop_index(op.f("ix_fault_boot_id"), table_name="fault")
    op.drop_table("fault")
    op.drop_index(op.f("ix_boot_site_box_wall_ns"), table_name="boot")
    op.drop_index(op.f("ix_boot_boot_id"), table_name="boot")
    op.drop_table("boot")
    op.drop_index(op.f("ix_track_state"), table_name="track")
    op.drop_index(op.f("ix_track_press"), table_name="track")
    op.drop_index(op.f("ix_track_extends"), table_name="track")
    op.drop_index(op.f("ix_track_boot_id"), table_name="track")
    op.drop_table("track")
    op.drop_table("series")
    op.drop_table("seq_range")
    op.drop_index(op.f("ix_quarantine_owner_last_ns"), table_name="quarantine")
    op.drop_index(op.f("ix_quarantine_last_ns"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index(op.f("ix_event_site_box_series_seq"), table_name="event")
    op.drop_index(op.f("ix_event_received_ns"), table_name="event")
    op.drop_table("event")
    op.drop_table("chunk")
    op.drop_table("change")
    op.drop_table("box")
    op.drop_table("boot_clock")
    op.drop_index(op.f("ix_audit_at_ns"), table_name="audit")
    op.drop_table("audit")
    op.drop_table("account")
