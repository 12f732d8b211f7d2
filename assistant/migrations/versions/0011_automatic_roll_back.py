"""Why a version went, and whether it may go by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    with op.batch_alter_table("promotion") as table:
        table.alter_column("kind", existing_type=sa.String(), type_=sa.String(16), existing_nullable=False)
        table.add_column(sa.Column("why", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("schedule") as table:
        table.add_column(sa.Column("roll_back", sa.Boolean(), nullable=False, server_default=sa.true()))
