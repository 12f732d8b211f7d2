"""Runs, adapters, promotions and schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ACTIVE = sa.text("state IN ('queued', 'training', 'evaluating')")


def upgrade() -> None:
    _runs()
    _adapters()
    _schedules()


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("assistant_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON()),
        sa.Column("adapter", sa.String()),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name="fk_run_assistant_id_assistant", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_run_assistant_id", "run", ["assistant_id"])
    op.create_index("uq_run_active", "run", ["assistant_id"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE)


def _adapters() -> None:
    op.create_table(
        "adapter",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("assistant_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("parent", sa.String()),
        sa.Column("run_id", sa.String()),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_adapter"),
        sa.UniqueConstraint("assistant_id", "version", name="uq_adapter_assistant_id_version"),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name="fk_adapter_assistant_id_assistant", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_adapter_run_id_run", ondelete="SET NULL"),
    )
    op.create_index("ix_adapter_assistant_id", "adapter", ["assistant_id"])
    op.create_table(
        "promotion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assistant_id", sa.String(), nullable=False),
        sa.Column("before", sa.String()),
        sa.Column("after", sa.String()),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promotion"),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name="fk_promotion_assistant_id_assistant", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_promotion_assistant_id", "promotion", ["assistant_id"])


def _schedules() -> None:
    op.create_table(
        "schedule",
        sa.Column("assistant_id", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("min_new_pairs", sa.Integer(), nullable=False),
        sa.Column("auto_promote", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True)),
        sa.Column("last_due_at", sa.DateTime(timezone=True)),
        sa.Column("last_result", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("assistant_id", name="pk_schedule"),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name="fk_schedule_assistant_id_assistant", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_schedule_next_due_at", "schedule", ["next_due_at"])
