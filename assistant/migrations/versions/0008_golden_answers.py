"""Golden answers, and whether what somebody said may act for everybody: of older rows nobody knows who said it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "goldenanswer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("assistant_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reply_id", sa.String()),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("asker", sa.String(), nullable=False),
        sa.Column("reader", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_goldenanswer"),
        sa.UniqueConstraint("assistant_id", "key", name="uq_goldenanswer_assistant_id_key"),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name="fk_goldenanswer_assistant_id_assistant", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["message.id"], name="fk_goldenanswer_reply_id_message", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_goldenanswer_assistant_id", "goldenanswer", ["assistant_id"])
    op.create_index("ix_goldenanswer_reply_id", "goldenanswer", ["reply_id"])
    for table in ("rating", "correction"):
        op.add_column(table, sa.Column("for_all", sa.Boolean(), nullable=False, server_default=sa.false()))
