"""What people thought, as an admin sees it: a page of rated replies, and the approval of each adapter version.

Only the rows that count, told apart, sorted and cut into pages by the database.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Subquery, case, func, literal, or_, union_all
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from assistant.tables import Conversation, Message, Reply
from feedback import counting
from feedback.tables import IMPORTER, Correction, Outcome, Rating, Value

COUNTS = ("up", "down", "wins", "losses", "corrected")
NONE = literal(0)


@dataclass(frozen=True, kw_only=True)
class RatedReply:
    """A reply that somebody rated, corrected or compared; counts are of people."""

    reply: str
    conversation: str
    question: str
    text: str
    adapter: str | None
    up: int
    down: int
    wins: int
    losses: int
    reasons: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    rated_at: datetime


@dataclass(frozen=True)
class FeedbackPage:
    """One page of rated replies, the latest first, and how many there are on all pages."""

    rows: tuple[RatedReply, ...]
    total: int


@dataclass(frozen=True)
class Approval:
    """The thumbs for the replies of one adapter version; none is the base model."""

    adapter: str | None
    up: int
    down: int

    @property
    def share(self) -> float:
        """Thumbs up of all thumbs."""
        return self.up / (self.up + self.down)


def feedback_table(
    session: Session,
    assistant_id: str,
    *,
    limit: int = 50,
    offset: int = 0,
    value: Value | None = None,
    corrected: bool = False,
    adapters: Collection[str | None] = (),
) -> FeedbackPage:
    """A page of an assistant's rated replies; `value` and `corrected` keep those with such a thumb or a correction.

    `adapters` keeps the replies of these versions, none of them being the base model; empty keeps all.
    """
    given, asked = _given(), aliased(Message)
    query = (
        sqlalchemy.select(
            col(Message.id), col(Message.conversation_id), col(asked.text), col(Message.text), col(Reply.adapter), given
        )
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .join(given, given.c.reply_id == Message.id)
        .join(asked, col(asked.id) == col(Message.parent_id))
        .where(col(Conversation.assistant_id) == assistant_id)
    )
    if value is not None:
        query = query.where(given.c[value.value] > 0)
    if corrected:
        query = query.where(given.c.corrected > 0)
    if adapters:
        named = col(Reply.adapter).in_([adapter for adapter in adapters if adapter])
        query = query.where(or_(named, col(Reply.adapter).is_(None)) if None in adapters else named)
    execute = session.connection().execute
    total = execute(query.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
    page = execute(query.order_by(given.c.at.desc(), col(Message.id)).limit(limit).offset(offset)).all()
    rows = [
        RatedReply(
            reply=reply, conversation=conversation, question=question, text=text, adapter=adapter,
            up=up, down=down, wins=wins, losses=losses, rated_at=at,
        )
        for reply, conversation, question, text, adapter, _, up, down, wins, losses, _, at in page
    ]  # fmt: skip
    return FeedbackPage(_with_words(session, rows), total)


def approval(session: Session, assistant_id: str, *, since: datetime | None = None) -> list[Approval]:
    """The thumbs up and down by adapter version, in the order in which the versions were first rated.

    Imported ones are left out: no version of this assistant's wrote those answers. `since` keeps the answers written
    from that moment on.
    """
    rating = counting.ratings().subquery()
    query = (
        sqlalchemy.select(
            col(Reply.adapter),
            func.sum(_one_if(rating.c.value == Value.up)),
            func.sum(_one_if(rating.c.value == Value.down)),
        )
        .join(rating, rating.c.reply_id == Reply.message_id)
        .join(Message, col(Message.id) == col(Reply.message_id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(col(Conversation.assistant_id) == assistant_id, rating.c.rater != IMPORTER)
        .group_by(col(Reply.adapter))
        .order_by(func.min(rating.c.id))
    )
    if since is not None:
        query = query.where(col(Message.created_at) >= since)
    return [Approval(adapter, up, down) for adapter, up, down in session.connection().execute(query)]


def _given() -> Subquery:
    """Per reply: thumbs up and down, comparisons won and lost, corrections, and when the last of them was given."""
    rating, correction = counting.ratings().subquery().c, counting.corrections().subquery().c
    comparison = counting.comparisons().subquery().c
    decided = _one_if(comparison.outcome == Outcome.better)
    up, down = _one_if(rating.value == Value.up), _one_if(rating.value == Value.down)
    signals = union_all(
        _signal(rating.reply_id, rating.created_at, up, down, NONE, NONE, NONE),
        _signal(correction.reply_id, correction.created_at, NONE, NONE, NONE, NONE, literal(1)),
        _signal(comparison.winner_id, comparison.created_at, NONE, NONE, decided, NONE, NONE),
        _signal(comparison.loser_id, comparison.created_at, NONE, NONE, NONE, decided, NONE),
    ).subquery()
    sums = [func.sum(signals.c[name]).label(name) for name in COUNTS]
    return (
        sqlalchemy.select(signals.c.reply_id, *sums, func.max(signals.c.at).label("at"))
        .group_by(signals.c.reply_id)
        .subquery()
    )


def _signal(
    reply_id: ColumnElement[str], at: ColumnElement[datetime], *counts: ColumnElement[int]
) -> sqlalchemy.Select[*tuple[Any, ...]]:
    named = [count.label(name) for name, count in zip(COUNTS, counts, strict=True)]
    return sqlalchemy.select(reply_id.label("reply_id"), at.label("at"), *named)


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _with_words(session: Session, rows: Sequence[RatedReply]) -> tuple[RatedReply, ...]:
    ids = [row.reply for row in rows]
    ratings = session.exec(counting.ratings().where(col(Rating.reply_id).in_(ids)).order_by(col(Rating.id))).all()
    query = counting.corrections().where(col(Correction.reply_id).in_(ids)).order_by(col(Correction.id))
    corrections = session.exec(query).all()
    return tuple(
        replace(
            row,
            reasons=tuple(dict.fromkeys(reason for r in ratings if r.reply_id == row.reply for reason in r.reasons)),
            comments=tuple(r.comment for r in ratings if r.reply_id == row.reply and r.comment),
            corrections=tuple(c.text for c in corrections if c.reply_id == row.reply),
        )
        for row in rows
    )
