"""Opens the database and hands out sessions; every package stores its rows through one `Database`.

Reads and writes are told apart: a write session takes SQLite's write lock at its start (`BEGIN IMMEDIATE`), so that two
writers queue instead of failing half-way, and what it commits is on disk (`synchronous=FULL`) before the call returns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Enum, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, SQLModel

from assistant.errors import BadInput, Conflict, ThumbloopError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 15_000
TROUBLES = {
    "unable to open database file": "cannot be opened. Check that its folder exists and may be written to.",
    "readonly database": "may not be written to. Check who owns the file and its folder.",
    "file is not a database": "is damaged or no database. Put a backup in its place, or move it away to start anew.",
    "disk image is malformed": "is damaged. Put a backup in its place, or move it away to start anew.",
    "disk is full": "has no room left on its disk. Free some space and try again; nothing is half-stored.",
    "disk I/O error": "cannot be read or written. Check the disk; SQLite needs a local one, not a network folder.",
    "database is locked": "is being written to by another process for too long. Try again, or stop the other process.",
}
"""What SQLite says of trouble that a person can remedy, and what is said to them after the file's name."""

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """The time, aware and in UTC, as every `datetime` column expects it."""
    return datetime.now(UTC)


def state_type(states: type[StrEnum]) -> Enum:
    """The column type of an enum: its name as plain text, so that a new state needs no migration of a database type."""
    return Enum(states, native_enum=False, length=16)


def new_id() -> str:
    """A fresh opaque id: 32 hexadecimal characters."""
    return uuid4().hex


class Database:
    """One database and its sessions. Thread-safe; two processes may open the same file."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading one consistent state; what it changes is thrown away."""
        with self._explained(), Session(self.engine, expire_on_commit=False) as session:
            yield session  # closing takes changes back and, unlike `rollback()`, leaves the rows that were read usable

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are committed, and on disk, when the block ends; an exception takes them back."""
        engine = self.engine.execution_options(writes=True)
        with self._explained(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`; a new file gets all of it, an older one what it lacks.

        All or nothing. Raises `Conflict` for a schema that this version does not know.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._explained(), self.engine.execution_options(writes=True).connect() as connection:
            with _unchecked_foreign_keys(connection), connection.begin():
                _refuse_unknown_schema(connection, ScriptDirectory.from_config(config))
                config.attributes["connection"] = connection
                command.upgrade(config, revision)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as exc:
            for said, meaning in TROUBLES.items():
                if said in str(exc.orig):
                    raise ThumbloopError(f"The database {self.engine.url.database} {meaning}") from exc
            raise


def open_database(url: str) -> Database:
    """Open the database at an SQLAlchemy `url` without touching its schema.

    The url is `sqlite:///file` or `postgresql+psycopg://...`. Raises `BadInput` for one that cannot be used.
    """
    options = {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000} if url.startswith("sqlite") else {}
    try:
        engine = create_engine(url, connect_args=options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as exc:
        raise BadInput(
            f"The database address cannot be used ({exc}). Give one like sqlite:///data/thumbloop.db, or "
            "postgresql+psycopg://user:password@host/name with the package psycopg installed."
        ) from exc
    if engine.dialect.name != "sqlite":
        return Database(engine)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own: `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII only


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


@contextmanager
def _unchecked_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite alters a table by making it anew; dropping the old one would delete, by cascade, what points to it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")  # has no effect within a transaction, so it comes before it
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _refuse_unknown_schema(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    for found in MigrationContext.configure(connection).get_current_heads():
        if found not in known:
            raise Conflict(
                f"The database {connection.engine.url.database} was made by a newer Thumbloop (schema {found}). "
                "Update Thumbloop, or choose another folder; nothing was changed."
            )


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
