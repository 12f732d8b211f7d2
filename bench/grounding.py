"""Whether answers are right: questions with known answers through the product's own chat, and questions without any.

    python -m bench.grounding [--data FOLDER] [--setup fine-tuned] [--questions N] [--at-once 8] [--json FILE]

FOLDER (`bench/unseen`, unless another is named) holds documents and `questions.jsonl`, whose lines have `document`,
`question` and `answer`. The documents are cut into two halves, each the documents of an assistant of its own. It is
asked the questions about its half, which it can answer, and those about the other half, which it cannot. Every figure
is of replies as a reader gets them.

`--setup` says what answers: `usual` (five passages of about 200 tokens, the base model), `focus` (sentences, the base
model), `tuned-passages` (five passages, version 0), `fine-tuned` (the product's default), or the folder of an adapter.
Given several times, they answer one after the other in one run, so that their times compare.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Annotated
from unittest.mock import patch

import typer
from rich.console import Console
from rich.progress import Progress

from assistant import records
from assistant.batching import BatchingEngine
from assistant.chat import Chat
from assistant.database import Database, open_database
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.errors import BadInput, ThumbloopError
from assistant.knowledge import Knowledge, Upload, chunks
from assistant.knowledge.embedding import Embedder
from assistant.prompt import REFUSAL
from assistant.samples import SAMPLE
from assistant.tables import Focus
from bench.options import Models, models_folder

UNSEEN = Path(__file__).with_name("unseen")
"""Documents written for this project that nothing is trained on."""
PASSAGES_OF_THE_USUAL = ("usual", "tuned-passages")
USUAL_PASSAGES, USUAL_CHUNK_TOKENS = 5, 200
SEED = 20261121


@dataclass(frozen=True)
class Question:
    """A question, the document that answers it, and the answer's words."""

    document: str
    text: str
    answer: str


@dataclass(frozen=True)
class Asked:
    """A question as it was answered: `known` says whether its document was there."""

    question: str
    answer: str
    known: bool
    reply: str
    sources: tuple[str, ...]
    cited: tuple[str, ...]
    tokens: int
    first_token_s: float
    total_s: float

    @property
    def right(self) -> bool:
        return holds(self.reply, self.answer)

    @property
    def refused(self) -> bool:
        return normal(REFUSAL) in normal(self.reply)


def main(
    data: Annotated[Path, typer.Option(help="Folder with documents and questions.jsonl.")] = UNSEEN,
    setup: Annotated[
        list[str] | None, typer.Option(help="usual, focus, tuned-passages, fine-tuned, or an adapter's folder.")
    ] = None,
    questions: Annotated[int, typer.Option(help="Ask so many of the questions; 0: all.", min=0)] = 0,
    at_once: Annotated[int, typer.Option(help="How many ask at the same time.", min=1)] = 8,
    models: Models = None,
    result: Annotated[Path | None, typer.Option("--json", help="Write figures and all replies here.")] = None,
) -> None:
    """Ask questions of documents and see whether the answers are right."""
    models = models_folder(models)
    console = Console(stderr=True)
    try:
        asked = {
            name: measure(data, setup=name, number=questions, at_once=at_once, models=models, console=console)
            for name in setup or ["fine-tuned"]
        }
    except ThumbloopError as exc:
        console.print(str(exc), style="red", highlight=False)
        raise typer.Exit(1) from exc
    told = {name: figures(each) | wrong(each) for name, each in asked.items()}
    for name, found in told.items():
        sys.stdout.write(f"{name}\n" + "".join(f"  {what:34} {figure}\n" for what, figure in found.items()))
    if result is not None:
        answers = {name: [asdict(one) for one in each] for name, each in asked.items()}
        result.write_text(json.dumps({"figures": told, "asked": answers}, indent=1, ensure_ascii=False) + "\n")


def measure(data: Path, *, setup: str, number: int, at_once: int, models: Path, console: Console) -> list[Asked]:
    """Ask the questions of a folder, each half of its documents in turn being known. Raises `BadInput`."""
    wanted = read_questions(data)
    wanted = random.Random(SEED).sample(wanted, number) if 0 < number < len(wanted) else wanted
    documents = sorted({question.document for question in read_questions(data)})
    asked: list[Asked] = []
    with TemporaryDirectory(prefix="thumbloop-bench-") as folder, Progress(console=console) as bar:
        task = bar.add_task("Asking", total=2 * len(wanted))
        engine = BatchingEngine(models)
        try:
            for half in (documents[::2], documents[1::2]):
                home = Path(folder) / half[0]
                home.mkdir()
                with _assistant(home, data, half, setup=setup, models=models, engine=engine) as (chat, database):
                    ask = partial(_ask, chat, database, documents=half, on_asked=lambda: bar.advance(task))
                    with ThreadPoolExecutor(at_once) as pool:
                        asked += pool.map(ask, wanted)
        finally:
            engine.close()
    return asked


