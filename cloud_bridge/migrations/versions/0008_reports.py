"""Tokens of programs, receipts voided early, reports by mail; smiles among the counts, where there are snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("key", name=op.f("uq_api_token_key")),
    )
    op.create_table(
        "sale_void",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_sale_void")),
    )
    op.create_table(
        "report_mail",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.String(length=32), nullable=False),
        sa.Column("every", sa.String(length=16), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_report_mail_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_mail")),
    )
    op.create_index(op.f("ix_report_mail_account"), "report_mail", ["account"], unique=False)
    op.create_index(op.f("ix_report_mail_due_ns"), "report_mail", ["due_ns"], unique=False)
    op.create_index(op.f("ix_sale_site_wall_ns_id"), "sale", ["site", "wall_ns", "id"], unique=False)
    op.add_column("tally", sa.Column("smile_verdicts", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("tally", sa.Column("smiles", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "INSERT INTO tally_dirty (site, box, from_ns, until_ns)"
        " SELECT press.site, press.box, min(press.wall_ns), max(press.wall_ns) FROM snapshot"
        " JOIN press ON press.id = snapshot.press AND press.site = snapshot.site AND press.box = snapshot.box"
        " GROUP BY press.site, press.box"
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("tally", "smiles")
    op.drop_column("tally", "smile_verdicts")
    op.drop_index(op.f("ix_sale_site_wall_ns_id"), table_name="sale")
    op.drop_index(op.f("ix_report_mail_due_ns"), table_name="report_mail")
    op.drop_index(op.f("ix_report_mail_account"), table_name="report_mail")
    op.drop_table("report_mail")
    op.drop_table("sale_void")
    op.drop_table("api_token")
