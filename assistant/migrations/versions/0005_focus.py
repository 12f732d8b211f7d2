"""What an assistant answers from: passages or sentences, and a least match that may be left to the program."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("assistant") as table:
        table.add_column(sa.Column("focus", sa.String(16), nullable=False, server_default="auto"))
        table.alter_column("min_score", existing_type=sa.Float(), nullable=True)
