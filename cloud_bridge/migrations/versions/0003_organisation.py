"""Sites, counters, employees, places of accounts, invitations; boxes known so far get their counters."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "site",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_site")),
    )
    op.create_table(
        "counter",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.name"], name=op.f("fk_counter_site")),
        sa.PrimaryKeyConstraint("site", "name", name=op.f("pk_counter")),
    )
    op.create_table(
        "counter_source",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("button", sa.String(length=63), nullable=False),
        sa.Column("counter", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["site", "counter"], ["counter.site", "counter.name"], name=op.f("fk_counter_source_site")
        ),
        sa.PrimaryKeyConstraint("site", "box", "button", name=op.f("pk_counter_source")),
    )
    op.create_index(op.f("ix_counter_source_site_counter"), "counter_source", ["site", "counter"], unique=False)
    op.create_table(
        "employee",
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.name"], name=op.f("fk_employee_site")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_employee")),
    )
    op.create_table(
        "account_place",
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("counter", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_account_place_account")),
        sa.PrimaryKeyConstraint("account", "site", "counter", name=op.f("pk_account_place")),
    )
    op.create_table(
        "invitation",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("employee", sa.String(length=500), nullable=True),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_made_ns"), "invitation", ["made_ns"], unique=False)
    op.add_column("account", sa.Column("email", sa.Text(), nullable=True))
    op.add_column("account", sa.Column("employee", sa.String(length=500), nullable=True))
    op.execute("UPDATE account SET role = 'quality_manager' WHERE role = 'quality'")
    op.execute("INSERT INTO site (name, title, time_zone) SELECT DISTINCT site, site, 'UTC' FROM box")
    op.execute("INSERT INTO counter (site, name, title, retired) SELECT site, name, name, FALSE FROM box")
    op.execute("INSERT INTO counter_source (site, box, button, counter) SELECT site, name, '', name FROM box")
    op.execute(
        "INSERT INTO employee (name, title, retired) SELECT named.employee, named.employee, FALSE FROM ("
        "SELECT employee FROM press WHERE employee <> '' UNION SELECT employee FROM shift WHERE employee <> ''"
        ") AS named"
    )


def downgrade() -> None:
    """Undo."""
    op.execute("UPDATE account SET role = 'quality' WHERE role = 'quality_manager'")
    op.drop_column("account", "employee")
    op.drop_column("account", "email")
    op.drop_index(op.f("ix_invitation_made_ns"), table_name="invitation")
    op.drop_table("invitation")
    op.drop_table("account_place")
    op.drop_table("employee")
    op.drop_index(op.f("ix_counter_source_site_counter"), table_name="counter_source")
    op.drop_table("counter_source")
    op.drop_table("counter")
    op.drop_table("site")
