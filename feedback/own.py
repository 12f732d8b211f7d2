"""What one person said of answers, as they see it themselves: a page of it, taken back, and put back.

Rows are named as pairs name them, such as `rating:12`; only their own writer can do anything with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Subquery, func, literal, or_, true, union_all
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from assistant.errors import NotFound
from assistant.tables import Assistant, Conversation, Message, Reply
from feedback import counting, ratings, rows
from feedback.rows import Row, name_of
from feedback.tables import Comparison, Correction, Outcome, Rating, Value


@dataclass(frozen=True)
class Thumb:
    """A rating that counts."""

    row: str
    value: Value
    reasons: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True)
class Corrected:
    """A correction that counts."""

    row: str
    text: str


@dataclass(frozen=True)
class Choice:
    """A comparison that counts, with the text of the other answer; for a tie no answer is the better one."""

    row: str
    other: str
    tie: bool


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer with what the person said of it: a thumb, a correction or both, or else that it is the better one."""

    reply: str
    conversation: str
    own: bool
    """Whether the answer stands in a conversation of theirs."""
    assistant: str
    assistant_name: str
    adapter: str | None
    question: str
    text: str
    said_at: datetime
    thumb: Thumb | None = None
    correction: Corrected | None = None
    choice: Choice | None = None


@dataclass(frozen=True)
class SaidPage:
    """One page of what a person said, the latest first, and how much there is on all pages."""

    rows: tuple[Said, ...]
    total: int


def page(session: Session, rater: str, *, limit: int, offset: int = 0, any_owner: bool = False) -> SaidPage:
    """A page of what a person said of answers in their own conversations, or in anybody's with `any_owner`."""
    said, asked = _subjects(rater), aliased(Message)
    query: Any = (
        sqlalchemy.select(said, Message, col(asked.text), Conversation, Assistant, col(Reply.adapter))
        .join(Message, col(Message.id) == said.c.reply)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(asked, col(asked.id) == col(Message.parent_id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .join(Assistant, col(Assistant.id) == col(Conversation.assistant_id))
        .where(true() if any_owner else col(Conversation.owner) == rater)
    )
    total = session.exec(query.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
    latest = query.order_by(said.c.at.desc(), said.c.reply, said.c.other).limit(limit).offset(offset)
    said_rows, others = [], []
    for _, other, at, message, question, held, assistant, adapter in session.exec(latest):
        others.append(other)
        said_rows.append(
            Said(
                reply=message.id,
                conversation=held.id,
                own=held.owner == rater,
                assistant=assistant.slug,
                assistant_name=assistant.name,
                adapter=adapter,
                question=question,
                text=message.text,
                said_at=at,
            )
        )
    return SaidPage(_with_words(session, rater, said_rows, others), total)


def take_back(session: Session, row: str, *, rater: str, any_owner: bool = False) -> None:
    """Take back what a row is about; nothing happens if it was already. Raises as `ratings.rate` does."""
    found = _own(session, row, rater)
    if isinstance(found, Rating):
        ratings.rate(session, found.reply_id, rater=rater, value=Value.none, any_owner=any_owner)
    elif isinstance(found, Correction):
        ratings.correct(session, found.reply_id, rater=rater, text="", any_owner=any_owner)
    else:
        both = (found.winner_id, found.loser_id)
        ratings.compare(session, *both, rater=rater, outcome=Outcome.none, any_owner=any_owner)


def put_back(session: Session, row: str, *, rater: str, any_owner: bool = False) -> None:
    """Say again what a row says; nothing happens if that counts already. Raises as `ratings.rate` does."""
    found = _own(session, row, rater)
    if isinstance(found, Rating):
        ratings.rate(
            session,
            found.reply_id,
            rater=rater,
            value=found.value,
            reasons=found.reasons,
            comment=found.comment,
            any_owner=any_owner,
            for_all=found.for_all,
        )
    elif isinstance(found, Correction):
        ratings.correct(
            session, found.reply_id, rater=rater, text=found.text, any_owner=any_owner, for_all=found.for_all
        )
    else:
        both = (found.winner_id, found.loser_id)
        ratings.compare(session, *both, rater=rater, outcome=found.outcome, any_owner=any_owner)


def _own(session: Session, row: str, rater: str) -> Row:
    found = rows.find(session, row)
    if found is None or found.rater != rater:
        raise NotFound("This is no longer there, or is not yours. Reload the page to see what is.")
    return found


def _subjects(rater: str) -> Subquery:
    """What the person said something of: an answer, or two (the better one first), and when last."""
    rating, correction = counting.ratings(rater).subquery().c, counting.corrections(rater).subquery().c
    comparison, nothing = counting.comparisons(rater).subquery().c, literal("")
    every = union_all(
        _subject(rating.reply_id, nothing, rating.created_at),
        _subject(correction.reply_id, nothing, correction.created_at),
        _subject(comparison.winner_id, comparison.loser_id, comparison.created_at),
    ).subquery()
    query = sqlalchemy.select(every.c.reply, every.c.other, func.max(every.c.at).label("at"))
    return query.group_by(every.c.reply, every.c.other).subquery()


def _subject(reply: Any, other: Any, at: Any) -> sqlalchemy.Select[*tuple[Any, ...]]:
    return sqlalchemy.select(reply.label("reply"), other.label("other"), at.label("at"))


def _with_words(session: Session, rater: str, rows: Sequence[Said], others: Sequence[str]) -> tuple[Said, ...]:
    """The rows with what was said; `others` has, for a choice, the id of the other answer."""
    ids = [row.reply for row in rows]
    thumbs = {
        one.reply_id: Thumb(name_of(one), one.value, tuple(one.reasons), one.comment)
        for one in session.exec(counting.ratings(rater).where(col(Rating.reply_id).in_(ids)))
    }
    corrections = {
        one.reply_id: Corrected(name_of(one), one.text)
        for one in session.exec(counting.corrections(rater).where(col(Correction.reply_id).in_(ids)))
    }
    texts = dict(session.exec(select(Message.id, Message.text).where(col(Message.id).in_(others))).all())
    among = or_(col(Comparison.winner_id).in_(ids), col(Comparison.loser_id).in_(ids))
    choices = {
        (one.winner_id, one.loser_id): Choice(name_of(one), texts.get(one.loser_id, ""), one.outcome is Outcome.tie)
        for one in session.exec(counting.comparisons(rater).where(among))
    }
    return tuple(
        replace(row, choice=choices.get((row.reply, other)))
        if other
        else replace(row, thumb=thumbs.get(row.reply), correction=corrections.get(row.reply))
        for row, other in zip(rows, others, strict=True)
    )
