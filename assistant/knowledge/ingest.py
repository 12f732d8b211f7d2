"""`Knowledge`: files in, passages out. Stores documents and chunks as rows and keeps the index in step with them.

The rows are the truth. The process that owns the index brings it in line after each change of its own, and at a search
when another process has changed the rows, or a kill came between rows and index. A process that does not own it writes
rows only. Parsing, splitting and ranking are done elsewhere.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chromadb.errors import ChromaError
from sqlmodel import Session, select

from assistant.database import Database
from assistant.errors import Conflict, DocumentUnreadable, NotFound
from assistant.knowledge import rows
from assistant.knowledge.chunks import Piece, embedding_text, split
from assistant.knowledge.documents import Parsed, display_name, is_markdown, parse
from assistant.knowledge.examples import Example, Examples
from assistant.knowledge.focus import best_sentences, sentences_of
from assistant.knowledge.index import EmbeddingModel, Entry, Hit, Index
from assistant.knowledge.rows import DocumentSummary, Passage, StoredText
from assistant.records import assistant_by_id
from assistant.tables import Assistant, Document

logger = logging.getLogger(__name__)

PASSAGE_MIN_SCORE = 0.25
SENTENCE_MIN_SCORE = 0.48
"""Where nothing else is set: below, the documents hardly ever answer the question (`bench/threshold.py`)."""
LONGEST_SENTENCE = 1_000
"""So many characters about a passage are read, so that its first and last sentence are whole."""
READ_PASSAGES = 8
"""From the sentences of so many passages the best are chosen."""

Progress = Callable[[str, int, int], None]
"""Told the name of what was just finished, how many are done, and of how many."""


@dataclass(frozen=True)
class Upload:
    """A file as it came."""

    name: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What became of a file. `error` is empty unless it failed."""

    name: str
    state: Literal["added", "replaced", "unchanged", "failed"]
    chunks: int = 0
    error: str = ""


