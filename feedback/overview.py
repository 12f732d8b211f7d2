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
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    Subquery,
    case,
    cast,
    desc,
    func,
    literal,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from assistant.tables import ANSWERED, Conversation, Message, Reply
from feedback import counting
from feedback.kept import Kept
from feedback.search import same_words
from feedback.tables import IMPORTER, Comparison, Correction, Rating, Value

DISPUTED, WORST = "disputed", "worst"
"""Kinds of questions."""


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


@dataclass(frozen=True)
class Sums:
    """What people thought, at a glance."""

    volume: Volume
    versions: list[Approval]
    """In the order in which they were first rated."""
    days: list[Day]
    """All on which something was answered or rated, in order."""
    reasons: dict[Value, Counter[str]]
    """How often each was given with a thumb up, and with a thumb down."""


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


@dataclass(frozen=True)
class Questions:
    """Those that deserve a look."""

    disputed: list[Question]
    """Some people like the answers and others do not; the most evenly and most often split first."""
    worst: list[Question]
    """More people dislike the answers than like them; the largest surplus first."""


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


class Overviews:
    """Tells all at a glance. What feedback alone tells is summed up only where it changed since the last look."""

    def __init__(self) -> None:
        self._kept = Kept[_Said]()

    def look(self, session: Session, assistant_id: str) -> tuple[Sums, Questions]:
        """What people thought of an assistant, and the questions that deserve a look."""
        said = self._kept.look(session, assistant_id, lambda: _said(session, assistant_id))
        days = {day: {"up": up, "down": down} for day, (up, down) in said.by_day.items()}
        answered = func.date(col(Message.created_at))
        replies = _answered(assistant_id, sqlalchemy.select(answered, func.count())).group_by(answered)
        for day, count in session.connection().execute(replies):
            days.setdefault(_date(day), {})["answers"] = count
        in_order = [Day(day=day, **counts) for day, counts in sorted(days.items())]
        volume = Volume(
            answers=sum(day.answers for day in in_order),
            rated=said.rated,
            up=sum(day.up for day in in_order),
            down=sum(day.down for day in in_order),
            corrected=said.corrected,
            compared=said.compared,
        )
        return Sums(volume, said.versions, in_order, said.reasons), said.questions


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What feedback alone tells, whatever is answered meanwhile."""

    rated: int
    corrected: int
    compared: int
    versions: list[Approval]
    by_day: dict[date, tuple[int, int]]
    reasons: dict[Value, Counter[str]]
    questions: Questions


def _said(session: Session, assistant_id: str) -> _Said:
    """The thumbs are looked for once for all of it but the questions."""
    execute = session.connection().execute
    versions: list[Approval] = []
    told: dict[Value, Counter[str]] = {Value.up: Counter(), Value.down: Counter()}
    by_day: dict[date, tuple[int, int]] = {}
    rated = 0
    for by, key, count, up, down, _ in execute(_thumbs_by(assistant_id)):
        match by:
            case "version":
                versions.append(Approval(key, up, down))
            case "reasons":
                for value, times in ((Value.up, up), (Value.down, down)):
                    told[value] += Counter(dict.fromkeys(json.loads(key), times))
            case "day":
                by_day[date.fromisoformat(key)] = up, down
            case _:
                rated = count
    correction = counting.corrections().where(Correction.rater != IMPORTER).subquery()
    comparison = counting.comparisons().where(Comparison.rater != IMPORTER).subquery()
    answers, twos = sqlalchemy.select(func.count(col(Message.id).distinct())), sqlalchemy.select(func.count())
    return _Said(
        rated=rated,
        corrected=execute(_of(assistant_id, answers, correction)).scalar_one(),
        compared=execute(_of(assistant_id, twos, comparison, comparison.c.winner_id)).scalar_one(),
        versions=versions,
        by_day=by_day,
        reasons=told,
        questions=questions(session, assistant_id),
    )


def _thumbs_by(assistant_id: str) -> CompoundSelect[*tuple[Any, ...]]:
    """The thumbs by version, in the order of the first of each, by day, by their reasons, and all together."""
    rating, _, _ = _thumbs()
    selected = sqlalchemy.select(
        rating.c.id,
        rating.c.reply_id,
        rating.c.value,
        cast(rating.c.reasons, String).label("reasons"),
        cast(func.date(rating.c.created_at), String).label("day"),
        col(Reply.adapter),
    )
    thumb = _of(assistant_id, selected, rating).cte("thumb")
    counts = (
        func.count(thumb.c.reply_id.distinct()),
        _how_many(thumb.c.value == Value.up),
        _how_many(thumb.c.value == Value.down),
        func.min(thumb.c.id).label("first"),
    )
    parts = [
        sqlalchemy.select(literal(by), key, *counts).group_by(key)
        for by, key in (("version", thumb.c.adapter), ("reasons", thumb.c.reasons), ("day", thumb.c.day))
    ]
    everything = sqlalchemy.select(literal("all"), literal(""), *counts)
    return union_all(*parts, everything).order_by("first")


def questions(session: Session, assistant_id: str, *, limit: int = 5) -> Questions:
    """The questions that deserve a look, so many of each kind; all of them are summed up once for both."""
    asked = _asked(assistant_id)
    up, down, people = asked.c.up, asked.c.down, asked.c.people
    split = case((up < down, up), else_=down)
    kinds = (
        _first(asked, DISPUTED, up > 0, down > 0, people > 1, rank=split, then=split, limit=limit),
        _first(asked, WORST, down > up, rank=down - up, then=down, limit=limit),
    )
    ranked = union_all(*kinds).order_by("kind", desc("rank"), desc("then"))
    found: dict[str, list[Question]] = {DISPUTED: [], WORST: []}
    for kind, id_, text, answers, ups, downs, _, _ in session.connection().execute(ranked):
        found[kind].append(Question(id=id_, text=text, answers=answers, up=ups, down=downs))
    return Questions(found[DISPUTED], found[WORST])


def _first(
    asked: CTE, kind: str, *wanted: ColumnElement[bool], rank: ColumnElement[int], then: ColumnElement[int], limit: int
) -> Select[*tuple[Any, ...]]:
    """The first of a kind, by two figures of which the highest come first."""
    told = (asked.c[name] for name in ("id", "text", "answers", "up", "down"))
    query = sqlalchemy.select(literal(kind).label("kind"), *told, rank.label("rank"), then.label("then"))
    return sqlalchemy.select(query.where(*wanted).order_by(desc("rank"), desc("then")).limit(limit).subquery())


def _asked(assistant_id: str) -> CTE:
    """The rated questions by their words, and for each its thumbs up, down, and how many people gave them."""
    rating, up, down = _thumbs()
    asked = aliased(Message)
    selected = sqlalchemy.select(
        func.min(asked.id).label("id"),
        func.min(asked.text).label("text"),
        func.count(col(Message.id).distinct()).label("answers"),
        up.label("up"),
        down.label("down"),
        func.count(rating.c.rater.distinct()).label("people"),
    )
    query = _of(assistant_id, selected, rating).join(asked, col(asked.id) == col(Message.parent_id))
    return query.group_by(same_words(col(asked.text))).cte("asked")


def _thumbs() -> tuple[Subquery, ColumnElement[int], ColumnElement[int]]:
    """The thumbs that count, and how many of them are up and down."""
    rating = counting.ratings().where(Rating.rater != IMPORTER).subquery()
    return rating, _how_many(rating.c.value == Value.up), _how_many(rating.c.value == Value.down)


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


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
