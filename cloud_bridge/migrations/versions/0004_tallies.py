"""Served customers, counts by half hour, leases of background work; all presses known so far are to be counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sale",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("employee", sa.String(length=500), nullable=True),
        sa.Column("wall_ns", sa.BigInteger(), nullable=False),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_sale")),
    )
    op.create_index(op.f("ix_sale_site_box_wall_ns"), "sale", ["site", "box", "wall_ns"], unique=False)
    op.create_table(
        "tally",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("slot_ns", sa.BigInteger(), nullable=False),
        sa.Column("button", sa.String(length=63), nullable=False),
        sa.Column("trigger", sa.String(length=63), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("employee", sa.String(length=500), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("misuse", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "site",
            "box",
            "slot_ns",
            "button",
            "trigger",
            "rating",
            "employee",
            "simulated",
            name=op.f("pk_tally"),
        ),
    )
    op.create_index(op.f("ix_tally_slot_ns"), "tally", ["slot_ns"], unique=False)
    op.create_table(
        "tally_dirty",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_dirty")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.execute(
        "INSERT INTO tally_dirty (site, box, from_ns, until_ns)"
        " SELECT site, box, min(wall_ns), max(wall_ns) FROM press GROUP BY site, box"
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("lease")
    op.drop_table("tally_dirty")
    op.drop_index(op.f("ix_tally_slot_ns"), table_name="tally")
    op.drop_table("tally")
    op.drop_index(op.f("ix_sale_site_box_wall_ns"), table_name="sale")
    op.drop_table("sale")
