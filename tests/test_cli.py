"""The commands, as people type them: what they do to the home folder, and what they say when they cannot."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from errno import EACCES
from pathlib import Path

import pytest
from filelock import FileLock
from sqlmodel import select

from assistant import records
from assistant.database import Database, open_database
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Knowledge, Upload
from assistant.knowledge.fake_embedder import HashEmbedder
from feedback import ratings
from feedback.tables import Rating
from retrain.runs import Runs
from retrain.tables import Adapter
from tests.builders import add_assistant, add_turn
from ui import __version__, cli
from ui.settings import Settings, flag_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a fresh home; gives its exit code and what it said on both outputs."""
    monkeypatch.setattr("ui.services.open_embedder", lambda settings: HashEmbedder())  # noqa: ARG005
    monkeypatch.setattr("ui.services.fetch_models", lambda settings, *, progress: None)  # noqa: ARG005

    monkeypatch.setattr("ui.launch.start_logging", lambda settings: None)  # noqa: ARG005

    def command(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    assert not home.exists()
    return command


@pytest.fixture
def answered(home: Path) -> str:
    """A home with an assistant and one rated reply, by the rater `ann`; the reply's id."""
    home.mkdir()
    database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
    database.migrate()
    with database.write() as session:
        reply = add_turn(session, add_assistant(session), "When do tulips flower?", "In April.").id
        ratings.rate(session, reply, rater="ann", value="up")
    database.close()
    return reply


def test_version_and_help(run: Run) -> None:
    assert run("--version")[1] == f"thumbloop {__version__}\n"
    told = run("--help")[1]
    assert all(
        name in told
        for name in ("serve", "ingest", "retrain", "teach", "adapters", "export", "import", "users", "doctor")
    )


def test_every_setting_is_a_flag_of_serve(run: Run) -> None:
    told = run("serve", "--help")[1]
    fields = [name for name, field in Settings.model_fields.items() if not field.exclude and name != "admin_password"]
    assert [name for name in fields if flag_of(name) not in told] == []


def test_users_come_and_go_with_what_they_said(run: Run, home: Path, answered: str) -> None:
    assert run("users", "add", "eve", "--admin", typed="lilies in june\n")[:2] == (0, "Added eve (admin).\n")
    assert run("users", "add", "bob", typed="roses in may\n")[0] == 0
    assert "bob  member" in run("users", "list")[1]
    database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
    with database.write() as session:
        bob = session.connection().exec_driver_sql("SELECT id FROM account WHERE name = 'bob'").scalar_one()
        ratings.rate(session, answered, rater=bob, value="down", any_owner=True)
        theirs = add_turn(session, records.assistant_by_slug(session, "default"), "Mine?", "Yes.", owner=bob).id
    assert run("users", "passwd", "bob", typed="tulips in march\n")[0] == 0
    learner = home / "adapters" / "default-v1"
    learner.mkdir(parents=True)
    (learner / "rows.json").write_text('["rating:2"]')
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        session.add(Adapter(id="default-v1", assistant_id=asked.id, version=1, model="default", sha256="0"))
    code, said, _ = run("users", "remove", "bob", "--yes")
    assert code == 0 and said.startswith("Removed bob. Version v1 of") and "trains one anew from what" in said
    with database.read() as session:
        assert session.exec(select(Rating.rater)).all() == ["ann"]
        assert session.connection().exec_driver_sql(f"SELECT count(*) FROM message WHERE id = '{theirs}'").scalar() == 0
    database.close()


def test_a_mistake_is_one_sentence_and_exit_code_1(run: Run, tmp_path: Path) -> None:
    mistakes = {
        ("users", "remove", "nobody", "--yes"): "There is no account 'nobody'.",
        ("users", "passwd", "nobody"): "A password needs",
        ("ingest",): "There is nothing to do.",
        ("ingest", str(tmp_path / "gone.md")): "There is no file",
        ("ingest", __file__, "--assistant", "gone"): "There is no assistant called 'gone'.",
        ("export",): "There is no assistant called 'default'.",
        ("import", str(tmp_path / "gone.jsonl")): "cannot be read",
    }
    for words, sentence in mistakes.items():
        code, _, said = run(*words)
        assert code == 1 and sentence in said and "Traceback" not in said, words


def test_a_typo_in_a_variable_stops_every_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THUMBLOOP_PROT", "80")
    assert run("users", "list")[::2] == (
        1,
        "There is no setting THUMBLOOP_PROT. Did you mean THUMBLOOP_PORT? Correct it, or unset it.\n",
    )


def test_ingest_reads_folders_and_tells_what_it_could_not(run: Run, answered: str, tmp_path: Path) -> None:
    del answered
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "bees.md").write_text("# Bees\n\nA hive holds fifty thousand bees.\n")
    (folder / "broken.pdf").write_bytes(b"no")
    code, said, _ = run("ingest", str(folder))
    assert code == 1 and "bees.md: added, 1 passages" in said and "broken.pdf" in said
    (folder / "broken.pdf").unlink()
    assert "bees.md: unchanged" in run("ingest", str(folder))[1]
    assert run("ingest", "--rebuild")[0] == 0


