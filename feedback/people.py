"""What is kept of one person: counted, handed out as plain values, and forgotten.

A person is an opaque id. What training made of it is `retrain.traces`' business, and who may ask is `ui`'s.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from assistant import records
from assistant.tables import Assistant, Conversation, Message, Reply
from feedback import counting, ratings
from feedback.rows import ABOUT, TABLES, row_name
from feedback.tables import Comparison, Correction, Rating

SOURCE_PARTS = ("n", "title", "heading", "text", "cited")
"""What a person is given of the sources of an answer."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How much is kept of a person. `changes` are rows that no longer count: changed since, or taken back."""

    conversations: int = 0
    messages: int = 0
    ratings: int = 0
    corrections: int = 0
    choices: int = 0
    changes: int = 0
    since: datetime | None = None

    @property
    def feedback(self) -> int:
        """All rows of feedback."""
        return self.ratings + self.corrections + self.choices + self.changes


@dataclass(frozen=True, kw_only=True)
class HeldConversation:
    """A conversation in a list of a person's own."""

    id: str
    title: str
    assistant: str
    assistant_name: str
    messages: int
    updated_at: datetime


@dataclass(frozen=True)
class HeldPage:
    """One page of a person's conversations, the latest first, and how many there are on all pages."""

    rows: tuple[HeldConversation, ...]
    total: int


def kept(session: Session, person: str) -> Kept:
    """How much is kept of a person."""

    def count(query: Any) -> int:
        return int(session.exec(select(func.count()).select_from(query.subquery())).one())

    thumbs, texts = count(counting.ratings(person)), count(counting.corrections(person))
    choices = count(counting.comparisons(person))
    rows = sum(count(select(table.id).where(table.rater == person)) for table in TABLES.values())
    theirs = select(Conversation.id).where(Conversation.owner == person)
    return Kept(
        conversations=count(theirs),
        messages=count(select(Message.id).where(col(Message.conversation_id).in_(theirs))),
        ratings=thumbs,
        corrections=texts,
        choices=choices,
        changes=rows - thumbs - texts - choices,
        since=session.exec(select(func.min(Conversation.created_at)).where(Conversation.owner == person)).one(),
    )


def conversations(session: Session, person: str, *, limit: int, offset: int = 0) -> HeldPage:
    """A page of a person's conversations with all assistants."""
    total = session.exec(select(func.count()).where(Conversation.owner == person)).one()
    query = (
        select(Conversation, Assistant)
        .join(Assistant)
        .where(Conversation.owner == person)
        .order_by(col(Conversation.updated_at).desc(), col(Conversation.id))
    )
    found = session.exec(query.limit(limit).offset(offset)).all()
    ids = [held.id for held, _ in found]
    sizes = dict(
        session.exec(
            select(Message.conversation_id, func.count())
            .where(col(Message.conversation_id).in_(ids))
            .group_by(col(Message.conversation_id))
        ).all()
    )
    rows = tuple(
        HeldConversation(
            id=held.id,
            title=held.title,
            assistant=assistant.slug,
            assistant_name=assistant.name,
            messages=sizes.get(held.id, 0),
            updated_at=held.updated_at,
        )
        for held, assistant in found
    )
    return HeldPage(rows, total)


def rows_of(session: Session, person: str, *, conversation: str | None = None) -> frozenset[str]:
    """All rows of feedback with the person's words, such as `rating:12`, also those that no longer count.

    They are what the person said, and what anybody said of answers in their conversations; with `conversation`, what
    was said of answers in that one.
    """
    replies = select(Message.id).join(Conversation).where(Conversation.owner == person)
    if conversation is not None:
        replies = replies.where(Conversation.id == conversation)
    return frozenset(
        row_name(table.__tablename__, number)
        for table, reply in ABOUT
        for number in session.exec(
            select(table.id).where(
                reply.in_(replies) if conversation else or_(col(table.rater) == person, reply.in_(replies))
            )
        )
    )


def forget_everything(session: Session, person: str) -> None:
    """Delete a person's conversations, with all that was said of the answers in them, and all that they said."""
    ratings.forget(session, person)
    records.delete_conversations(session, owner=person)


def everything(session: Session, person: str) -> dict[str, Any]:
    """All that is kept of a person as JSON values: conversations with their messages, and feedback, the oldest first.

    What others said, and the instructions that a model was given, are not theirs.
    """
    return {
        "conversations": _conversations(session, person),
        "ratings": [
            {"reply": one.reply_id, "value": one.value, "reasons": one.reasons, "comment": one.comment, **_at(one)}
            for one in session.exec(select(Rating).where(Rating.rater == person).order_by(col(Rating.id)))
        ],
        "corrections": [
            {"reply": one.reply_id, "text": one.text, **_at(one)}
            for one in session.exec(select(Correction).where(Correction.rater == person).order_by(col(Correction.id)))
        ],
        "choices": [
            {"winner": one.winner_id, "loser": one.loser_id, "outcome": one.outcome, **_at(one)}
            for one in session.exec(select(Comparison).where(Comparison.rater == person).order_by(col(Comparison.id)))
        ],
    }


def _conversations(session: Session, person: str) -> list[dict[str, Any]]:
    messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    written = (
        select(Message, Reply.adapter, Reply.state, Reply.sources)
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .outerjoin(Reply, col(Reply.message_id) == col(Message.id))
        .where(Conversation.owner == person)
        .order_by(col(Message.created_at), col(Message.id))
    )
    for message, adapter, state, sources in session.exec(written):
        made = {} if state is None else {"version": adapter, "state": state, "sources": _given(sources)}
        messages[message.conversation_id].append(
            {"id": message.id, "answers": message.parent_id, "role": message.role, "text": message.text}
            | made
            | _at(message)
        )
    query = select(Conversation, Assistant.slug).join(Assistant).where(Conversation.owner == person)
    return [
        {"id": held.id, "assistant": slug, "title": held.title, **_at(held), "messages": messages[held.id]}
        for held, slug in session.exec(query.order_by(col(Conversation.created_at), col(Conversation.id)))
    ]


def _given(sources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{part: source.get(part) for part in SOURCE_PARTS} for source in sources]


def _at(row: Any) -> dict[str, str]:
    return {"at": row.created_at.isoformat()}
