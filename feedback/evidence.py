"""Gathers what counts of an assistant's feedback, out of the database, as plain frozen values for `feedback.pairs`.

Only answers that are there to learn from: finished or stopped by their reader, and not empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import sqlalchemy
from sqlalchemy import func, union
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from assistant.prompt import ChatMessage
from assistant.tables import ANSWERED, Conversation, Message, Reply, ReplyState
from feedback import counting
from feedback.likeness import normal
from feedback.rows import row_name
from feedback.tables import Comparison, Correction, Exclusion, Outcome, Rating, Value

PromptKey = tuple[str, ...]
TextKey = tuple[PromptKey, str]
"""A prompt and an answer to it, for telling texts apart."""
Stamp = tuple[int | None, ...]
"""Of all feedback: of each of its tables how many rows there are, and the last id."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reply that somebody gave feedback on; `question` is the id of the message it answers."""

    id: str
    question: str
    conversation: str
    prompt: tuple[ChatMessage, ...]
    """As given to the model, sources and all."""
    text: str
    adapter: str | None = None
    finished: bool = True
    """False: its reader stopped it, so the text ends anywhere."""

    @cached_property
    def prompt_key(self) -> PromptKey:
        """The same for the same messages: the same question with the same sources, history and instructions."""
        return tuple(part for message in self.prompt for part in (message["role"], message["content"]))

    @cached_property
    def text_key(self) -> TextKey:
        """The same for the same words to the same prompt, whatever the white space."""
        return self.prompt_key, normal(self.text)


@dataclass(frozen=True)
class Thumb:
    """A rating that counts. Rows are numbered in the order in which they were given."""

    row: int
    reply: str
    rater: str
    up: bool
    for_all: bool = False
    """Whether it may act for everybody at once."""


@dataclass(frozen=True)
class CorrectedText:
    """A correction that counts."""

    row: int
    reply: str
    rater: str
    text: str
    for_all: bool = False


@dataclass(frozen=True)
class Choice:
    """A comparison that counts; for a tie the order of the two says nothing."""

    row: int
    winner: str
    loser: str
    rater: str
    tie: bool = False


@dataclass(frozen=True)
class Excluded:
    """A row that an admin leaves out of training, such as `rating:12`, and the replies that it is about."""

    row: str
    replies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that counts of the feedback on one assistant; the order within each field says nothing."""

    answers: tuple[Answer, ...] = ()
    thumbs: tuple[Thumb, ...] = ()
    corrections: tuple[CorrectedText, ...] = ()
    choices: tuple[Choice, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    """Would count, and is in none of the others."""


def gather(session: Session, assistant_id: str, *, question: str | None = None) -> Evidence:
    """The evidence on an assistant, as it counts now, in the order in which it was given.

    With `question`, only that on answers to messages of exactly these words.
    """
    answers = {answer.id: answer for answer in _answers(session, assistant_id, question)}
    theirs = select(Message.id).join(Conversation).where(Conversation.assistant_id == assistant_id)
    if question is not None:
        theirs = theirs.where(col(Message.parent_id).in_(select(Message.id).where(Message.text == question)))
    rows = partial(_rows, session, theirs)
    ratings = rows(counting.ratings(), Rating.id, Rating.reply_id, Rating.rater, Rating.value, Rating.for_all)
    corrections = rows(
        counting.corrections(),
        Correction.id,
        Correction.reply_id,
        Correction.rater,
        Correction.text,
        Correction.for_all,
    )
    comparisons = rows(
        counting.comparisons(),
        Comparison.id,
        Comparison.winner_id,
        Comparison.loser_id,
        Comparison.rater,
        Comparison.outcome,
    )
    not_wanted = excluded_rows(session)
    excluded: list[Excluded] = []

    def wanted(row: str, *replies: str) -> bool:
        if not all(reply in answers for reply in replies):
            return False
        if row in not_wanted:
            excluded.append(Excluded(row, replies))
        return row not in not_wanted

    return Evidence(
        answers=tuple(answers.values()),
        thumbs=tuple(
            Thumb(id_, reply, rater, value is Value.up, for_all)
            for id_, reply, rater, value, for_all in ratings
            if wanted(row_name("rating", id_), reply)
        ),
        corrections=tuple(
            CorrectedText(id_, reply, rater, text, for_all)
            for id_, reply, rater, text, for_all in corrections
            if wanted(row_name("correction", id_), reply)
        ),
        choices=tuple(
            Choice(id_, winner, loser, rater, outcome is Outcome.tie)
            for id_, winner, loser, rater, outcome in comparisons
            if wanted(row_name("comparison", id_), winner, loser)
        ),
        excluded=tuple(excluded),
    )


def _rows(
    session: Session, theirs: Any, counted: Any, id_: Any, about: Any, *columns: Any
) -> Iterator[tuple[Any, ...]]:
    """Bare values of what was said about these replies, in order: objects of thousands of rows take twice as long."""
    query = counted.where(about.in_(theirs)).with_only_columns(id_, about, *columns).order_by(id_)
    yield from session.connection().execute(query)


def stamp(session: Session) -> Stamp:
    """What stays the same only while `gather` gives the same, of whatever assistant and whoever writes.

    Rows of feedback are added and deleted, never changed, under ids that are never used twice; and the answers that
    they are about change no more.
    """
    tables: tuple[Any, ...] = (Rating, Correction, Comparison, Exclusion)
    parts = [select(part(table.id)).scalar_subquery() for table in tables for part in (func.count, func.max)]
    return tuple(session.connection().execute(sqlalchemy.select(*parts)).one())


def excluded_rows(session: Session) -> dict[str, Exclusion]:
    """What admins leave out of training now, by row."""
    return {one.row: one for one in session.exec(counting.exclusions())}


def _answers(session: Session, assistant_id: str, question: str | None) -> Iterator[Answer]:
    judged = union(
        select(Rating.reply_id), select(Correction.reply_id), select(Comparison.winner_id), select(Comparison.loser_id)
    )
    query = (
        sqlalchemy.select(
            col(Message.id),
            func.coalesce(col(Message.parent_id), col(Message.id)),
            col(Message.conversation_id),
            col(Reply.prompt),
            col(Message.text),
            col(Reply.adapter),
            col(Reply.state) == ReplyState.done,
        )
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(
            col(Conversation.assistant_id) == assistant_id,
            col(Reply.state).in_(ANSWERED),
            col(Message.id).in_(judged),
        )
        .order_by(col(Message.created_at), col(Message.id))
    )
    if question is not None:
        asked = aliased(Message)
        query = query.join(asked, col(asked.id) == col(Message.parent_id)).where(col(asked.text) == question)
    for id_, parent, conversation, prompt, text, adapter, finished in session.connection().execute(query):
        if text.strip():
            yield Answer(
                id=id_,
                question=parent,
                conversation=conversation,
                prompt=tuple(prompt),
                text=text,
                adapter=adapter,
                finished=bool(finished),
            )
