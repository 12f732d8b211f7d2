"""What simulated people ask: everyday questions, and questions about the documents of six invented firms.

What is held out is never asked while feedback is given.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

EVERYDAY = Path(__file__).parents[1] / "prompts.txt"
HELD_OUT, REWORDINGS = (Path(__file__).with_name(name) for name in ("held_out.txt", "rewordings.txt"))
DOCUMENTS = Path(__file__).with_name("documents")
TRAIN_OF_DOCUMENT = 7
"""Of the questions about a document that it answers, and of those that it does not; the rest is held out."""


@dataclass(frozen=True)
class Questions:
    """What is asked while feedback is given, and what is asked to measure."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class DocumentQuestion:
    """A question about a firm; without an answer where no document has one."""

    firm: str
    question: str
    answer: str
    held_out: bool


@cache
def everyday() -> Questions:
    """The everyday questions."""
    train, held_out = (tuple(file.read_text(encoding="utf-8").splitlines()) for file in (EVERYDAY, HELD_OUT))
    return Questions(train, held_out)


@cache
def reworded() -> dict[str, str]:
    """How else somebody may ask what is asked while feedback is given; the file has a line for each everyday one."""
    everydays = zip(everyday().train, REWORDINGS.read_text(encoding="utf-8").splitlines(), strict=True)
    rows = map(json.loads, (DOCUMENTS / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    return dict(everydays) | {row["question"]: row["reworded"] for row in rows if "reworded" in row}


@cache
def about_documents() -> dict[str, DocumentQuestion]:
    """All questions about the documents, by what is asked."""
    found: dict[str, DocumentQuestion] = {}
    seen: dict[tuple[str, bool], int] = {}
    for line in (DOCUMENTS / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kind = (row["document"], bool(row["answer"]))
        held_out = seen.get(kind, 0) >= TRAIN_OF_DOCUMENT
        seen[kind] = seen.get(kind, 0) + 1
        firm = row["document"].removesuffix(".md").replace("-", " ").title()
        found[row["question"]] = DocumentQuestion(firm, row["question"], row["answer"], held_out)
    return found


def answered(*, held_out: bool) -> tuple[str, ...]:
    """The questions that the documents answer."""
    return tuple(q.question for q in about_documents().values() if q.answer and q.held_out is held_out)


def unanswered(*, held_out: bool) -> tuple[str, ...]:
    """The questions about the firms that no document answers."""
    return tuple(q.question for q in about_documents().values() if not q.answer and q.held_out is held_out)


def document_files() -> list[Path]:
    """The documents."""
    return sorted(DOCUMENTS.glob("*.md"))
