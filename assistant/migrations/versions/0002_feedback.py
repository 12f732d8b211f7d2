"""Ratings, corrections and comparisons. An id is never used twice: an adapter names the rows it learned from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rating",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reply_id", sa.String(), nullable=False),
        sa.Column("rater", sa.String(), nullable=False),
        sa.Column("value", sa.String(16), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rating"),
        sa.ForeignKeyConstraint(["reply_id"], ["message.id"], name="fk_rating_reply_id_message", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reply_id", sa.String(), nullable=False),
        sa.Column("rater", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["message.id"], name="fk_correction_reply_id_message", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("winner_id", sa.String(), nullable=False),
        sa.Column("loser_id", sa.String(), nullable=False),
        sa.Column("rater", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_comparison"),
        sa.ForeignKeyConstraint(
            ["winner_id"], ["message.id"], name="fk_comparison_winner_id_message", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["loser_id"], ["message.id"], name="fk_comparison_loser_id_message", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    for table in ("rating", "correction"):
        op.create_index(f"ix_{table}_reply_id", table, ["reply_id"])
        op.create_index(f"ix_{table}_rater", table, ["rater"])
    for column in ("winner_id", "loser_id", "rater"):
        op.create_index(f"ix_comparison_{column}", "comparison", [column])
