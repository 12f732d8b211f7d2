"""Which rows count: a person's last one for a reply (or for two replies, in either order), unless it takes back.

Queries only. Every reader of feedback starts from these, so that undo means the same to all of them.
"""

from sqlalchemy import case, func
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from feedback.tables import Comparison, Correction, Outcome, Rating, Value


def ratings() -> SelectOfScalar[Rating]:
    """The thumbs that count."""
    last = select(func.max(Rating.id)).group_by(col(Rating.reply_id), col(Rating.rater))
    return select(Rating).where(col(Rating.id).in_(last), Rating.value != Value.none)


def corrections() -> SelectOfScalar[Correction]:
    """The corrections that count."""
    last = select(func.max(Correction.id)).group_by(col(Correction.reply_id), col(Correction.rater))
    return select(Correction).where(col(Correction.id).in_(last), Correction.text != "")


def comparisons() -> SelectOfScalar[Comparison]:
    """The comparisons that count, ties included."""
    winner, loser = col(Comparison.winner_id), col(Comparison.loser_id)
    first, second = case((winner < loser, winner), else_=loser), case((winner < loser, loser), else_=winner)
    last = select(func.max(Comparison.id)).group_by(first, second, col(Comparison.rater))
    return select(Comparison).where(col(Comparison.id).in_(last), Comparison.outcome != Outcome.none)
