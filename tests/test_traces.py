"""What training keeps of people's words: who learned from which rows, and that deleted ones leave the runs' files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.database import Database
from assistant.tables import Assistant, Message
from feedback import people
from feedback.ratings import correct, forget, rate
from retrain.dataset import freeze, read
from retrain.gate import read_pairs
from retrain.registry import ROWS
from retrain.tables import Adapter, AdapterState, Run, RunState
from retrain.traces import Learned, Learner, Pulls, erase, learned_from, pulls
from tests.builders import add_assistant, add_turn
from tests.test_dataset import pair, pair_set


@pytest.fixture
def answers(database: Database) -> tuple[Assistant, Message, Message]:
    """An answer to ann with her thumb (`rating:1`) and correction, and one to bob with his (`rating:2`)."""
    with database.write() as session:
        assistant = add_assistant(session, name="Gardener")
        hers = add_turn(session, assistant, "Hers?", "Yes.", owner="ann")
        his = add_turn(session, assistant, "His?", "No.", owner="bob")
        rate(session, hers.id, rater="ann", value="up")
        rate(session, his.id, rater="bob", value="down")
        correct(session, hers.id, rater="ann", text="By all means.")
    return assistant, hers, his


Answers = tuple[Assistant, Message, Message]


def add_run(
    database: Database, assistant: Assistant, folder: Path, *, state: RunState = RunState.done, name: str = "run"
) -> Run:
    """A run of ann's correction, bob's thumb, both thumbs, and a line of a file; its report shows two of them."""
    lines = [
        line(f"{name} of ann", "correction:1"),
        line(f"{name} of bob", "rating:2"),
        line("of a file", "example:a:1"),
    ]
    held_out = [line("of both", "rating:1", "rating:2"), line("of bob alone", "rating:2")]
    shown = [{"prompt": "?", "before": "b", "after": "a", "chosen": each, "rejected": "bad"} for each in
             ("good of both", "good of bob alone")]  # fmt: skip
    report = {"verdict": {"passed": True}, "examples": {"held_out": shown, "neutral": [{"prompt": "Hello?"}]}}
    with database.write() as session:
        run = Run(assistant_id=assistant.id, asked_by="admin", state=state, report=report)
        session.add(run)
    to = folder / run.id
    to.mkdir(parents=True)
    (to / "train.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    (to / "held_out.jsonl").write_text("".join(json.dumps(each) + "\n" for each in held_out))
    (to / "report.json").write_text(json.dumps(report))
    return run


def line(name: str, *rows: str) -> dict[str, Any]:
    said = {"chosen": f"good {name}", "rejected": f"bad {name}"}
    return {part: [{"role": "assistant", "content": text}] for part, text in said.items()} | {"rows": list(rows)}


def add_adapter(
    database: Database, assistant: Assistant, folder: Path, version: int, rows: list[str], *, parent: str | None = None
) -> str:
    name = f"{assistant.slug}-v{version}"
    (folder / name).mkdir(parents=True)
    (folder / name / ROWS).write_text(json.dumps(rows))
    with database.write() as session:
        session.add(
            Adapter(
                id=name, assistant_id=assistant.id, version=version, parent=parent, model="default", sha256="0",
                state=AdapterState.archived,
            )
        )  # fmt: skip
    return name


def names(folder: Path, file: str = "train.jsonl") -> list[str]:
    return [each["chosen"][0]["content"] for each in read(folder / file)]


def test_deleted_words_leave_the_files_and_the_report_of_a_run_that_is_over(
    database: Database, answers: Answers, tmp_path: Path
) -> None:
    assistant, *_ = answers
    run = add_run(database, assistant, tmp_path)
    assert erase(database, tmp_path) == 0 and len(names(tmp_path / run.id)) == 3
    with database.write() as session:
        forget(session, "ann")
    assert erase(database, tmp_path) == 2
    folder = tmp_path / run.id
    assert names(folder) == ["good run of bob", "good of a file"]
    assert names(folder, "held_out.jsonl") == ["good of bob alone"]
    with database.read() as session:
        kept = session.get_one(Run, run.id).report
    assert kept == json.loads((folder / "report.json").read_text())
    assert [each["chosen"] for each in kept["examples"]["held_out"]] == ["good of bob alone"]
    assert kept["verdict"] == {"passed": True} and kept["examples"]["neutral"] == [{"prompt": "Hello?"}]
    assert erase(database, tmp_path) == 0


def test_masked_words_leave_the_report_too(database: Database, answers: Answers, tmp_path: Path) -> None:
    assistant, *_ = answers
    pairs = [pair(n, question=f"{n}? Ask me@home.de") for n in range(10)]
    pairs = [replace(each, rows=("correction:1",), chosen="Write to me@home.de", rejected="Call 0171 1234567")
             for each in pairs]  # fmt: skip
    with database.write() as session:
        run = Run(assistant_id=assistant.id, asked_by="admin", state=RunState.done)
        session.add(run)
    folder = tmp_path / run.id
    folder.mkdir()
    freeze(pair_set(pairs), folder, method="dpo", seed=1)
    shown = [
        {"prompt": "?", "before": "b", "after": "a", "chosen": each.chosen, "rejected": each.rejected}
        for each in read_pairs(folder)
    ]
    assert "home.de" not in json.dumps(shown) and "1234567" not in json.dumps(shown)
    report = {"examples": {"held_out": shown}}
    (folder / "report.json").write_text(json.dumps(report))
    with database.write() as session:
        session.get_one(Run, run.id).report = report
        forget(session, "ann")
    assert erase(database, tmp_path) == 10
    assert json.loads((folder / "report.json").read_text()) == {"examples": {"held_out": []}}


def test_a_run_that_is_going_keeps_its_files_until_it_is_over(
    database: Database, answers: Answers, tmp_path: Path
) -> None:
    assistant, *_ = answers
    run = add_run(database, assistant, tmp_path, state=RunState.training)
    with database.write() as session:
        people.forget_everything(session, "ann")
    assert erase(database, tmp_path) == 0
    with database.write() as session:
        session.get_one(Run, run.id).state = RunState.cancelled
    assert erase(database, tmp_path) == 2


def test_what_is_taken_back_stays_in_the_runs_that_used_it(
    database: Database, answers: Answers, tmp_path: Path
) -> None:
    assistant, hers, _ = answers
    add_run(database, assistant, tmp_path)
    with database.write() as session:
        rate(session, hers.id, rater="ann", value="none")
        correct(session, hers.id, rater="ann", text="")
    assert erase(database, tmp_path) == 0


def test_a_run_whose_folder_is_gone_is_no_trouble(database: Database, answers: Answers, tmp_path: Path) -> None:
    with database.write() as session:
        session.add(Run(assistant_id=answers[0].id, asked_by="admin", state=RunState.failed))
    assert erase(database, tmp_path / "runs") == 0


def test_adapters_and_those_trained_on_from_them_are_named(
    database: Database, answers: Answers, tmp_path: Path
) -> None:
    assistant, *_ = answers
    add_adapter(database, assistant, tmp_path, 0, [])
    first = add_adapter(database, assistant, tmp_path, 1, ["rating:1"], parent="default-v0")
    second = add_adapter(database, assistant, tmp_path, 2, ["rating:2"], parent=first)
    add_adapter(database, assistant, tmp_path, 3, ["rating:2"], parent="default-v0")

    def learned(*rows: str) -> Learned:
        with database.read() as session:
            return learned_from(session, frozenset(rows), adapters_dir=tmp_path, runs_dir=tmp_path / "runs")

    assert learned("rating:1", "rating:7").adapters == (
        Learner(first, "Gardener", AdapterState.archived),
        Learner(second, "Gardener", AdapterState.archived),
    )
    assert [each.adapter for each in learned("rating:2").adapters] == [second, "default-v3"]
    assert learned("rating:7") == learned() == Learned()


def test_a_run_that_learns_now_is_counted(database: Database, answers: Answers, tmp_path: Path) -> None:
    add_run(database, answers[0], tmp_path, state=RunState.training)
    add_run(database, answers[0], tmp_path, name="other")

    def going(*rows: str) -> int:
        with database.read() as session:
            return learned_from(session, frozenset(rows), adapters_dir=tmp_path, runs_dir=tmp_path).runs

    assert (going("correction:1"), going("correction:9")) == (1, 0)


def weighed(folder: Path, *lines: tuple[float, list[str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "influence.jsonl").write_text(
        "".join(json.dumps({"rows": rows, "pull": pull}) + "\n" for pull, rows in lines)
    )
    return folder


def test_a_rating_behind_several_lines_pulled_as_they_did_on_average(tmp_path: Path) -> None:
    run = weighed(tmp_path / "run", (0.5, ["rating:1", "rating:2"]), (-0.1, ["rating:1"]), (-0.4, ["correction:1"]))
    assert pulls(run) == Pulls({"rating:1": pytest.approx(0.2), "rating:2": 0.5, "correction:1": -0.4}, 3)
    assert pulls(tmp_path / "older") == Pulls({}, 0)


def test_where_deleted_feedback_pulled_is_forgotten_with_it(
    database: Database, answers: Answers, tmp_path: Path
) -> None:
    run = add_run(database, answers[0], tmp_path)
    folder = weighed(tmp_path / run.id, (0.5, ["rating:1", "rating:2"]), (-0.4, ["correction:1"]), (0.3, ["rating:2"]))
    with database.write() as session:
        forget(session, "ann")
    erase(database, tmp_path)
    assert pulls(folder) == Pulls({"rating:2": 0.3}, 1)
