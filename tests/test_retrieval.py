"""The retrieval benchmark on a small folder: what it counts, where spans land, and what it refuses."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from assistant.errors import BadInput
from assistant.knowledge.documents import parse
from assistant.knowledge.fake_embedder import HashEmbedder
from bench.retrieval import Place, Question, measure, read_questions, score

MILL = "\ufeff# Mill\r\n\r\nThe cafe\u0301 is closed.\r\n\r\nThe mill grinds rye on Tuesdays.\r\n"


def write(folder: Path, *rows: object) -> Path:
    (folder / "mill.md").write_bytes(MILL.encode())
    (folder / "ferry.txt").write_text("The ferry leaves at seven.", encoding="utf-8")
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return folder


def row(text: str = "The mill grinds rye on Tuesdays.") -> dict[str, object]:
    start = MILL.replace("\r\n", "\n").index(text)
    passages = [{"text": text, "start": start, "end": start + len(text)}]
    return {
        "document": "mill.md",
        "question": "When does the mill grind rye?",
        "passages": passages,
        "answer": "Tuesdays",
    }


def test_spans_move_to_where_the_passage_is_in_the_parsed_text(tmp_path: Path) -> None:
    [question] = read_questions(write(tmp_path, row()))
    text = parse("mill.md", MILL.encode()).text

    assert [text[slice(*span)] for span in question.spans] == ["The mill grinds rye on Tuesdays."]


def test_recall_and_iou_count_the_characters_within_the_budget() -> None:
    question = Question("a.md", "?", ((10, 20), (15, 30)))
    ranking = [Place("a.md", (0, 20), 600), Place("b.md", (0, 20), 300), Place("a.md", (20, 30), 101)]

    assert score(question, ranking) == (10 / 20, 10 / 50)
    assert score(question, []) == (0, 0)


def test_all_four_ways_find_the_passage(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "temporary"
    data.mkdir()
    home.mkdir()
    questions = read_questions(write(data, row()))
    lines = measure(data, questions, home=home, embedder=HashEmbedder(), console=Console(quiet=True))

    assert [line.split()[:3] for line in lines] == [
        ["dense", "recall", "1.000"],
        ["bm25", "recall", "1.000"],
        ["fusion", "recall", "1.000"],
        ["default", "recall", "1.000"],
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"document": "gone.md", "question": "?", "passages": []}, "gone.md"),
        ({"document": "mill.md", "question": "?", "passages": []}, "it names no passage"),
        ({"document": "mill.md", "question": "?"}, "passages"),
        ({"document": "mill.md", "question": "?", "passages": [{"text": "x", "start": 0, "end": 1}]}, "0 to 1"),
        ("no object", "Line 2"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, bad: object, reason: str) -> None:
    with pytest.raises(BadInput, match="Line 2 of") as caught:
        read_questions(write(tmp_path, row(), bad))
    assert reason in str(caught.value)


def test_a_folder_without_questions_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no questions\.jsonl"):
        read_questions(tmp_path)
    with pytest.raises(BadInput, match="is empty"):
        read_questions(write(tmp_path))
