"""Runs the revisions in `versions/` on the connection that `assistant.database` hands over; its caller owns the transaction.

Logging is the caller's too. A new revision is written by hand: `tests/test_database.py` says what the tables still lack.
"""

from alembic import context
from sqlmodel import SQLModel

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
