"""Cases: complaints made of presses, their history, tags, contacts, messages."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "case_policy",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("limit_s", sa.BigInteger(), nullable=False),
        sa.Column("warn_before_s", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_policy")),
    )
    op.create_table(
        "case_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("counter", sa.String(length=63), nullable=True),
        sa.Column("employee", sa.String(length=500), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("assignee", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("limit_no", sa.Integer(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=True),
        sa.Column("warn_ns", sa.BigInteger(), nullable=True),
        sa.Column("left_s", sa.BigInteger(), nullable=True),
        sa.Column("warn_before_s", sa.BigInteger(), nullable=False),
        sa.Column("warned_no", sa.Integer(), nullable=False),
        sa.Column("escalated_no", sa.Integer(), nullable=False),
        sa.Column("alert_ns", sa.BigInteger(), nullable=True),
        sa.Column("order_ns", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=100), nullable=True),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["assignee"], ["account.id"], name=op.f("fk_case_file_assignee")),
        sa.ForeignKeyConstraint(["merged_into"], ["case_file.id"], name=op.f("fk_case_file_merged_into")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_file")),
    )
    op.create_index(op.f("ix_case_file_alert_ns"), "case_file", ["alert_ns"], unique=False)
    op.create_index(
        op.f("ix_case_file_assignee_order_ns_id"), "case_file", ["assignee", "order_ns", "id"], unique=False
    )
    op.create_index(op.f("ix_case_file_closed_ns"), "case_file", ["closed_ns"], unique=False)
    op.create_index(op.f("ix_case_file_merged_into"), "case_file", ["merged_into"], unique=False)
    op.create_index(op.f("ix_case_file_order_ns_id"), "case_file", ["order_ns", "id"], unique=False)
    op.create_index(op.f("ix_case_file_site_order_ns_id"), "case_file", ["site", "order_ns", "id"], unique=False)
    op.create_index(op.f("ix_case_file_status_order_ns_id"), "case_file", ["status", "order_ns", "id"], unique=False)
    op.create_table(
        "case_contact",
        sa.Column("case", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_case_contact_case")),
        sa.PrimaryKeyConstraint("case", name=op.f("pk_case_contact")),
    )
    op.create_index(op.f("ix_case_contact_email"), "case_contact", ["email"], unique=False)
    op.create_index(op.f("ix_case_contact_phone"), "case_contact", ["phone"], unique=False)
    op.create_table(
        "case_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case", sa.BigInteger(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_case_event_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    op.create_index(op.f("ix_case_event_case_id"), "case_event", ["case", "id"], unique=False)
    op.create_table(
        "case_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case", sa.BigInteger(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("notification", sa.BigInteger(), nullable=True),
        sa.Column("removed_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_case_message_case")),
        sa.ForeignKeyConstraint(["notification"], ["notification.id"], name=op.f("fk_case_message_notification")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_message")),
    )
    op.create_index(op.f("ix_case_message_address"), "case_message", ["address"], unique=False)
    op.create_index(op.f("ix_case_message_case_id"), "case_message", ["case", "id"], unique=False)
    op.create_index(op.f("ix_case_message_notification"), "case_message", ["notification"], unique=False)
    op.create_table(
        "case_press",
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("case", sa.BigInteger(), nullable=False),
        sa.Column("added_ns", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_case_press_case")),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_case_press_press")),
        sa.PrimaryKeyConstraint("press", name=op.f("pk_case_press")),
    )
    op.create_index(op.f("ix_case_press_case"), "case_press", ["case"], unique=False)
    op.create_table(
        "case_tag",
        sa.Column("case", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_case_tag_case")),
        sa.PrimaryKeyConstraint("case", "tag", name=op.f("pk_case_tag")),
    )
    op.create_index(op.f("ix_case_tag_tag_case"), "case_tag", ["tag", "case"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_case_tag_tag_case"), table_name="case_tag")
    op.drop_table("case_tag")
    op.drop_index(op.f("ix_case_press_case"), table_name="case_press")
    op.drop_table("case_press")
    op.drop_index(op.f("ix_case_message_notification"), table_name="case_message")
    op.drop_index(op.f("ix_case_message_case_id"), table_name="case_message")
    op.drop_index(op.f("ix_case_message_address"), table_name="case_message")
    op.drop_table("case_message")
    op.drop_index(op.f("ix_case_event_case_id"), table_name="case_event")
    op.drop_table("case_event")
    op.drop_index(op.f("ix_case_contact_phone"), table_name="case_contact")
    op.drop_index(op.f("ix_case_contact_email"), table_name="case_contact")
    op.drop_table("case_contact")
    op.drop_index(op.f("ix_case_file_status_order_ns_id"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_site_order_ns_id"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_order_ns_id"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_merged_into"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_closed_ns"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_assignee_order_ns_id"), table_name="case_file")
    op.drop_index(op.f("ix_case_file_alert_ns"), table_name="case_file")
    op.drop_table("case_file")
    op.drop_table("case_policy")
