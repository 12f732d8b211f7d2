"""Runs the revisions in `versions/` on the connection that `assistant.database` hands over.

The transaction and the logging are the caller's. New revisions are written by hand: `tests/test_database.py` fails, and
says what differs, as long as they do not give what the tables in code say.
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