class Knowledge:
    """All assistants' documents and their index. Thread-safe; opens the index when it first needs it, or by `open`."""

    def __init__(self, database: Database, *, index_dir: Path, embedder: EmbeddingModel) -> None:
        self._database = database
        self._index_dir = index_dir
        self._embedder = embedder
        self._index: Index | None = None
        self._opening = threading.Lock()
        self._changing: dict[str, threading.Lock] = {}
        self._stamps: dict[str, list[str]] = {}
        self._examples = Examples(database)

    def open(self) -> None:
        """Become the index's owner until `close`. Raises `Conflict` if another process is."""
        self._owned_index()

    def close(self) -> None:
        """Give the index back."""
        with self._opening:
            if self._index is not None:
                self._index.close()
            self._index = None
            self._stamps.clear()
            self._examples.clear()

    def ingest(
        self, assistant_id: str, files: Iterable[Upload], *, progress: Callable[[Ingested], None] | None = None
    ) -> list[Ingested]:
        """Add files, or replace those of the same name; what cannot be read fails alone, and changes nothing.

        Each file is asked for when its turn comes, and stored in one transaction; `progress` is told what became of it.
        Raises `NotFound` for an assistant that does not exist.
        """
        with self._database.read() as session:
            assistant_by_id(session, assistant_id)
        index = self._index_if_free()
        results: list[Ingested] = []
        with self._changing.setdefault(assistant_id, threading.Lock()):
            if index:
                self._sync(index, assistant_id)
            for file in files:
                results.append(self._ingest_file(index, assistant_id, file))
                if progress:
                    progress(results[-1])
            if index:
                self._sync(index, assistant_id)
        return results

    def give(self, assistant_id: str, texts: Sequence[StoredText]) -> None:
        """Give an assistant documents that were parsed before, such as another's. Raises `NotFound`."""
        with self._database.read() as session:
            assistant_by_id(session, assistant_id)
        index = self._index_if_free()
        with self._changing.setdefault(assistant_id, threading.Lock()):
            for each in texts:
                parsed = Parsed(name=each.name, title=each.title, text=each.text, markdown=is_markdown(each.name))
                self._store(index, assistant_id, parsed, sha256=each.sha256)
            if index:
                self._sync(index, assistant_id)

    def texts(self, assistant_id: str) -> list[StoredText]:
        """All documents of an assistant with their texts, by name."""
        with self._database.read() as session:
            return rows.texts(session, assistant_id)

    def forget(self, assistant_id: str) -> None:
        """Drop what the index holds of an assistant that was deleted."""
        if index := self._index_if_free():
            with self._changing.setdefault(assistant_id, threading.Lock()):
                self._stamps.pop(assistant_id, None)
                index.drop(assistant_id)
                self._examples.drop(index, assistant_id)
            self._changing.pop(assistant_id, None)

    def documents(self, assistant_id: str) -> list[DocumentSummary]:
        """All documents of an assistant by name."""
        with self._database.read() as session:
            return rows.summaries(session, assistant_id)

    def delete(self, assistant_id: str, name: str) -> None:
        """Remove a document and all that was made of it. Raises `NotFound`."""
        with self._database.write() as session:
            document = rows.document(session, assistant_id, name)
            if document is None:
                raise NotFound(
                    f"There is no document called {name!r}. Look at the list of documents for the right name."
                )
            session.delete(document)
        if index := self._index_if_free():
            with self._changing.setdefault(assistant_id, threading.Lock()):
                self._sync(index, assistant_id)

    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> list[Passage]:
        """The passages for a question, best first by fused rank, without those of a cosine below `min_score`.

        Without one, `PASSAGE_MIN_SCORE` holds. With the id of a `document`, its passages only, best first by cosine.
        Looks at the rows as they are now; while another thread is ingesting, at those from before. Raises `Conflict` if
        another process owns the index.
        """
        least = PASSAGE_MIN_SCORE if min_score is None else min_score
        if limit <= 0 or not query.strip():
            return []
        index = self._owned_index()
        self._refresh(index, assistant_id)
        hits = self._search(index, assistant_id, query, document=document)
        with self._database.read() as session:
            return rows.passages(session, {hit.id: hit.score for hit in hits if hit.score >= least})[:limit]

    def sentences(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> list[Passage]:
        """The sentences for a question as passages, best first; none if the best one's score is below `min_score`.

        The scores are of another kind than those of `search`: see `best_sentences`. Without a `min_score`,
        `SENTENCE_MIN_SCORE` holds; with the id of a `document`, only its sentences. Raises as `search` does.
        """
        least = SENTENCE_MIN_SCORE if min_score is None else min_score
        passages = self.search(assistant_id, query, limit=max(limit, READ_PASSAGES), min_score=0.0, document=document)
        with self._database.read() as session:
            around = [rows.around(session, passage, characters=LONGEST_SENTENCE) for passage in passages]
        found: dict[tuple[str, int], Passage] = {}
        for passage, (text, offset) in zip(passages, around, strict=True):
            for sentence in sentences_of(passage, text, offset):
                found.setdefault((sentence.document, sentence.start), sentence)
        ranked = best_sentences(self._embedder, query, list(found.values()))
        fitting = max((sentence.score for sentence in ranked), default=0.0) >= least
        return ranked[:limit] if fitting else []

    def examples(self, assistant_id: str, question: str, *, reader: str, limit: int, least: float) -> list[Example]:
        """Golden answers for a question of `reader`'s, as `Examples.near`. Raises as `search` does."""
        return self._examples.near(self._owned_index(), assistant_id, question, reader=reader, limit=limit, least=least)

    def locate(self, assistant_id: str, quote: str) -> Passage:
        """Where a piece of text stands in an assistant's documents. Raises `NotFound`."""
        with self._database.read() as session:
            found = rows.locate(session, assistant_id, quote)
        if found is None:
            raise NotFound(f"No document says {quote!r} word for word. Correct the quotation, or add the document.")
        return found

    def has_documents(self, assistant_id: str) -> bool:
        """Whether an assistant knows any document."""
        with self._database.read() as session:
            return bool(rows.document_ids(session, assistant_id))

    def rebuild(self, progress: Progress | None = None) -> None:
        """Split and embed all documents anew from the database. Raises `Conflict` if another process owns the index."""
        index = self._owned_index()
        with self._database.read() as session:
            assistants = session.exec(select(Assistant.id, Assistant.slug)).all()
        for assistant_id, slug in assistants:
            with self._changing.setdefault(assistant_id, threading.Lock()):
                self._split_again(assistant_id)
                self._stamps.pop(assistant_id, None)
                index.drop(assistant_id)
                self._examples.drop(index, assistant_id)
                told = (lambda done, total, slug=slug: progress(slug, done, total)) if progress else None
                self._sync(index, assistant_id, progress=told)

    def _owned_index(self) -> Index:
        with self._opening:
            if self._index is None:
                self._index = Index(self._index_dir, embedder=self._embedder)
            return self._index

    def _index_if_free(self) -> Index | None:
        try:
            return self._owned_index()
        except Conflict:
            logger.info("another process owns the index; it will find the changed rows at its next search")
            return None

    def _ingest_file(self, index: Index | None, assistant_id: str, file: Upload) -> Ingested:
        name, sha256 = display_name(file.name), hashlib.sha256(file.data).hexdigest()
        with self._database.read() as session:
            before = rows.document(session, assistant_id, name)
            if before and before.sha256 == sha256:
                return Ingested(
                    name=name, state="unchanged", chunks=len(rows.chunks(session, assistant_id, document=before.id))
                )
        try:
            parsed = parse(name, file.data)
        except DocumentUnreadable as exc:
            return Ingested(name=name, state="failed", error=str(exc))
        chunks = self._store(index, assistant_id, parsed, sha256=sha256)
        return Ingested(name=name, state="replaced" if before else "added", chunks=chunks)

    def _store(self, index: Index | None, assistant_id: str, parsed: Parsed, *, sha256: str) -> int:
        """Store a document, instead of one of that name, in one transaction; into how many chunks."""
        pieces = self._split(parsed)
        with self._database.write() as session:
            before = rows.document(session, assistant_id, parsed.name)
            if before:
                session.delete(before)
                session.flush()
            document = Document(
                assistant_id=assistant_id, name=parsed.name, title=parsed.title, sha256=sha256, text=parsed.text
            )
            session.add(document)
            session.flush()
            rows.store(session, document.id, pieces)
        if index:
            with self._database.read() as session:
                entries = self._entries(session, assistant_id, document=document.id)
            index.embed(assistant_id, entries)
        return len(pieces)

    def _split(self, parsed: Parsed) -> list[Piece]:
        return split(parsed, count=self._embedder.count, max_tokens=self._embedder.max_tokens)

    def _split_again(self, assistant_id: str) -> None:
        """Bring the chunks in line with the embedding model of today; where nothing changes they keep their ids."""
        with self._database.read() as session:
            ids = rows.document_ids(session, assistant_id)
        for id_ in ids:
            with self._database.write() as session:
                document = session.get(Document, id_)
                if document is None:
                    continue
                markdown = is_markdown(document.name)
                parsed = Parsed(name=document.name, title=document.title, text=document.text, markdown=markdown)
                pieces = self._split(parsed)
                kept = [
                    Piece(start=chunk.start, end=chunk.end, text=chunk.text, heading=chunk.heading)
                    for chunk, _ in rows.chunks(session, assistant_id, document=id_)
                ]
                if kept != pieces:
                    rows.store(session, id_, pieces)

    def _search(self, index: Index, assistant_id: str, query: str, *, document: str | None) -> list[Hit]:
        def hits() -> list[Hit]:
            if document is None:
                return index.search(assistant_id, query)
            with self._database.read() as session:
                return index.search_among(assistant_id, query, rows.chunk_ids(session, document))

        try:
            return hits()
        except ChromaError:
            logger.warning("the vectors of assistant %s are damaged and are made anew", assistant_id, exc_info=True)
        with self._changing.setdefault(assistant_id, threading.Lock()):
            self._stamps.pop(assistant_id, None)
            index.drop(assistant_id)
            self._sync(index, assistant_id)
        return hits()

    def _refresh(self, index: Index, assistant_id: str) -> None:
        """Bring the index in line with the rows if they have changed; documents never change but by a new id."""
        with self._database.read() as session:
            now = rows.document_ids(session, assistant_id)
        if now == self._stamps.get(assistant_id):
            return
        changing = self._changing.setdefault(assistant_id, threading.Lock())
        if changing.acquire(blocking=not index.knows(assistant_id)):
            try:
                self._sync(index, assistant_id)
            finally:
                changing.release()

    def _sync(self, index: Index, assistant_id: str, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Make the index hold what the rows hold. The caller holds the assistant's lock."""
        with self._database.read() as session:
            stamp = rows.document_ids(session, assistant_id)
            if stamp == self._stamps.get(assistant_id) and index.knows(assistant_id):
                return
            entries = self._entries(session, assistant_id)
        try:
            index.update(assistant_id, entries, progress=progress)
        except ValueError as exc:
            raise Conflict(
                "Some passages are longer than the embedding model reads, because another model was set when they were "
                "stored. Run `thumbloop ingest --rebuild`."
            ) from exc
        self._stamps[assistant_id] = stamp

    def _entries(self, session: Session, assistant_id: str, *, document: str | None = None) -> list[Entry]:
        count = self._embedder.count
        return [
            Entry(
                id=chunk.id,
                document=chunk.document_id,
                text=embedding_text(title, chunk.heading, chunk.text, count=count),
            )
            for chunk, title in rows.chunks(session, assistant_id, document=document)
        ]
