"""Finds answers by what was said of them: filters, text and pages, all by the database, and who "Person 3" is.

Only the rows that count, those that admins leave out of training included: people did say them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlalchemy import CTE, ColumnElement, String, Subquery, case, cast, func, literal, or_, union_all
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from assistant.tables import ANSWERED, Conversation, Message, Reply
from feedback import counting
from feedback.rows import ABOUT
from feedback.tables import IMPORTER, Comparison, Correction, Exclusion, Outcome, Rating, Value

COUNTS = ("up", "down", "wins", "losses", "corrected")
NONE = literal(0)
ANY = "any"
"""Of versions: all of them. None is the base model."""


class Show(StrEnum):
    """Which answers are looked for."""

    rated = "rated"
    """All that somebody rated, corrected or compared."""
    liked = "liked"
    disliked = "disliked"
    corrected = "corrected"
    compared = "compared"
    left_out = "left_out"
    """By an admin, out of training."""
    unrated = "unrated"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What is looked for; each part narrows it."""

    show: Show = Show.rated
    reason: str = ""
    version: str | None = ANY
    text: str = ""
    """In question, answer, comment or correction, whatever the case."""
    rater: str = ""
    question: str = ""
    """Id of a question: all answers to the same words, whoever asked."""
    since: datetime | None = None


EVERYTHING = Filter()


@dataclass(frozen=True, kw_only=True)
class FoundReply:
    """A reply and how many people said what of it."""

    reply: str
    conversation: str
    question: str
    text: str
    adapter: str | None
    up: int = 0
    down: int = 0
    wins: int = 0
    losses: int = 0
    corrected: int = 0
    reasons: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    left_out: bool = False
    at: datetime
    """When something was last said of it, or else when it was written."""


@dataclass(frozen=True)
class FoundPage:
    """One page of replies, the latest first, and how many there are on all pages."""

    rows: tuple[FoundReply, ...]
    total: int


def find(
    session: Session, assistant_id: str, wanted: Filter = EVERYTHING, *, limit: int = 50, offset: int = 0
) -> FoundPage:
    """A page of an assistant's replies."""
    found, asked = _found(session, assistant_id, wanted), aliased(Message)
    total = sqlalchemy.select(func.count()).select_from(found)
    page = sqlalchemy.select(found).order_by(found.c.at.desc(), found.c.id).limit(limit).offset(offset).subquery()
    query = (
        sqlalchemy.select(
            col(Message.id), col(Message.conversation_id), col(asked.text), col(Message.text), col(Reply.adapter),
            *(page.c[name] for name in COUNTS), page.c.at, total.scalar_subquery(),
        )
        .select_from(page)
        .join(Message, col(Message.id) == page.c.id)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(asked, col(asked.id) == col(Message.parent_id))
        .order_by(page.c.at.desc(), page.c.id)
    )  # fmt: skip
    execute = session.connection().execute
    shown = execute(query).all()
    rows = [
        FoundReply(
            reply=reply, conversation=conversation, question=question, text=text, adapter=adapter,
            up=up or 0, down=down or 0, wins=wins or 0, losses=losses or 0, corrected=corrected or 0, at=when,
        )
        for reply, conversation, question, text, adapter, up, down, wins, losses, corrected, when, _ in shown
    ]  # fmt: skip
    past_the_end = execute(total).scalar_one() if offset and not shown else 0
    return FoundPage(_with_words(session, rows), shown[0][-1] if shown else past_the_end)


def people(session: Session, assistant_id: str) -> dict[str, int]:
    """Everybody who said something of an assistant's replies, with how many rows; who came first is first."""
    theirs = select(Message.id).join(Conversation).where(Conversation.assistant_id == assistant_id)
    said = union_all(
        *(
            sqlalchemy.select(col(table.rater), col(table.created_at).label("at")).where(
                col(table.rater) != IMPORTER, theirs.where(col(Message.id) == reply_id).exists()
            )
            for table, reply_id in ABOUT
        )
    ).subquery()
    query = sqlalchemy.select(said.c.rater, func.count()).group_by(said.c.rater).order_by(func.min(said.c.at))
    rows = session.connection().execute(query).all()
    return dict(tuple(row) for row in rows)


def same_words(text: Any) -> ColumnElement[str]:
    """What is equal for two questions in the same words."""
    return func.lower(func.trim(text))


def _found(session: Session, assistant_id: str, wanted: Filter) -> CTE:
    """Ids of all replies that are looked for, with what people said of them; their texts only the page has."""
    given, asked = _given(), aliased(Message)
    at = func.coalesce(given.c.at, col(Message.created_at)).label("at")
    query = (
        sqlalchemy.select(col(Message.id), *(given.c[name] for name in COUNTS), at)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .join(asked, col(asked.id) == col(Message.parent_id))
        .join(given, given.c.reply_id == Message.id, isouter=wanted.show is Show.unrated)
        .where(col(Conversation.assistant_id) == assistant_id, *_conditions(session, wanted, given, col(asked.text)))
    )
    return (query if wanted.since is None else query.where(at >= wanted.since)).cte("found")


