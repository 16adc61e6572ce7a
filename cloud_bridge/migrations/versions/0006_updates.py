"""Releases of the boxes' software, and to which box which of them is offered."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "release",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=63), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("added_ns", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_release")),
    )
    op.create_index(op.f("ix_release_version"), "release", ["version"], unique=False)
    op.create_table(
        "update_offer",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("sent_ns", sa.BigInteger(), nullable=True),
        sa.Column("sent_times", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("slot", sa.String(length=63), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["release.sha256"], name=op.f("fk_update_offer_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_update_offer")),
    )
    op.create_index(op.f("ix_update_offer_site_box_made_ns"), "update_offer", ["site", "box", "made_ns"], unique=False)
    op.create_index(op.f("ix_update_offer_state_sent_ns"), "update_offer", ["state", "sent_ns"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_update_offer_state_sent_ns"), table_name="update_offer")
    op.drop_index(op.f("ix_update_offer_site_box_made_ns"), table_name="update_offer")
    op.drop_table("update_offer")
    op.drop_index(op.f("ix_release_version"), table_name="release")
    op.drop_table("release")
