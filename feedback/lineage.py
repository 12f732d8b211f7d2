"""What people said in the rows that an adapter was trained on, for whoever wants to know what taught it.

Rows are named as in a run's files, such as `rating:12`. Which rows those are, `retrain` knows.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from assistant.tables import Message
from feedback import counting
from feedback.rows import ABOUT, Row, name_of, table_and_number
from feedback.tables import Comparison, Correction, Outcome, Rating, Value


class Meaning(StrEnum):
    """What a row says of its reply."""

    up = "up"
    down = "down"
    corrected = "corrected"
    better = "better"
    """Than another answer to its question."""
    tie = "tie"


@dataclass(frozen=True, kw_only=True)
class Said:
    """A row in words. `text` is a comment, or what the reply should have said."""

    row: str
    reply: str
    question: str
    meaning: Meaning
    reasons: tuple[str, ...] = ()
    text: str = ""
    at: datetime
    counts: bool
    """Whether it still does: nobody has taken it back or said otherwise since."""


def said(session: Session, rows: Sequence[str]) -> tuple[Said, ...]:
    """What these rows say, in their order; rows that were deleted since are left out."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        table, number = table_and_number(row)
        numbers[table].append(number)
    counted = counting.by_table()
    found = (
        one
        for table, reply_id in ABOUT
        for one in _of_table(session, table, reply_id, counted[table], numbers[table.__tablename__])
    )
    by_row = {one.row: one for one in found}
    return tuple(by_row[row] for row in rows if row in by_row)


def _of_table(session: Session, table: Any, reply_id: Any, counted: Any, ids: Sequence[int]) -> Iterator[Said]:
    """Rows of a table, each with the question that its reply answers."""
    asked, reply = aliased(Message), aliased(Message)
    count = {row.id for row in session.exec(counted.where(col(table.id).in_(ids)))}
    query = select(table, asked.text).where(col(table.id).in_(ids)).join(reply, col(reply.id) == reply_id)
    for row, question in session.exec(query.join(asked, col(asked.id) == reply.parent_id)):
        yield _in_words(row, question=question, counts=row.id in count)


def _in_words(row: Row, *, question: str, counts: bool) -> Said:
    said = Said(
        row=name_of(row),
        reply=row.winner_id if isinstance(row, Comparison) else row.reply_id,
        question=question,
        meaning=Meaning.corrected,
        at=row.created_at,
        counts=counts,
    )
    match row:
        case Rating():
            liked = Meaning.up if row.value is Value.up else Meaning.down
            return replace(said, meaning=liked, reasons=tuple(row.reasons), text=row.comment)
        case Correction():
            return replace(said, text=row.text)
        case Comparison():
            return replace(said, meaning=Meaning.tie if row.outcome is Outcome.tie else Meaning.better)
