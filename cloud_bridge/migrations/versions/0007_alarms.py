"""The expert system's rules and alarms, notifications and webhooks; three rules to begin with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Red presses of counters and of employees, and bursts of presses and appeals of a whole site.
_RULES = (
    '{"method":"cusum","scope":"counter","events":["incident","rating"]}',
    '{"method":"cusum","scope":"employee","events":["incident","rating"]}',
    '{"method":"cusum","scope":"site","events":["incident","rating","appeal"]}',
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alarm_dirty",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_dirty")),
    )
    op.create_index(op.f("ix_alarm_dirty_site"), "alarm_dirty", ["site"], unique=False)
    op.create_table(
        "alarm_site",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("evaluated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_alarm_site")),
    )
    op.create_table(
        "notify_channel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_notify_channel_name")),
    )
    op.create_table(
        "rule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    op.create_table(
        "rule_budget",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("false_alarms_a_month", sa.Float(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_budget")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=600), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("counter", sa.String(length=63), nullable=True),
        sa.Column("employee", sa.String(length=500), nullable=True),
        sa.Column("computed", sa.String(length=32), nullable=False),
        sa.Column("raised_by", sa.String(length=32), nullable=False),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("raised_ns", sa.BigInteger(), nullable=False),
        sa.Column("cleared_ns", sa.BigInteger(), nullable=True),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("life", sa.String(length=16), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_ns", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rule"], ["rule.id"], name=op.f("fk_alarm_rule")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_life_raised_ns"), "alarm", ["life", "raised_ns"], unique=False)
    op.create_index(op.f("ix_alarm_raised_ns_id"), "alarm", ["raised_ns", "id"], unique=False)
    op.create_index(op.f("ix_alarm_rule_stream_raised_ns"), "alarm", ["rule", "stream", "raised_ns"], unique=False)
    op.create_index(op.f("ix_alarm_site_raised_ns"), "alarm", ["site", "raised_ns"], unique=False)
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("channel", sa.BigInteger(), nullable=True),
        sa.Column("webhook", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("alarm", sa.String(length=32), nullable=True),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_ns", sa.BigInteger(), nullable=False),
        sa.Column("sent_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_notification_account")),
        sa.ForeignKeyConstraint(["channel"], ["notify_channel.id"], name=op.f("fk_notification_channel")),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"], name=op.f("fk_notification_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("key", name=op.f("uq_notification_key")),
    )
    op.create_index(op.f("ix_notification_state_next_ns"), "notification", ["state", "next_ns"], unique=False)
    op.create_index(op.f("ix_notification_webhook_id"), "notification", ["webhook", "id"], unique=False)
    op.create_table(
        "rule_plan",
        sa.Column("rule", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=600), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("planned_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rule"], ["rule.id"], name=op.f("fk_rule_plan_rule")),
        sa.PrimaryKeyConstraint("rule", "stream", name=op.f("pk_rule_plan")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.BigInteger(), nullable=True),
        sa.Column("sites", sa.Text(), nullable=False),
        sa.Column("digest_hour", sa.Integer(), nullable=True),
        sa.Column("quiet_from", sa.Integer(), nullable=False),
        sa.Column("quiet_until", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_subscription_account")),
        sa.ForeignKeyConstraint(["channel"], ["notify_channel.id"], name=op.f("fk_subscription_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_table(
        "alarm_press",
        sa.Column("alarm", sa.String(length=32), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["alarm"], ["alarm.id"], name=op.f("fk_alarm_press_alarm")),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_alarm_press_press")),
        sa.PrimaryKeyConstraint("alarm", "press", name=op.f("pk_alarm_press")),
    )
    op.create_index(op.f("ix_alarm_press_press"), "alarm_press", ["press"], unique=False)
    op.create_table(
        "notification_attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("notification", sa.BigInteger(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification"], ["notification.id"], name=op.f("fk_notification_attempt_notification")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_attempt")),
    )
    op.create_index(
        op.f("ix_notification_attempt_notification_id"), "notification_attempt", ["notification", "id"], unique=False
    )
    op.create_table(
        "notification_file",
        sa.Column("notification", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["notification"], ["notification.id"], name=op.f("fk_notification_file_notification")),
        sa.PrimaryKeyConstraint("notification", "n", name=op.f("pk_notification_file")),
    )

    rule = sa.table("rule", *(sa.column(name) for name in ("title", "settings", "changed_by", "changed_ns")))
    rule.append_column(sa.column("enabled", sa.Boolean()))
    rule.append_column(sa.column("retired", sa.Boolean()))
    rows = [
        {"title": "", "settings": text, "changed_by": "", "changed_ns": 0, "enabled": True, "retired": False}
        for text in _RULES
    ]
    op.bulk_insert(rule, rows)
    budget = sa.table("rule_budget", sa.column("id"), sa.column("false_alarms_a_month"), sa.column("revision"))
    op.bulk_insert(budget, [{"id": 1, "false_alarms_a_month": 2.0, "revision": 1}])
    # All that is known so far is to be looked at.
    op.execute("INSERT INTO alarm_dirty (site, from_ns) SELECT name, 0 FROM site")


def downgrade() -> None:
    """Undo."""
    op.drop_table("notification_file")
    op.drop_index(op.f("ix_notification_attempt_notification_id"), table_name="notification_attempt")
    op.drop_table("notification_attempt")
    op.drop_index(op.f("ix_alarm_press_press"), table_name="alarm_press")
    op.drop_table("alarm_press")
    op.drop_table("subscription")
    op.drop_table("rule_plan")
    op.drop_index(op.f("ix_notification_webhook_id"), table_name="notification")
    op.drop_index(op.f("ix_notification_state_next_ns"), table_name="notification")
    op.drop_table("notification")
    op.drop_index(op.f("ix_alarm_site_raised_ns"), table_name="alarm")
    op.drop_index(op.f("ix_alarm_rule_stream_raised_ns"), table_name="alarm")
    op.drop_index(op.f("ix_alarm_raised_ns_id"), table_name="alarm")
    op.drop_index(op.f("ix_alarm_life_raised_ns"), table_name="alarm")
    op.drop_table("alarm")
    op.drop_table("webhook")
    op.drop_table("rule_budget")
    op.drop_table("rule")
    op.drop_table("notify_channel")
    op.drop_table("alarm_site")
    op.drop_index(op.f("ix_alarm_dirty_site"), table_name="alarm_dirty")
    op.drop_table("alarm_dirty")
