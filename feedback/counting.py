"""Which rows count: a person's last one for a reply (or for two replies, in either order), unless it takes back.

Queries only, of all people or of one `rater`. Every reader of feedback starts from these, so that undo means the same
to all of them.
"""

from typing import Any

from sqlalchemy import case, func
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from feedback.tables import Comparison, Correction, Exclusion, Outcome, Rating, Value


def ratings(rater: str | None = None) -> SelectOfScalar[Rating]:
    """The thumbs that count."""
    last = select(func.max(Rating.id)).group_by(col(Rating.reply_id), col(Rating.rater))
    return select(Rating).where(col(Rating.id).in_(_of(last, Rating, rater)), Rating.value != Value.none)


def corrections(rater: str | None = None) -> SelectOfScalar[Correction]:
    """The corrections that count."""
    last = select(func.max(Correction.id)).group_by(col(Correction.reply_id), col(Correction.rater))
    return select(Correction).where(col(Correction.id).in_(_of(last, Correction, rater)), Correction.text != "")


def comparisons(rater: str | None = None) -> SelectOfScalar[Comparison]:
    """The comparisons that count, ties included."""
    winner, loser = col(Comparison.winner_id), col(Comparison.loser_id)
    first, second = case((winner < loser, winner), else_=loser), case((winner < loser, loser), else_=winner)
    last = select(func.max(Comparison.id)).group_by(first, second, col(Comparison.rater))
    return select(Comparison).where(
        col(Comparison.id).in_(_of(last, Comparison, rater)), Comparison.outcome != Outcome.none
    )


def by_table() -> dict[Any, SelectOfScalar[Any]]:
    """All that counts, by the table that it is in."""
    return {Rating: ratings(), Correction: corrections(), Comparison: comparisons()}


def _of(last: Any, table: Any, rater: str | None) -> Any:
    return last if rater is None else last.where(table.rater == rater)


def exclusions() -> SelectOfScalar[Exclusion]:
    """What admins leave out of training now. Whether such a row still counts is not looked at."""
    last = select(func.max(Exclusion.id)).group_by(col(Exclusion.row))
    return select(Exclusion).where(col(Exclusion.id).in_(last), Exclusion.reason != "")
