"""Check-lists and what was answered; the review: looks, judgements, steps, questions. Two check-lists to begin with."""

import time

import sqlalchemy as sa
from alembic import op

from cloud_bridge.checklists.shipped import SHIPPED, shipped_text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "checklist",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("double_share", sa.Float(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklist")),
    )
    op.create_table(
        "tag",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tag")),
    )
    op.create_index(op.f("ix_tag_used_ns"), "tag", ["used_ns"], unique=False)
    op.create_table(
        "checklist_version",
        sa.Column("checklist", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("published_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["checklist"], ["checklist.id"], name=op.f("fk_checklist_version_checklist")),
        sa.PrimaryKeyConstraint("checklist", "version", name=op.f("pk_checklist_version")),
    )
    op.create_table(
        "review_step",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("presses", sa.Integer(), nullable=False),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_review_step_account")),
        sa.ForeignKeyConstraint(["undone_by"], ["review_step.id"], name=op.f("fk_review_step_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_step")),
    )
    op.create_index(op.f("ix_review_step_account_id"), "review_step", ["account", "id"], unique=False)
    op.create_table(
        "judgement",
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_judgement_press")),
        sa.PrimaryKeyConstraint("press", name=op.f("pk_judgement")),
    )
    op.create_index(op.f("ix_judgement_verdict_press"), "judgement", ["verdict", "press"], unique=False)
    op.create_table(
        "judgement_tag",
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_judgement_tag_press")),
        sa.PrimaryKeyConstraint("press", "tag", name=op.f("pk_judgement_tag")),
    )
    op.create_index(op.f("ix_judgement_tag_tag_press"), "judgement_tag", ["tag", "press"], unique=False)
    op.create_table(
        "question",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("box", sa.String(length=63), nullable=False),
        sa.Column("button", sa.String(length=63), nullable=False),
        sa.Column("employee", sa.String(length=500), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_account", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["asked_account"], ["account.id"], name=op.f("fk_question_asked_account")),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_question_press")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
    )
    op.create_index(
        op.f("ix_question_employee_state_due_ns"), "question", ["employee", "state", "due_ns"], unique=False
    )
    op.create_index(op.f("ix_question_press"), "question", ["press"], unique=False)
    op.create_index(op.f("ix_question_site_state_due_ns"), "question", ["site", "state", "due_ns"], unique=False)
    op.create_index(op.f("ix_question_state_due_ns"), "question", ["state", "due_ns"], unique=False)
    op.create_table(
        "review",
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("spent_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_review_account")),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_review_press")),
        sa.PrimaryKeyConstraint("account", "press", name=op.f("pk_review")),
    )
    op.create_index(op.f("ix_review_account_at_ns"), "review", ["account", "at_ns"], unique=False)
    op.create_index(op.f("ix_review_press"), "review", ["press"], unique=False)
    op.create_table(
        "review_change",
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_review_change_press")),
        sa.ForeignKeyConstraint(["step"], ["review_step.id"], name=op.f("fk_review_change_step")),
        sa.PrimaryKeyConstraint("step", "press", "what", name=op.f("pk_review_change")),
    )
    op.create_index(op.f("ix_review_change_press_step"), "review_change", ["press", "step"], unique=False)
    op.create_table(
        "sheet",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("checklist", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("press", sa.String(length=32), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("done_ns", sa.BigInteger(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("failed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_sheet_account")),
        sa.ForeignKeyConstraint(
            ["checklist", "version"],
            ["checklist_version.checklist", "checklist_version.version"],
            name=op.f("fk_sheet_checklist"),
        ),
        sa.ForeignKeyConstraint(["press"], ["press.id"], name=op.f("fk_sheet_press")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet")),
        sa.UniqueConstraint("press", "checklist", "turn", name=op.f("uq_sheet_press_checklist_turn")),
    )
    op.create_index(op.f("ix_sheet_checklist_turn_done_ns"), "sheet", ["checklist", "turn", "done_ns"], unique=False)
    op.create_table(
        "second_scoring",
        sa.Column("first", sa.String(length=32), nullable=False),
        sa.Column("checklist", sa.String(length=32), nullable=False),
        sa.Column("drawn_ns", sa.BigInteger(), nullable=False),
        sa.Column("second", sa.String(length=32), nullable=True),
        sa.Column("done_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["first"], ["sheet.id"], name=op.f("fk_second_scoring_first")),
        sa.ForeignKeyConstraint(["second"], ["sheet.id"], name=op.f("fk_second_scoring_second")),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_second_scoring")),
    )
    op.create_index(
        op.f("ix_second_scoring_checklist_done_ns_drawn_ns"),
        "second_scoring",
        ["checklist", "done_ns", "drawn_ns"],
        unique=False,
    )
    op.create_index(op.f("ix_second_scoring_second"), "second_scoring", ["second"], unique=False)
    op.create_table(
        "sheet_answer",
        sa.Column("sheet", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=8), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sheet"], ["sheet.id"], name=op.f("fk_sheet_answer_sheet")),
        sa.PrimaryKeyConstraint("sheet", "item", name=op.f("pk_sheet_answer")),
    )
    op.create_index(op.f("ix_sheet_answer_item_value_sheet"), "sheet_answer", ["item", "value", "sheet"], unique=False)

    now_ns = time.time_ns()
    checklist = sa.table(
        "checklist", *map(sa.column, ("id", "purpose", "double_share", "retired", "made_by", "made_ns"))
    )
    version = sa.table(
        "checklist_version",
        *map(sa.column, ("checklist", "version", "definition", "changed_by", "changed_ns", "published_ns")),
    )
    for purpose in SHIPPED:
        made = {"id": str(purpose), "purpose": str(purpose), "double_share": 0.0, "retired": False}
        op.bulk_insert(checklist, [made | {"made_by": "", "made_ns": now_ns}])
        text = shipped_text(purpose)
        first = {"checklist": str(purpose), "version": 1, "definition": text, "changed_by": ""}
        op.bulk_insert(version, [first | {"changed_ns": now_ns, "published_ns": now_ns}])
