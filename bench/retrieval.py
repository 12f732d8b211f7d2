"""How much of the answering text is found: recall and IoU of the characters retrieved within about 1,000 tokens.

    python -m bench.retrieval --data FOLDER [--models FOLDER]

FOLDER holds documents and `questions.jsonl`, whose lines have `document`, `question` and `passages` (`text`, `start`,
`end`: the characters of the file, or of what is read from a PDF, HTML or Word file). All documents are ingested
together, by the product's own code, into a temporary home. One line each for `dense`, `bm25`, `fusion`, which is plain
reciprocal rank fusion of the two, and `default`, which is what the product does: means over all questions, of the
chunks taken in rank order until the budget of tokens is full.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from assistant import records
from assistant.database import open_database
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.errors import BadInput, ThumbloopError
from assistant.knowledge import Knowledge, Upload
from assistant.knowledge.chunks import embedding_text
from assistant.knowledge.documents import display_name, normalise, parse
from assistant.knowledge.embedding import Embedder
from assistant.knowledge.index import EmbeddingModel, Entry, Index
from assistant.knowledge.rows import chunks
from bench.options import Models, models_folder

BUDGET_TOKENS = 1000
ORIGINAL_SPANS = (".txt", ".md", ".markdown")
"""Types whose spans count the characters of the file itself."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A question, and where in which document its answer stands, in the characters of the parsed text."""

    document: str
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Place:
    """Where a chunk stands and how many tokens it takes."""

    document: str
    span: Span
    tokens: int


def main(
    data: Annotated[Path, typer.Option(help="Folder with documents and questions.jsonl.")],
    models: Models = None,
) -> None:
    """Measure retrieval on a folder of documents and questions."""
    models = models_folder(models)
    console = Console(stderr=True)
    try:
        questions = read_questions(data)
        with TemporaryDirectory(prefix="thumbloop-bench-") as home:
            embedder = Embedder(str(require(models, DEFAULT_EMBEDDING)))
            lines = measure(data, questions, home=Path(home), embedder=embedder, console=console)
    except ThumbloopError as exc:
        console.print(str(exc), style="red", highlight=False)
        raise typer.Exit(1) from exc
    sys.stdout.write("\n".join(lines) + "\n")


def read_questions(data: Path) -> list[Question]:
    """The questions of a folder, their spans moved to where they are in the parsed texts. Raises `BadInput`."""
    file = data / "questions.jsonl"
    if not file.is_file():
        raise BadInput(f"{data} has no questions.jsonl. Give a folder with documents and that file.")
    sources: dict[str, str] = {}
    questions = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            name = row["document"]
            source = sources[name] if name in sources else sources.setdefault(name, _source(data / name))
            spans = tuple(_span(source, passage) for passage in row["passages"])
            if not spans:
                raise ValueError("it names no passage")
            questions.append(Question(document=name, text=row["question"], spans=spans))
        except (ValueError, KeyError, TypeError, OSError) as exc:
            raise BadInput(f"Line {number} of {file} cannot be used: {exc}. Correct or remove it.") from exc
    if not questions:
        raise BadInput(f"{file} is empty. Write a question a line.")
    return questions


def measure(
    data: Path, questions: Sequence[Question], *, home: Path, embedder: EmbeddingModel, console: Console
) -> list[str]:
    """Ingest the documents into `home`, ask all questions in each of the four ways, and give the lines to print."""
    found: dict[str, list[tuple[float, float]]] = {"dense": [], "bm25": [], "fusion": [], "default": []}
    with Progress(console=console) as bar:
        assistant, entries, places = _ingest(data, questions, home=home, embedder=embedder, bar=bar)
        index = Index(home / "index", embedder=embedder)
        try:
            index.update(assistant, entries)
            for question in bar.track(questions, description="Asking"):
                dense = [hit.id for hit in index.by_meaning(assistant, question.text)]
                words = index.by_words(assistant, question.text)
                rankings = {
                    "dense": dense,
                    "bm25": words,
                    "fusion": plain_fusion(dense, words),
                    "default": [hit.id for hit in index.search(assistant, question.text)],
                }
                for way, ranking in rankings.items():
                    found[way].append(score(question, [places[id_] for id_ in ranking]))
        finally:
            index.close()
    return [
        f"{way:8} recall {fmean(recall for recall, _ in each):.3f}  IoU {fmean(iou for _, iou in each):.3f}"
        for way, each in found.items()
    ]


def plain_fusion(*rankings: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion as published, with its constant of 60 (Cormack et al., SIGIR 2009)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (60 + rank)
    return sorted(scores, key=lambda id_: -scores[id_])


def score(question: Question, ranking: Iterable[Place]) -> tuple[float, float]:
    """Recall and intersection over union of the characters of the first places that fit into the budget."""
    taken: dict[str, list[Span]] = {}
    tokens = 0
    for place in ranking:
        tokens += place.tokens
        if tokens > BUDGET_TOKENS:
            break
        taken.setdefault(place.document, []).append(place.span)
    retrieved = {(document, at) for document, spans in taken.items() for span in spans for at in range(*span)}
    wanted = {(display_name(question.document), at) for span in question.spans for at in range(*span)}
    common = len(retrieved & wanted)
    return common / len(wanted), common / len(retrieved | wanted)


def _ingest(
    data: Path, questions: Sequence[Question], *, home: Path, embedder: EmbeddingModel, bar: Progress
) -> tuple[str, list[Entry], dict[str, Place]]:
    """The id of an assistant that knows the documents, its chunks as the index takes them, and where each stands."""
    database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
    database.migrate()
    with database.write() as session:
        assistant = records.create_assistant(session, slug="bench", name="Bench", system_prompt="Bench.").id
    knowledge = Knowledge(database, index_dir=home / "index", embedder=embedder)
    uploads = [Upload(name, (data / name).read_bytes()) for name in sorted({each.document for each in questions})]
    task = bar.add_task("Ingesting", total=len(uploads))
    for ingested in knowledge.ingest(assistant, uploads, progress=lambda *_: bar.advance(task)):
        if ingested.error:
            raise BadInput(ingested.error)
    names = {document.id: document.name for document in knowledge.documents(assistant)}
    knowledge.close()
    with database.read() as session:
        stored = chunks(session, assistant)
    database.close()
    count = embedder.count
    entries = [
        Entry(chunk.id, chunk.document_id, embedding_text(title, chunk.heading, chunk.text, count=count))
        for chunk, title in stored
    ]
    places = {
        chunk.id: Place(names[chunk.document_id], (chunk.start, chunk.end), count(chunk.text) - count(""))
        for chunk, _ in stored
    }
    return assistant, entries, places


def _source(file: Path) -> str:
    """The text whose characters the spans count."""
    if file.suffix.lower() in ORIGINAL_SPANS:
        return file.read_text(encoding="utf-8")
    return parse(file.name, file.read_bytes()).text


def _span(source: str, passage: dict[str, Any]) -> Span:
    """Where a passage is in the parsed text: what comes before it is normalised as the parser does."""
    start, end = passage["start"], passage["end"]
    if source[start:end] != passage["text"] or not passage["text"]:
        raise ValueError(f"characters {start} to {end} of the document are not the passage's text")
    return len(normalise(source[:start])), len(normalise(source[:end]))


if __name__ == "__main__":
    typer.run(main)
