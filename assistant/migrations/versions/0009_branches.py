"""Where a conversation goes on, and how often two answers are given at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("conversation", sa.Column("head", sa.String()))
    op.add_column("assistant", sa.Column("compare_share", sa.Float(), nullable=False, server_default="0"))
