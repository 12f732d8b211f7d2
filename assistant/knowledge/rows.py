"""The rows of documents and chunks, and the only queries on them. Sessions are passed in; nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from assistant.database import new_id
from assistant.knowledge.chunks import Piece
from assistant.tables import Chunk, Document


@dataclass(frozen=True, kw_only=True)
class DocumentSummary:
    """A stored document without its text."""

    id: str
    name: str
    title: str
    sha256: str
    characters: int
    chunks: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredText:
    """A document as it was parsed once, to be given to another assistant. `sha256` is of the file's bytes."""

    name: str
    title: str
    sha256: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A chunk that was found for a question. `score` is its cosine similarity; `document` and `chunk` are ids."""

    chunk: str
    document: str
    title: str
    heading: str
    text: str
    score: float
    start: int
    end: int


def document(session: Session, assistant_id: str, name: str) -> Document | None:
    """The document of that name, if there is one."""
    return session.exec(select(Document).where(Document.assistant_id == assistant_id, Document.name == name)).first()


def document_ids(session: Session, assistant_id: str) -> list[str]:
    """The ids of all documents of an assistant, in a fixed order. A document never changes but by a new id."""
    query = select(Document.id).where(Document.assistant_id == assistant_id).order_by(col(Document.id))
    return list(session.exec(query))


def summaries(
    session: Session, assistant_id: str, *, matching: str = "", limit: int | None = None, offset: int = 0
) -> list[DocumentSummary]:
    """An assistant's documents by name: all, or those whose name or title has some words, from `offset` on."""
    query = _summarised().where(*_matching(assistant_id, matching)).order_by(col(Document.name))
    return [_summary(*row) for row in session.exec(query.limit(limit).offset(offset))]


def totals(session: Session, assistant_id: str, *, matching: str = "") -> tuple[int, int]:
    """How many documents an assistant has, or those of some words in name or title, and how many chunks they have."""
    documents = select(func.count()).select_from(Document).where(*_matching(assistant_id, matching))
    chunks = select(func.count()).select_from(Chunk).join(Document).where(*_matching(assistant_id, matching))
    return session.exec(documents).one(), session.exec(chunks).one()


def summary(session: Session, assistant_id: str, document_id: str) -> DocumentSummary | None:
    """One of an assistant's documents by its id, if it is there."""
    query = _summarised().where(Document.assistant_id == assistant_id, Document.id == document_id)
    row = session.exec(query).first()
    return _summary(*row) if row else None


def chunks_of(session: Session, document_id: str, *, limit: int, offset: int) -> list[Chunk]:
    """Some chunks of a document in order, from `offset` on."""
    query = select(Chunk).where(Chunk.document_id == document_id).order_by(col(Chunk.position))
    return list(session.exec(query.limit(limit).offset(offset)))


def chunk_ids(session: Session, document_id: str) -> list[str]:
    """The ids of all chunks of a document in order."""
    query = select(Chunk.id).where(Chunk.document_id == document_id)
    return list(session.exec(query.order_by(col(Chunk.position))))


def _summarised() -> Any:
    """Documents without their text, with how long it is and how many chunks it has."""
    chunks = select(func.count()).where(Chunk.document_id == Document.id).scalar_subquery()
    return select(Document, func.length(Document.text), chunks).options(defer(Document.text))  # type: ignore[arg-type]


def _matching(assistant_id: str, words: str) -> list[Any]:
    named = [col(each).icontains(words, autoescape=True) for each in (Document.name, Document.title)]
    return [Document.assistant_id == assistant_id, *([or_(*named)] if words else [])]


def _summary(document: Document, characters: int, chunks: int) -> DocumentSummary:
    return DocumentSummary(
        id=document.id,
        name=document.name,
        title=document.title,
        sha256=document.sha256,
        characters=characters,
        chunks=chunks,
        created_at=document.created_at,
    )


def texts(session: Session, assistant_id: str) -> list[StoredText]:
    """All documents of an assistant with their texts, by name."""
    query = select(Document).where(Document.assistant_id == assistant_id).order_by(col(Document.name))
    return [
        StoredText(name=each.name, title=each.title, sha256=each.sha256, text=each.text) for each in session.exec(query)
    ]


def chunks(session: Session, assistant_id: str, *, document: str | None = None) -> list[tuple[Chunk, str]]:
    """All chunks of an assistant, or of one document, each with its document's title; in document order."""
    query = select(Chunk, Document.title).join(Document).where(Document.assistant_id == assistant_id)
    if document is not None:
        query = query.where(Document.id == document)
    return [(chunk, title) for chunk, title in session.exec(query.order_by(col(Document.id), col(Chunk.position)))]


def store(session: Session, document_id: str, pieces: Sequence[Piece]) -> None:
    """Make these the chunks of a document, instead of those that it had."""
    session.execute(delete(Chunk).where(col(Chunk.document_id) == document_id))
    values = [
        {"id": new_id(), "document_id": document_id, "position": position, **vars(piece)}
        for position, piece in enumerate(pieces)
    ]
    session.execute(insert(Chunk), values)


def locate(session: Session, assistant_id: str, quote: str) -> Passage | None:
    """Where a piece of text stands in an assistant's documents, with the chunk that it begins in."""
    query = select(Document).where(
        Document.assistant_id == assistant_id, col(Document.text).contains(quote, autoescape=True)
    )
    document = session.exec(query.order_by(col(Document.id))).first()
    start = document.text.find(quote) if document else -1
    if document is None or start < 0:  # the database's comparison may ignore case
        return None
    within = select(Chunk).where(Chunk.document_id == document.id, Chunk.start <= start)
    chunk = session.exec(within.order_by(col(Chunk.position).desc())).first()
    return Passage(
        chunk=chunk.id if chunk else "",
        document=document.id,
        title=document.title,
        heading=chunk.heading if chunk else "",
        text=quote,
        score=0.0,
        start=start,
        end=start + len(quote),
    )


def around(session: Session, passage: Passage, *, characters: int) -> tuple[str, int]:
    """The text of a passage with so many characters before and behind it, and where in the document that begins."""
    start = max(0, passage.start - characters)
    cut = func.substr(Document.text, start + 1, passage.end + characters - start)
    return session.exec(select(cut).where(Document.id == passage.document)).one(), start


def passages(session: Session, scores: Mapping[str, float]) -> list[Passage]:
    """The chunks of these ids that still have a row, in this order, each with its score."""
    query = select(Chunk, Document.title).join(Document).where(col(Chunk.id).in_(list(scores)))
    found = {chunk.id: (chunk, title) for chunk, title in session.exec(query)}
    return [
        Passage(
            chunk=chunk.id,
            document=chunk.document_id,
            title=title,
            heading=chunk.heading,
            text=chunk.text,
            score=scores[chunk.id],
            start=chunk.start,
            end=chunk.end,
        )
        for chunk, title in (found[id_] for id_ in scores if id_ in found)
    ]
