"""The gate on a tiny random model: real generation, real scoring, and the report they end in."""

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.batching import BatchingEngine
from assistant.knowledge.fake_embedder import HashEmbedder
from retrain.gate import Effort, Subject, examine
from retrain.verdict import Measures
from tests.tiny import save_tiny, save_tiny_adapter

EFFORT = Effort(
    held_out_prompts=3, held_out_pairs=4, neutral_prompts=3, grounded_prompts=2, max_new_tokens=12, grounded_tokens=6
)
QUESTIONS = ["What is a heron?", "Who mends the roof?", "Who mends the roof?", "Where is the key?", "Left out."]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, base: str) -> Path:
    return save_tiny_adapter(tmp_path_factory.mktemp("adapters") / "other", base, seed=1)


def prompt(question: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "You are brief."}, {"role": "user", "content": question}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {
            "prompt": prompt(question),
            "chosen": [{"role": "assistant", "content": f"Short answer {n}."}],
            "rejected": [{"role": "assistant", "content": f"A much longer and vaguer answer, number {n}."}],
        }
        for n, question in enumerate(QUESTIONS)
    ]
    (tmp_path / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def run_gate(
    folder: Path, base: str, *, candidate: Path, active: Path | None, told: list[float], taught: bool = False
) -> dict[str, Any]:
    subject = Subject(
        model=base,
        candidate=candidate,
        active=active,
        system="You are brief.",
        temperature=0.8,
        top_p=0.95,
        seed=7,
        taught=taught,
    )
    engine = BatchingEngine(folder, default_model=base)
    return examine(folder, subject, engine=engine, embedding=HashEmbedder(), on_progress=told.append, effort=EFFORT)


def test_an_adapter_against_itself_writes_the_same_and_gains_nothing(folder: Path, base: str, other: Path) -> None:
    told: list[float] = []
    report = run_gate(folder, base, candidate=other, active=other, told=told)
    assert report["measures"]["active"] == report["measures"]["candidate"]
    failed = [check["name"] for check in report["checks"] if not check["passed"]]
    assert failed == ["preference"]
    assert report["measures"]["held_out"]["margin"] == 0.0
    assert "no better than the one before" in report["verdict"]["sentence"]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_report_shows_both_sides_and_is_what_lies_in_the_folder(folder: Path, base: str, other: Path) -> None:
    report = run_gate(folder, base, candidate=other, active=None, told=[])
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report))
    low, high = report["measures"]["fluency"]
    assert low <= report["measures"]["candidate"]["nll"] / report["measures"]["active"]["nll"] <= high
    assert next(iter(report)) == "verdict"
    measures = report["measures"]
    assert measures["active"]["nll"] != measures["candidate"]["nll"]
    assert measures["active"]["replies"] == 6
    assert measures["held_out"]["pairs"] == 4
    shown = report["examples"]
    assert [example["prompt"] for example in shown["held_out"]] == [
        "What is a heron?",
        "Who mends the roof?",
        "Where is the key?",
    ]
    assert shown["held_out"][0]["chosen"] == "Short answer 0."
    assert all(example["before"] != example["after"] for example in shown["neutral"])
    assert len(shown["grounded"]) == 2
    assert report["method"]["against"] is None
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_taught_answer_is_held_against_what_the_active_adapter_writes(folder: Path, base: str, other: Path) -> None:
    rows = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    for row in rows:
        del row["rejected"]
    write_rows(folder, rows)
    first = run_gate(folder, base, candidate=other, active=None, told=[], taught=True)
    shown = first["examples"]["held_out"]
    assert shown[0]["taught"] == "Short answer 0." and "chosen" not in shown[0]
    assert first["checks"][-1]["name"] == "teaching" and first["measures"]["held_out"]["pairs"] == 4

    rows[0]["chosen"][0]["content"] = shown[0]["before"]  # taught is what it already writes
    write_rows(folder, rows)
    told: list[float] = []
    second = run_gate(folder, base, candidate=other, active=None, told=told, taught=True)
    assert second["measures"]["held_out"]["pairs"] == 3
    assert told[-1] == 1.0


def test_how_it_writes_is_told_by_plain_chat_alone_where_answers_were_taught(
    folder: Path, base: str, other: Path
) -> None:
    pairs = run_gate(folder, base, candidate=other, active=None, told=[])["measures"]["candidate"]
    taught = run_gate(folder, base, candidate=other, active=None, told=[], taught=True)["measures"]["candidate"]
    for name in ("nll", "entropy", "distinct_2"):
        assert pairs[name] != taught[name]
    assert taught["replies"] == pairs["replies"]  # the same is asked; only less of it tells how it writes


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_what_people_like_is_learned_from_the_runs_ratings_and_told_of_what_both_wrote(
    folder: Path, base: str, other: Path
) -> None:
    rows = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    rated = [{**row, "prompt": prompt(f"Another question {n}?")} for n, row in enumerate(4 * rows)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rated), encoding="utf-8")
    told: list[float] = []
    report = run_gate(folder, base, candidate=other, active=None, told=told)
    found, check = report["measures"]["liking"], {check["name"]: check for check in report["checks"]}["liking"]
    assert (found["tested"], found["right"], found["prompts"]) == (25, 25, 6)
    assert found["low"] <= found["gain"] <= found["high"]
    assert check["figure"] == found["low"] and "right about 25 of 25 preferences" in check["sentence"]
    assert Measures.of(json.loads((folder / "report.json").read_text())["measures"]).liking is not None
