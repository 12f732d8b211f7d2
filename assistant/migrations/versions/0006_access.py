"""What stands for an assistant beside its name, and who may use it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("assistant") as table:
        table.add_column(sa.Column("avatar", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("access", sa.String(16), nullable=False, server_default="everyone"))
