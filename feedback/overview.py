"""What people thought, at a glance, as an admin sees it: how much, how good, since when, why, and of which questions.

Only the thumbs that count, summed up by the database. Imported ones are left out: no version of this assistant's wrote
those answers.
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Select, String, Subquery, case, cast, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from assistant.tables import ANSWERED, Conversation, Message, Reply
from feedback import counting
from feedback.search import same_words
from feedback.tables import IMPORTER, Value


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


@dataclass(frozen=True, kw_only=True)
class Volume:
    """How much was answered and said."""

    answers: int
    rated: int
    """Answers with a thumb."""
    up: int
    down: int
    corrected: int
    """Answers."""
    compared: int
    """Twos of answers."""


@dataclass(frozen=True, kw_only=True)
class Day:
    """The answers of a day (UTC), and the thumbs given on it."""

    day: date
    answers: int = 0
    up: int = 0
    down: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question in the same words, however often it was asked, and the thumbs for all answers to it."""

    id: str
    """Of one of the messages that asked it."""
    text: str
    answers: int
    """Those with a thumb."""
    up: int
    down: int


def approval(session: Session, assistant_id: str, *, since: datetime | None = None) -> list[Approval]:
    """The thumbs up and down by adapter version, in the order in which the versions were first rated.

    `since` keeps the answers written from that moment on.
    """
    rating, up, down = _thumbs()
    query = _of(assistant_id, sqlalchemy.select(col(Reply.adapter), up, down), rating)
    query = query.group_by(col(Reply.adapter)).order_by(func.min(rating.c.id))
    if since is not None:
        query = query.where(col(Message.created_at) >= since)
    return [Approval(adapter, up, down) for adapter, up, down in session.connection().execute(query)]


def volume(session: Session, assistant_id: str) -> Volume:
    """How much was answered, and how much of it was rated, corrected and compared."""
    execute = session.connection().execute
    rating, up, down = _thumbs()
    thumbs = sqlalchemy.select(func.count(col(Message.id).distinct()), func.coalesce(up, 0), func.coalesce(down, 0))
    rated, ups, downs = execute(_of(assistant_id, thumbs, rating)).one()
    correction = _not_imported(counting.corrections().subquery())
    comparison = _not_imported(counting.comparisons().subquery())
    answers, distinct = sqlalchemy.select(func.count()), func.count(col(Message.id).distinct())
    twos = sqlalchemy.select(func.count())
    return Volume(
        answers=execute(_answered(assistant_id, answers)).scalar_one(),
        rated=rated,
        up=ups,
        down=downs,
        corrected=execute(_of(assistant_id, sqlalchemy.select(distinct), correction)).scalar_one(),
        compared=execute(_of(assistant_id, twos, comparison, comparison.c.winner_id)).scalar_one(),
    )


def days(session: Session, assistant_id: str) -> list[Day]:
    """All days on which something was answered or rated, in order."""
    rating, up, down = _thumbs()
    rated, answered = func.date(rating.c.created_at), func.date(col(Message.created_at))
    thumbs = _of(assistant_id, sqlalchemy.select(rated, up, down), rating).group_by(rated)
    replies = _answered(assistant_id, sqlalchemy.select(answered, func.count())).group_by(answered)
    found: dict[date, dict[str, int]] = {}
    for day, ups, downs in session.connection().execute(thumbs):
        found[_date(day)] = {"up": ups, "down": downs}
    for day, count in session.connection().execute(replies):
        found.setdefault(_date(day), {})["answers"] = count
    return [Day(day=day, **counts) for day, counts in sorted(found.items())]


def reasons(session: Session, assistant_id: str) -> dict[Value, Counter[str]]:
    """How often each reason was given with a thumb up, and with a thumb down."""
    rating, _, _ = _thumbs()
    told = cast(rating.c.reasons, String)
    query = _of(assistant_id, sqlalchemy.select(rating.c.value, told, func.count()), rating)
    counts: dict[Value, Counter[str]] = {Value.up: Counter(), Value.down: Counter()}
    for value, given, count in session.connection().execute(query.group_by(rating.c.value, told)):
        for reason in json.loads(given):
            counts[value][reason] += count
    return counts


def disputed(session: Session, assistant_id: str, *, limit: int = 5) -> list[Question]:
    """Questions of whose answers some people like one and others do not, the most evenly and most often split first."""
    query, up, down, people = _questions(assistant_id)
    query = query.having(up > 0, down > 0, people > 1).order_by(case((up < down, up), else_=down).desc())
    return _as_questions(session, query.limit(limit))


def worst(session: Session, assistant_id: str, *, limit: int = 5) -> list[Question]:
    """Questions whose answers more people dislike than like, the largest surplus first."""
    query, up, down, _ = _questions(assistant_id)
    return _as_questions(session, query.having(down > up).order_by((down - up).desc(), down.desc()).limit(limit))


def _questions(
    assistant_id: str,
) -> tuple[Select[*tuple[Any, ...]], ColumnElement[int], ColumnElement[int], ColumnElement[int]]:
    """The rated questions, and for each its thumbs up, down, and how many people gave them."""
    rating, up, down = _thumbs()
    asked = aliased(Message)
    words = same_words(col(asked.text))
    selected = sqlalchemy.select(
        func.min(asked.id), func.min(asked.text), func.count(col(Message.id).distinct()), up, down
    )
    query = _of(assistant_id, selected, rating).join(asked, col(asked.id) == col(Message.parent_id))
    return query.group_by(words), up, down, func.count(rating.c.rater.distinct())


def _as_questions(session: Session, query: Select[*tuple[Any, ...]]) -> list[Question]:
    return [
        Question(id=id_, text=text, answers=answers, up=up, down=down)
        for id_, text, answers, up, down in session.connection().execute(query)
    ]


def _thumbs() -> tuple[Subquery, ColumnElement[int], ColumnElement[int]]:
    """The thumbs that count, and how many of them are up and down."""
    rating = _not_imported(counting.ratings().subquery())
    return rating, _how_many(rating.c.value == Value.up), _how_many(rating.c.value == Value.down)


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _not_imported(rows: Subquery) -> Subquery:
    return sqlalchemy.select(rows).where(rows.c.rater != IMPORTER).subquery()


def _of(
    assistant_id: str, query: Select[*tuple[Any, ...]], rows: Subquery, reply_id: Any = None
) -> Select[*tuple[Any, ...]]:
    """A query on feedback and the replies of an assistant that it is about."""
    about = rows.c.reply_id if reply_id is None else reply_id
    return (
        query.select_from(rows)
        .join(Message, col(Message.id) == about)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(col(Conversation.assistant_id) == assistant_id)
    )


def _answered(assistant_id: str, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A query on the answers of an assistant that can be rated."""
    return (
        query.select_from(Reply)
        .join(Message, col(Message.id) == col(Reply.message_id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(
            col(Conversation.assistant_id) == assistant_id,
            col(Conversation.owner) != IMPORTER,
            col(Reply.state).in_(ANSWERED),
        )
    )


def _date(day: object) -> date:
    """SQLite gives a text, PostgreSQL a date."""
    return date.fromisoformat(str(day))
