import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import SQLModel, select

import assistant.tables
import feedback.tables
import retrain.tables
import ui.tables
from assistant import database as database_module
from assistant import records
from assistant.database import MIGRATIONS, Database, open_database
from assistant.errors import BadInput, Conflict, ThumbloopError
from assistant.tables import Assistant, Focus, Message
from tests.builders import add_assistant, add_turn, new_database

REVISIONS = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))

ROOT = Path(__file__).parent.parent
OLD_TURN = (
    "INSERT INTO conversation VALUES ('c', '{gardener}', 'ann', 'Pruning', '2026-01-01', '2026-01-01')",
    "INSERT INTO message VALUES ('q', 'c', NULL, 'user', 'When do I prune?', '2026-01-01 10:00:00')",
    "INSERT INTO message VALUES ('r', 'c', 'q', 'assistant', 'In winter.', '2026-01-01 10:00:01')",
    "INSERT INTO reply VALUES ('r', 'done', 'default', NULL, '[]', '[{{\"text\": \"Prune in winter.\"}}]', "
    "0, 1, 64, 0, 0, 0, NULL, NULL, '')",
)
"""A question and its answer, as the first revision stored them."""
TABLES = (assistant.tables, feedback.tables, retrain.tables, ui.tables)


def slugs(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.exec(select(Assistant.slug)))


def test_a_connection_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with database.read() as session:
        pragmas = {name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar() for name in (
            "journal_mode", "foreign_keys", "synchronous", "busy_timeout"
        )}  # fmt: skip
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 15_000}


def test_an_exception_takes_the_whole_block_back(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with pytest.raises(RuntimeError), database.write() as session:
        add_assistant(session, slug="lost")
        raise RuntimeError("killed half-way")
    with database.write() as session:
        add_assistant(session, slug="kept")
    assert slugs(database) == ["kept"]


def test_what_a_read_session_changes_is_thrown_away(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with database.read() as session:
        add_assistant(session)
    assert slugs(database) == []


def test_threads_that_read_and_then_write_queue_up(tmp_path: Path) -> None:
    """Eight threads raise one number ten times each; without the lock from the start, some would fail or lose one."""
    database = new_database(tmp_path)
    with database.write() as session:
        assistant_id = add_assistant(session, passages=0).id
    start = Barrier(8)

    def raise_it(_: int) -> None:
        start.wait(timeout=10)
        for _ in range(10):
            with database.write() as session:
                session.get_one(Assistant, assistant_id).passages += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(raise_it, range(8)))
    with database.read() as session:
        assert session.get_one(Assistant, assistant_id).passages == 80


WRITER = """
import sys
from assistant.database import open_database
from assistant.tables import Assistant
database = open_database(sys.argv[1])
database.migrate()
for n in range(int(sys.argv[3])):
    with database.write() as session:
        session.add(Assistant(slug=f"{sys.argv[2]}{n}", name="Rose", system_prompt="You garden."))
    print("stored", flush=True)
sys.stdin.read()
"""


def start_writer(url: str, name: str, rows: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(rows)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_make_one_file_and_write_to_it_queue_up_and_lose_nothing_to_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'thumbloop.db'}"
    writers = [start_writer(url, name, 5) for name in ("a", "b")]
    for writer in writers:
        assert writer.stdout is not None
        stored = [writer.stdout.readline() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        _, stderr = writer.communicate(timeout=10)
        assert stored == ["stored\n"] * 5, stderr
    assert slugs(open_database(url)) == [f"{name}{n}" for name in "ab" for n in range(5)]


def test_the_migrations_give_the_tables_in_code(tmp_path: Path) -> None:
    assert {table for module in TABLES for table in dir(module)} >= {"Assistant", "Rating", "Run", "Account"}
    with new_database(tmp_path).engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_comparison_would_see_a_missing_column(tmp_path: Path) -> None:
    with new_database(tmp_path).engine.connect() as connection:
        connection.execute(text("ALTER TABLE rating DROP COLUMN comment"))
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [difference[0] for difference in compare_metadata(context, SQLModel.metadata)] == ["add_column"]


def test_an_older_file_is_upgraded_with_its_rows(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'thumbloop.db'}")
    database.migrate("0001")
    gardener = Assistant(slug="gardener", name="Rose", system_prompt="You garden.", min_score=0.5)
    with database.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO assistant (id, slug, name, system_prompt, greeting, example_questions, model, passages, "
            "min_score, context_tokens, max_new_tokens, temperature, top_p, created_at) "
            "VALUES (?, 'gardener', 'Rose', 'You garden.', '', '[]', 'default', 3, 0.5, 1536, 256, 0, 1, '2026-01-01')",
            (gardener.id,),
        )
        for statement in OLD_TURN:
            session.connection().exec_driver_sql(statement.format(gardener=gardener.id))
    with pytest.raises(Exception, match="no such table: rating"), database.read() as session:
        session.connection().exec_driver_sql("SELECT * FROM rating")

    database.migrate()
    database.migrate()

    with database.read() as session:
        assert [message.text for message in records.thread(session, "c")] == ["When do I prune?", "In winter."]
        assert session.get_one(assistant.tables.Reply, "r").sources[0]["text"] == "Prune in winter."
        assert session.exec(select(feedback.tables.Rating)).all() == []
        kept = session.get_one(Assistant, gardener.id)
        assert (kept.focus, kept.min_score, kept.passages) == (Focus.auto, 0.5, 3)


def test_a_revision_that_makes_a_table_anew_keeps_what_points_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database(tmp_path)
    with database.write() as session:
        reply = add_turn(session, add_assistant(session), "When do I prune?", "In winter.")
    scripts = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, scripts)
    (scripts / "versions" / "0099.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '0099'\ndown_revision = '{REVISIONS[-1]}'\n"
        "def upgrade():\n    with op.batch_alter_table('assistant', recreate='always') as table:\n"
        "        table.add_column(sa.Column('colour', sa.String()))\n"
    )
    monkeypatch.setattr(database_module, "MIGRATIONS", scripts)
    database.migrate()
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT colour FROM assistant").all() == [(None,)]
        assert session.get_one(Message, reply.id).text == "In winter."
        assert session.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = new_database(tmp_path)
    scripts = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, scripts)
    (scripts / "versions" / "0099.py").write_text(
        f"from alembic import op\nrevision = '0099'\ndown_revision = '{REVISIONS[-1]}'\n"
        "def upgrade():\n    op.drop_table('rating')\n    raise RuntimeError('power cut')\n"
    )
    monkeypatch.setattr(database_module, "MIGRATIONS", scripts)
    with pytest.raises(RuntimeError, match="power cut"):
        database.migrate()
    with database.read() as session:
        assert session.exec(select(feedback.tables.Rating)).all() == []
        assert session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == REVISIONS[-1]


