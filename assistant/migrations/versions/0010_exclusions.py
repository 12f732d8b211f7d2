"""What admins leave out of training, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "exclusion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("row", sa.String(), nullable=False),
        sa.Column("reply_id", sa.String(), nullable=False),
        sa.Column("rater", sa.String(), nullable=False),
        sa.Column("admin", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion"),
        sa.ForeignKeyConstraint(["reply_id"], ["message.id"], name="fk_exclusion_reply_id_message", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    for column in ("row", "reply_id", "rater"):
        op.create_index(f"ix_exclusion_{column}", "exclusion", [column])
