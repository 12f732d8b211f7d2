"""What people said in the rows that an adapter was trained on, for whoever wants to know what taught it.

Rows are named as in a run's files, such as `rating:12`. Which rows those are, `retrain` knows.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from assistant.tables import Message
from feedback import counting
from feedback.tables import Comparison, Correction, Outcome, Rating, Value

_Row = tuple[Any, str, bool]


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
        table, _, number = row.partition(":")
        numbers[table].append(int(number))
    rated = _rows(session, Rating, Rating.reply_id, counting.ratings(), numbers["rating"])
    corrected = _rows(session, Correction, Correction.reply_id, counting.corrections(), numbers["correction"])
    compared = _rows(session, Comparison, Comparison.winner_id, counting.comparisons(), numbers["comparison"])
    found = (*map(_rating, rated), *map(_correction, corrected), *map(_comparison, compared))
    by_row = {one.row: one for one in found}
    return tuple(by_row[row] for row in rows if row in by_row)


def _rows(session: Session, table: Any, reply_id: Any, counted: Any, ids: Sequence[int]) -> Iterator[_Row]:
    """Rows of a table, each with the question that its reply answers, and whether it counts."""
    asked, reply = aliased(Message), aliased(Message)
    count = {row.id for row in session.exec(counted.where(col(table.id).in_(ids)))}
    query = select(table, asked.text).where(col(table.id).in_(ids)).join(reply, col(reply.id) == reply_id)
    for row, question in session.exec(query.join(asked, col(asked.id) == reply.parent_id)):
        yield row, question, row.id in count


def _rating(found: _Row) -> Said:
    row, question, counts = found
    return Said(
        row=f"rating:{row.id}",
        reply=row.reply_id,
        question=question,
        meaning=Meaning.up if row.value is Value.up else Meaning.down,
        reasons=tuple(row.reasons),
        text=row.comment,
        at=row.created_at,
        counts=counts,
    )


def _correction(found: _Row) -> Said:
    row, question, counts = found
    return Said(
        row=f"correction:{row.id}",
        reply=row.reply_id,
        question=question,
        meaning=Meaning.corrected,
        text=row.text,
        at=row.created_at,
        counts=counts,
    )


def _comparison(found: _Row) -> Said:
    row, question, counts = found
    return Said(
        row=f"comparison:{row.id}",
        reply=row.winner_id,
        question=question,
        meaning=Meaning.tie if row.outcome is Outcome.tie else Meaning.better,
        at=row.created_at,
        counts=counts,
    )
