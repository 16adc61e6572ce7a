"""What is kept how long, legal holds, what was removed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "person_removal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("pseudonym", sa.String(length=100), nullable=False),
        sa.Column("with_sound", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("done_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_removal")),
    )
    op.create_index(op.f("ix_person_removal_done_ns"), "person_removal", ["done_ns"], unique=False)
    op.create_table(
        "retention_rule",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_retention_rule")),
    )
    op.create_table(
        "removal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object", sa.String(length=100), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person_removal.id"], name=op.f("fk_removal_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    op.create_index(op.f("ix_removal_object"), "removal", ["object"], unique=False)
    op.create_index(op.f("ix_removal_person_id"), "removal", ["person", "id"], unique=False)
    op.create_index(op.f("ix_removal_press"), "removal", ["press"], unique=False)
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("press", sa.String(length=32), nullable=True),
        sa.Column("case", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_legal_hold_case")),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_legal_hold_press")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index(op.f("ix_legal_hold_case"), "legal_hold", ["case"], unique=False)
    op.create_index(op.f("ix_legal_hold_press"), "legal_hold", ["press"], unique=False)
    op.create_index(op.f("ix_legal_hold_released_ns"), "legal_hold", ["released_ns"], unique=False)
    op.add_column("track", sa.Column("removed_ns", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_track_kind_completed_ns_id"), "track", ["kind", "completed_ns", "id"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_track_kind_completed_ns_id"), table_name="track")
    op.drop_column("track", "removed_ns")
    op.drop_index(op.f("ix_legal_hold_released_ns"), table_name="legal_hold")
    op.drop_index(op.f("ix_legal_hold_press"), table_name="legal_hold")
    op.drop_index(op.f("ix_legal_hold_case"), table_name="legal_hold")
    op.drop_table("legal_hold")
    op.drop_index(op.f("ix_removal_press"), table_name="removal")
    op.drop_index(op.f("ix_removal_person_id"), table_name="removal")
    op.drop_index(op.f("ix_removal_object"), table_name="removal")
    op.drop_table("removal")
    op.drop_table("retention_rule")
    op.drop_index(op.f("ix_person_removal_done_ns"), table_name="person_removal")
    op.drop_table("person_removal")
