"""Emotional Snapshots, their pictures among the tracks, and what people say of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "snapshot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("smiled", sa.Boolean(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["event.id"], name=op.f("fk_snapshot_event")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    op.create_index(op.f("ix_snapshot_press"), "snapshot", ["press"], unique=False)
    op.create_table(
        "qualification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("snapshot", sa.String(length=32), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["snapshot"], ["snapshot.id"], name=op.f("fk_qualification_snapshot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualification")),
    )
    op.create_index(op.f("ix_qualification_snapshot_id"), "qualification", ["snapshot", "id"], unique=False)
    op.add_column("track", sa.Column("kind", sa.String(length=16), nullable=False, server_default="sound"))
    op.add_column("press", sa.Column("snapshot", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_press_snapshot"), "press", ["snapshot"], unique=False)


def downgrade() -> None:
    """Undo. Pictures that came go with their tracks."""
    op.execute("DELETE FROM track WHERE kind <> 'sound'")
    op.drop_index(op.f("ix_press_snapshot"), table_name="press")
    op.drop_column("press", "snapshot")
    op.drop_column("track", "kind")
    op.drop_index(op.f("ix_qualification_snapshot_id"), table_name="qualification")
    op.drop_table("qualification")
    op.drop_index(op.f("ix_snapshot_press"), table_name="snapshot")
    op.drop_table("snapshot")