def _conditions(session: Session, wanted: Filter, given: Subquery, asked: Any) -> list[ColumnElement[bool]]:
    found = _shown(wanted.show, given)
    if wanted.version != ANY:
        found.append(col(Reply.adapter) == wanted.version if wanted.version else col(Reply.adapter).is_(None))
    if wanted.reason:
        by_reason = counting.ratings().where(cast(col(Rating.reasons), String).contains(f'"{wanted.reason}"'))
        found.append(_about(by_reason, Rating))
    if wanted.rater:
        found.append(
            or_(
                *(_about(rows.where(table.rater == wanted.rater), table) for table, rows in counting.by_table().items())
            )
        )
    if wanted.question:
        question = session.get(Message, wanted.question)
        found.append(same_words(asked) == same_words(literal(question.text if question else "")))
    if wanted.text:
        found.append(_says(wanted.text, asked))
    return found


def _shown(show: Show, given: Subquery) -> list[ColumnElement[bool]]:
    match show:
        case Show.liked:
            return [given.c.up > 0]
        case Show.disliked:
            return [given.c.down > 0]
        case Show.corrected:
            return [given.c.corrected > 0]
        case Show.compared:
            return [given.c.compared > 0]
        case Show.left_out:
            return [_about(counting.exclusions(), Exclusion)]
        case Show.unrated:
            return [given.c.reply_id.is_(None), col(Reply.state).in_(ANSWERED)]
        case _:
            return []


def _says(text: str, asked: Any) -> ColumnElement[bool]:
    words = {"other": text, "autoescape": True}
    return or_(
        asked.icontains(**words),
        col(Message.text).icontains(**words),
        _about(counting.ratings().where(col(Rating.comment).icontains(**words)), Rating),
        _about(counting.corrections().where(col(Correction.text).icontains(**words)), Correction),
    )


def _about(rows: SelectOfScalar[Any], table: Any) -> ColumnElement[bool]:
    """Whether a reply is one that these rows are about."""
    held = aliased(table, rows.subquery())
    if table is Comparison:
        return or_(col(Message.id).in_(select(held.winner_id)), col(Message.id).in_(select(held.loser_id)))
    return col(Message.id).in_(select(held.reply_id))


def _given() -> Subquery:
    """Per reply: thumbs up and down, comparisons won and lost, corrections, and when the last of them was given."""
    rating, correction = counting.ratings().subquery().c, counting.corrections().subquery().c
    comparison = counting.comparisons().subquery().c
    decided = _one_if(comparison.outcome == Outcome.better)
    up, down = _one_if(rating.value == Value.up), _one_if(rating.value == Value.down)
    one = literal(1)
    signals = union_all(
        _signal(rating.reply_id, rating.created_at, up, down, NONE, NONE, NONE, NONE),
        _signal(correction.reply_id, correction.created_at, NONE, NONE, NONE, NONE, one, NONE),
        _signal(comparison.winner_id, comparison.created_at, NONE, NONE, decided, NONE, NONE, one),
        _signal(comparison.loser_id, comparison.created_at, NONE, NONE, NONE, decided, NONE, one),
    ).subquery()
    sums = [func.sum(signals.c[name]).label(name) for name in (*COUNTS, "compared")]
    return (
        sqlalchemy.select(signals.c.reply_id, *sums, func.max(signals.c.at).label("at"))
        .group_by(signals.c.reply_id)
        .subquery()
    )


def _signal(
    reply_id: ColumnElement[str], at: ColumnElement[datetime], *counts: ColumnElement[int]
) -> sqlalchemy.Select[*tuple[Any, ...]]:
    named = [count.label(name) for name, count in zip((*COUNTS, "compared"), counts, strict=True)]
    return sqlalchemy.select(reply_id.label("reply_id"), at.label("at"), *named)


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _with_words(session: Session, rows: Sequence[FoundReply]) -> tuple[FoundReply, ...]:
    ids = [row.reply for row in rows]
    ratings = session.exec(counting.ratings().where(col(Rating.reply_id).in_(ids)).order_by(col(Rating.id))).all()
    query = counting.corrections().where(col(Correction.reply_id).in_(ids)).order_by(col(Correction.id))
    corrections = session.exec(query).all()
    excluded = {one.reply_id for one in session.exec(counting.exclusions().where(col(Exclusion.reply_id).in_(ids)))}
    return tuple(
        replace(
            row,
            reasons=tuple(dict.fromkeys(reason for r in ratings if r.reply_id == row.reply for reason in r.reasons)),
            comments=tuple(r.comment for r in ratings if r.reply_id == row.reply and r.comment),
            corrections=tuple(c.text for c in corrections if c.reply_id == row.reply),
            left_out=row.reply in excluded,
        )
        for row in rows
    )