def test_the_migrations_are_valid_for_postgresql() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written, "transactional_ddl": True}
    )
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    with Operations.context(context):
        for script in scripts:
            script.module.upgrade()
    sql = " ".join(written.getvalue().split())
    assert [script.revision for script in scripts] == REVISIONS
    assert "CREATE TABLE rating ( id SERIAL NOT NULL" in sql
    assert (
        "CREATE UNIQUE INDEX uq_run_active ON run (assistant_id) WHERE state IN ('queued', 'training', 'evaluating')"
        in sql
    )


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with database.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0777'")
    with pytest.raises(Conflict, match=r"made by a newer Thumbloop \(schema 0777\)"):
        database.migrate()
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0777"


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "thumbloop.db"
    path.write_text("A shopping list: seeds, twine, a new spade. " * 100)
    with pytest.raises(ThumbloopError, match=r"thumbloop.db is damaged or no database\. Put a backup"):
        open_database(f"sqlite:///{path}").migrate()
    assert path.read_text().startswith("A shopping list")


def test_a_database_damaged_in_the_middle_is_told_in_a_sentence(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    database.close()
    path = tmp_path / "thumbloop.db"
    data = path.read_bytes()
    path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    with pytest.raises(ThumbloopError, match="is damaged"), open_database(f"sqlite:///{path}").write() as session:
        add_assistant(session)


def test_a_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ThumbloopError, match=r"cannot be opened\. Check that its folder exists"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'thumbloop.db'}").migrate()


def test_a_file_that_may_only_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    new_database(tmp_path).close()
    database = open_database(f"sqlite:///file:{tmp_path / 'thumbloop.db'}?mode=ro&uri=true")
    with pytest.raises(ThumbloopError, match="may not be written to"), database.write() as session:
        add_assistant(session)


def test_a_database_that_another_process_keeps_locked_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 1)
    database = new_database(tmp_path)
    other = sqlite3.connect(tmp_path / "thumbloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ThumbloopError, match="being written to by another process"), database.write() as session:
        add_assistant(session)
    other.close()


@pytest.mark.parametrize("url", ["nonsense", "no-such-thing://here", "sqlite:/thumbloop.db", ""])
def test_an_address_that_cannot_be_used_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(BadInput, match="database address cannot be used"):
        open_database(url)


def test_states_are_stored_as_plain_text(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with database.write() as session:
        add_turn(session, add_assistant(session), "When do I prune?", "In winter.")
    with database.read() as session:
        roles = session.connection().exec_driver_sql("SELECT role FROM message ORDER BY role").all()
        stored = session.connection().exec_driver_sql("SELECT example_questions FROM assistant").scalar()
    assert roles == [("assistant",), ("user",)]
    assert json.loads(str(stored)) == []