def test_a_file_that_may_not_be_read_is_named_and_the_others_go_in(
    run: Run, answered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del answered
    names = [tmp_path / "locked.md", tmp_path / "open.md"]
    for path in names:
        path.write_text(f"# {path.stem}\n\nSome words about hives.\n")
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "locked.md":
            raise PermissionError(EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    code, said, _ = run("ingest", *map(str, names))
    said = " ".join(said.split())
    assert code == 1 and "could not be read: Permission denied" in said and "open.md: added" in said


def test_feedback_goes_out_and_comes_in(run: Run, answered: str, tmp_path: Path) -> None:
    del answered
    told = run("export", "--format", "unpaired")[1]
    assert json.loads(told)["completion"][0]["content"] == "In April."
    path = tmp_path / "pairs.jsonl"
    turn = [{"role": "user", "content": "How are roses cut?"}]
    better, worse = [{"role": "assistant", "content": "At an angle."}], [{"role": "assistant", "content": "No."}]
    path.write_text(json.dumps({"prompt": turn, "chosen": better, "rejected": worse}) + "\nnot json\n")
    code, said, problems = run("import", str(path))
    assert (code, said) == (1, "1 added, 0 there already, 1 not used\n") and problems.startswith("Line 2:")
    assert run("export", "-o", str(tmp_path / "out.jsonl"))[0] == 0
    assert "At an angle." in (tmp_path / "out.jsonl").read_text()


def test_adapters_are_listed_and_refusals_said(run: Run, answered: str) -> None:
    del answered
    assert run("adapters", "list")[1] == "default has no adapters yet: the base model serves.\n"
    assert "There is no adapter 'default-v1'" in run("adapters", "promote", "default-v1")[2]
    assert "nothing to roll back to" in run("adapters", "rollback")[2]


def test_retrain_says_what_is_missing_and_leaves_no_lock(run: Run, home: Path, answered: str) -> None:
    del answered
    code, _, said = run("retrain")
    assert code == 1 and "too little feedback" in said
    with FileLock(home / "app.lock", timeout=0):
        pass


def examples(path: Path, *, count: int = 8, **parts: object) -> Path:
    lines = [{"question": f"What is {n}?", "answer": f"It is {n}.", **parts} for n in range(count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def finish(folder: Path) -> "subprocess.Popen[bytes]":
    """A child that is done at once, in place of training."""
    write = "import json, pathlib, sys; folder = pathlib.Path(sys.argv[1]); out = json.dumps"
    write += "; (folder / 'report.json').write_text(out({'verdict': {'passed': True}}))"
    write += "; (folder / 'result.json').write_text(out({'state': 'done', 'error': ''}))"
    return subprocess.Popen([sys.executable, "-c", write, str(folder)], stdin=subprocess.PIPE)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs whose children are scripts, and an engine without a model."""
    monkeypatch.setattr("ui.services.open_engine", lambda settings: FakeEngine())  # noqa: ARG005

    def opened(settings: Settings, database: Database, registry: object) -> Runs:
        assert registry
        return Runs(
            database,
            runs_dir=settings.runs_dir,
            adapters_dir=tmp_path,
            resolve=str,
            on_done=lambda *_: "default-v1",
            spawn=finish,
        )

    monkeypatch.setattr("ui.services.open_runs", opened)


@pytest.mark.usefixtures("scripted")
def test_teach_composes_examples_and_waits_for_the_adapter(run: Run, home: Path, answered: str, tmp_path: Path) -> None:
    del answered
    files = [examples(tmp_path / "a.jsonl"), examples(tmp_path / "b.jsonl", sources=[{"title": "T", "text": "Words."}])]
    code, said, problem = run("teach", *files, "--variant", "rslora")
    assert (code, problem) == (0, "") and "Its adapter is default-v1." in " ".join(said.split())
    (folder,) = (home / "runs").iterdir()
    config = json.loads((folder / "config.json").read_text())
    assert (config["method"], config["recipes"]["sft"]["variant"]) == ("sft", "rslora")
    assert "16 examples" in config["why"]


@pytest.mark.usefixtures("scripted")
def test_teach_says_what_is_wrong_and_starts_nothing(run: Run, home: Path, answered: str, tmp_path: Path) -> None:
    del answered
    (tmp_path / "bad.jsonl").write_text('{"question": "Who?"}\n')
    mistakes: dict[tuple[object, ...], str] = {
        ("teach", tmp_path / "bad.jsonl"): "Line 1 of bad.jsonl cannot be used: it has no 'answer'",
        ("teach", tmp_path / "gone.jsonl"): "gone.jsonl cannot be read: No such file",
        ("teach", examples(tmp_path / "few.jsonl", count=7)): "7 of 8 examples",
        ("teach",): "1 of 8 corrections and approved answers",
        ("teach", examples(tmp_path / "ok.jsonl"), "--then-dpo"): "0 of 8 preference pairs",
    }
    for words, sentence in mistakes.items():
        code, _, said = run(*words)
        assert code == 1 and sentence in said and "Traceback" not in said, words
    assert not list((home / "runs").iterdir())


@pytest.mark.usefixtures("scripted")
def test_teach_sends_to_the_page_where_the_app_has_the_documents(
    run: Run, home: Path, answered: str, tmp_path: Path
) -> None:
    del answered
    database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default").id
    with closing(Knowledge(database, index_dir=home / "index", embedder=HashEmbedder())) as owner:
        owner.ingest(asked, [Upload(name="bees.md", data=b"# Bees\n\nA hive holds fifty thousand bees.\n")])
        code, _, said = run("teach", examples(tmp_path / "a.jsonl"))
        assert code == 1 and "Teach them on its Retrain page" in said
        assert run("teach", examples(tmp_path / "b.jsonl", sources=[]))[0] == 0
    database.close()


def test_serve_says_who_has_the_home(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "app.pid").write_text("4711")
    with FileLock(home / "app.lock"):
        code, _, said = run("serve", "--port", "47110")
    assert code == 1 and "already runs" in said and "process 4711" in said


def test_serve_says_that_a_port_is_taken(run: Run) -> None:
    from socket import socket

    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, said = run("serve", "--port", str(taken.getsockname()[1]))
    assert code == 1 and "cannot be opened" in said and "THUMBLOOP_PORT" in said
