"""Indexes of lists that show one site, one person, or what somebody did to something."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_press_site_wall_ns_id"), "press", ["site", "wall_ns", "id"], unique=False)
    op.create_index(op.f("ix_press_employee_wall_ns_id"), "press", ["employee", "wall_ns", "id"], unique=False)
    op.create_index(op.f("ix_audit_user_id"), "audit", ["user", "id"], unique=False)
    op.create_index(op.f("ix_audit_action_id"), "audit", ["action", "id"], unique=False)
    op.create_index(op.f("ix_audit_object_id"), "audit", ["object", "id"], unique=False)
