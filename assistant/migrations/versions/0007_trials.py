"""An adapter on trial, which answers a share of an assistant's conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("assistant") as table:
        table.add_column(sa.Column("trial_adapter", sa.String()))
        table.add_column(sa.Column("trial_share", sa.Float(), nullable=False, server_default="0"))