def read_questions(data: Path) -> list[Question]:
    """The questions of a folder. Raises `BadInput`."""
    file = data / "questions.jsonl"
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return [Question(row["document"], row["question"], row["answer"]) for row in rows]
    except (OSError, ValueError, KeyError) as exc:
        raise BadInput(f"{file} cannot be used ({exc}). Each line needs a document, a question and an answer.") from exc


@contextmanager
def _assistant(
    home: Path, data: Path, documents: Sequence[str], *, setup: str, models: Path, engine: BatchingEngine
) -> Iterator[tuple[Chat, Database]]:
    """A chat with an assistant that knows some of the documents, in a home of its own."""
    adapter = _adapter_of(setup)
    with ExitStack() as stack:
        if setup in PASSAGES_OF_THE_USUAL:
            stack.enter_context(patch.object(chunks, "CHUNK_TOKENS", USUAL_CHUNK_TOKENS))
        database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
        stack.callback(database.close)
        database.migrate()
        knowledge = Knowledge(
            database, index_dir=home / "index", embedder=Embedder(str(require(models, DEFAULT_EMBEDDING)))
        )
        stack.callback(knowledge.close)
        settings = {**SAMPLE, "adapter": adapter.name if adapter else None}
        if setup in PASSAGES_OF_THE_USUAL:
            settings |= {"focus": Focus.passages, "passages": USUAL_PASSAGES, "min_score": 0.0}
        with database.write() as session:
            assistant = records.create_assistant(session, slug="default", **settings).id
        uploads = [Upload(name, (data / name).read_bytes()) for name in documents]
        for ingested in knowledge.ingest(assistant, uploads):
            if ingested.error:
                raise BadInput(ingested.error)
        yield (
            Chat(
                database=database,
                engine=engine,
                knowledge=knowledge,
                adapters_dir=adapter.parent if adapter else home,
                new_seed=lambda: SEED,
            ),
            database,
        )


def _adapter_of(setup: str) -> Path | None:
    if setup in ("usual", "focus"):
        return None
    return DEFAULT_ADAPTER if setup in ("tuned-passages", "fine-tuned") else Path(setup).resolve()


def _ask(
    chat: Chat, database: Database, question: Question, *, documents: Sequence[str], on_asked: Callable[[], None]
) -> Asked:
    *_, last = chat.ask(question.text, owner="bench")
    with database.read() as session:
        _, made = records.reply(session, last.reply)
    on_asked()
    return Asked(
        question=question.text,
        answer=question.answer,
        known=question.document in documents,
        reply=last.text,
        sources=tuple(source["text"] for source in last.sources),
        cited=tuple(source["text"] for source in last.sources if source["cited"]),
        tokens=made.reply_tokens,
        first_token_s=made.first_token_s or 0.0,
        total_s=made.total_s or 0.0,
    )


def figures(asked: Sequence[Asked]) -> dict[str, float | int]:
    """What the replies amount to: shares of the answerable and of the unanswerable questions, and medians."""
    known, unknown = [one for one in asked if one.known], [one for one in asked if not one.known]
    right = [one for one in known if one.right]
    return {
        "answerable questions": len(known),
        "answer among the sources": _share(any(holds(text, one.answer) for text in one.sources) for one in known),
        "right": _share(one.right for one in known),
        "of the right, cited source has it": _share(
            any(holds(text, one.answer) for text in one.cited) for one in right
        ),
        "answerable but refused": _share(one.refused for one in known),
        "unanswerable questions": len(unknown),
        "unanswerable and refused": _share(one.refused for one in unknown),
        "tokens of a reply, median": median(one.tokens for one in known),
        "seconds to the first token, median": round(median(one.first_token_s for one in known), 2),
        "seconds to the last, median": round(median(one.total_s for one in known), 2),
    }


def wrong(asked: Sequence[Asked]) -> dict[str, int]:
    """How many answerable questions were not answered right, by where the answer was lost."""
    return dict(Counter(_lost(one) for one in asked if one.known and not one.right).most_common())


def _lost(one: Asked) -> str:
    if one.refused:
        return "wrong: refused, sources at hand" if one.sources else "wrong: refused, nothing found"
    if not any(holds(text, one.answer) for text in one.sources):
        return "wrong: answer in none of the sources"
    best = holds(one.sources[0], one.answer)
    return "wrong: in the best match, not said" if best else "wrong: in another source, not said"


def holds(text: str, answer: str) -> bool:
    """Whether a text contains an answer, word for word, as SQuAD compares: without case, articles and punctuation."""
    return f" {normal(answer)} " in f" {normal(text)} "


def normal(text: str) -> str:
    """A text as SQuAD's evaluation compares it (https://aclanthology.org/D16-1264)."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def _share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    return round(fmean(counted), 3) if counted else 0.0


if __name__ == "__main__":
    typer.run(main)
