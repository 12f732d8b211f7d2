"""Whether a correction acts at once: questions near to corrected ones, asked before and after, without any training.

    python -m bench.golden [--corrections N] [--models FOLDER] [--json FILE]

Asks the sample documents' assistant the questions of `bench/golden.jsonl`, and corrects its answers, through the
product's own chat and feedback. Each correction has a made-up fact, two questions that ask the same in other words
(`near`), and one about something else beside it (`beside`). The unrelated questions have no correction; nothing about
them should change. Greedy decoding, so that a reply changes only if its prompt does.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from assistant import records
from assistant.batching import BatchingEngine
from assistant.chat import Chat, Turn
from assistant.database import Database, open_database
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.errors import ThumbloopError
from assistant.knowledge import Knowledge
from assistant.knowledge.embedding import Embedder
from assistant.samples import SAMPLE, sample_documents
from bench.options import Models, models_folder
from feedback import ratings

CORRECTIONS = Path(__file__).with_name("golden.jsonl")
UNRELATED = (
    "What is a preference pair?",
    "Which model does it use?",
    "What is BM25?",
    "What does DPO stand for?",
    "What can guests do?",
    "How do I roll back?",
    "What does Try again do?",
    "How are passages found?",
    "What is KTO?",
    "Does anything leave my machine?",
    "What is the capital of France?",
    "Write a short poem about rain.",
)


@dataclass(frozen=True)
class Asked:
    """A question with its replies before and after the corrections; `fact` is what its correction says, if any."""

    kind: str
    question: str
    fact: str
    before: str
    after: str
    examples: int
    first_token_s: tuple[float, float]

    def holds(self, reply: str) -> bool:
        return self.fact.lower() in reply.lower()


def main(
    corrections: Annotated[int, typer.Option(help="So many of the corrections; 0: all.", min=0)] = 0,
    models: Models = None,
    result: Annotated[Path | None, typer.Option("--json", help="Write figures and all replies here.")] = None,
) -> None:
    """Correct answers, and see what near, neighbouring and unrelated questions get before and after."""
    console = Console(stderr=True)
    rows = [json.loads(line) for line in CORRECTIONS.read_text(encoding="utf-8").splitlines()]
    try:
        asked = measure(rows[:corrections] if corrections else rows, models=models_folder(models), console=console)
    except ThumbloopError as exc:
        console.print(str(exc), style="red", highlight=False)
        raise typer.Exit(1) from exc
    told = figures(asked)
    sys.stdout.write("\n".join(f"{name:52} {value}" for name, value in told.items()) + "\n")
    if result is not None:
        result.write_text(json.dumps({"figures": told, "asked": [asdict(one) for one in asked]}, indent=1))


def measure(rows: Sequence[dict[str, Any]], *, models: Path, console: Console) -> list[Asked]:
    """Ask everything, correct, and ask everything again, each time in a new conversation."""
    questions = [(kind, question, row["fact"]) for row in rows for kind, question in _questions(row)]
    questions += [("unrelated", question, "") for question in UNRELATED]
    with Progress(console=console) as bar, _assistant(models) as (chat, database):
        task = bar.add_task("Asking", total=2 * len(questions))

        def ask(question: str) -> Turn:
            *_, last = chat.ask(question, owner="bench")
            bar.advance(task)
            return last

        before = [ask(question) for _, question, _ in questions]
        wanted = {row["question"]: row["correction"] for row in rows}
        with database.write() as session:
            for (kind, question, _), turn in zip(questions, before, strict=True):
                if kind == "same":
                    ratings.correct(session, turn.reply, rater="bench", text=wanted[question], for_all=True)
        after = [ask(question) for _, question, _ in questions]
        return [
            Asked(
                kind=kind,
                question=question,
                fact=fact,
                before=first.text,
                after=second.text,
                examples=sum("golden" in source for source in second.sources),
                first_token_s=(_first_token_s(database, first), _first_token_s(database, second)),
            )
            for (kind, question, fact), first, second in zip(questions, before, after, strict=True)
        ]


def _questions(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "same", row["question"]
    for question in row["near"]:
        yield "near", question
    yield "beside", row["beside"]


@contextmanager
def _assistant(models: Path) -> Iterator[tuple[Chat, Database]]:
    """A chat with the sample documents' assistant, in a home of its own."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="thumbloop-bench-")))
        database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
        stack.callback(database.close)
        database.migrate()
        embedder = Embedder(str(require(models, DEFAULT_EMBEDDING)))
        knowledge = Knowledge(database, index_dir=home / "index", embedder=embedder)
        stack.callback(knowledge.close)
        engine = BatchingEngine(models)
        stack.callback(engine.close)
        settings = {**SAMPLE, "temperature": 0.0, "adapter": DEFAULT_ADAPTER.name}
        with database.write() as session:
            assistant = records.create_assistant(session, slug="default", **settings).id
        knowledge.ingest(assistant, sample_documents())
        yield Chat(database=database, engine=engine, knowledge=knowledge, adapters_dir=DEFAULT_ADAPTER.parent), database


def _first_token_s(database: Database, turn: Turn) -> float:
    with database.read() as session:
        return records.reply(session, turn.reply)[1].first_token_s or 0.0


def figures(asked: Sequence[Asked]) -> dict[str, str]:
    """What the replies amount to, each figure before and after the corrections."""
    of = {kind: [one for one in asked if one.kind == kind] for kind in ("same", "near", "beside", "unrelated")}
    told = {"corrections": str(len(of["same"]))}
    for kind, name in (("same", "the corrected question"), ("near", "near questions"), ("beside", "beside it")):
        said = [(one.holds(one.before), one.holds(one.after)) for one in of[kind]]
        told[f"{name}: hold the corrected fact"] = _both(_share(b for b, _ in said), _share(a for _, a in said))
    for kind in ("beside", "unrelated"):
        told[f"{kind}: reply unchanged"] = _share(one.before == one.after for one in of[kind])
        told[f"{kind}: given an example"] = _share(one.examples > 0 for one in of[kind])
    told["near: given an example"] = _share(one.examples > 0 for one in of["near"])
    firsts = [median(times) for times in zip(*(one.first_token_s for one in asked), strict=True)]
    told["seconds to the first token, median"] = _both(*(f"{first:.2f}" for first in firsts))
    return told


def _both(before: str, after: str) -> str:
    return f"{before} -> {after}"


def _share(hits: Iterable[bool]) -> str:
    counted = list(hits)
    return f"{fmean(counted):.0%} of {len(counted)}" if counted else "none"


if __name__ == "__main__":
    typer.run(main)
