"""One reply with all that people ever said of it, and what of that training sees and why not.

What makes a pair is decided in `feedback.pairs` and what makes a lesson in `feedback.lessons`; here one looks up what
they made of one reply.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import or_
from sqlmodel import Session, col, select

from feedback import counting
from feedback.evidence import gather
from feedback.lessons import Lesson, build_lessons
from feedback.pairs import LeftOut, Pair, Single, build_pairs
from feedback.rows import Row, name_of
from feedback.tables import Comparison, Correction, Exclusion, Outcome, Rating, Value


class Standing(StrEnum):
    """What became of something that was said."""

    counts = "counts"
    changed = "changed"
    """The person said something else since, or took it back."""
    takes_back = "takes_back"
    """It takes back what was said before."""
    left_out = "left_out"
    """By an admin, out of training."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that a person said of a reply, or of it and another one."""

    row: str
    """Such as `rating:12`."""
    rater: str
    said: Row
    standing: Standing
    exclusion: Exclusion | None = None
    """Why it is left out, and by whom."""

    @property
    def at(self) -> datetime:
        """When it was said."""
        return self.said.created_at


@dataclass(frozen=True)
class Teaching:
    """What training would make of a reply as things stand."""

    pairs: tuple[Pair, ...]
    singles: tuple[Single, ...]
    lessons: tuple[Lesson, ...]
    why_not: tuple[LeftOut, ...]


def remarks(session: Session, reply_id: str) -> list[Remark]:
    """All that was ever said of a reply, in order."""
    compared = or_(col(Comparison.winner_id) == reply_id, col(Comparison.loser_id) == reply_id)
    counting_of_it: tuple[Any, ...] = (
        counting.ratings().where(Rating.reply_id == reply_id),
        counting.corrections().where(Correction.reply_id == reply_id),
        counting.comparisons().where(compared),
    )
    all_of_it: tuple[Any, ...] = (
        select(Rating).where(Rating.reply_id == reply_id),
        select(Correction).where(Correction.reply_id == reply_id),
        select(Comparison).where(compared),
    )
    counted = {name_of(row) for query in counting_of_it for row in session.exec(query)}
    said: list[Row] = [row for query in all_of_it for row in session.exec(query)]
    excluded_now = counting.exclusions().where(col(Exclusion.row).in_(list(map(name_of, said))))
    excluded = {one.row: one for one in session.exec(excluded_now)}
    return [
        Remark(
            row=name_of(row),
            rater=row.rater,
            said=row,
            standing=_standing(row, counts=name_of(row) in counted, excluded=name_of(row) in excluded),
            exclusion=excluded.get(name_of(row)),
        )
        for row in sorted(said, key=lambda row: (row.created_at, cast(int, row.id)))
    ]


def teaching(session: Session, assistant_id: str, reply_id: str) -> Teaching:
    """What training would make of a reply; all of the assistant's feedback is looked at for it."""
    evidence = gather(session, assistant_id)
    built = build_pairs(evidence)
    about = {row.row for row in remarks(session, reply_id)}

    def of_it(one: Pair | Single | LeftOut) -> bool:
        return reply_id in one.replies or not about.isdisjoint(one.rows)

    return Teaching(
        pairs=tuple(filter(of_it, built.pairs)),
        singles=tuple(filter(of_it, built.singles)),
        lessons=tuple(
            lesson
            for lesson in build_lessons(evidence, distrusted=built.distrusted)
            if not about.isdisjoint(lesson.rows)
        ),
        why_not=tuple(filter(of_it, built.why_not)),
    )


def _standing(said: Row, *, counts: bool, excluded: bool) -> Standing:
    if counts:
        return Standing.left_out if excluded else Standing.counts
    match said:
        case Rating(value=Value.none) | Correction(text="") | Comparison(outcome=Outcome.none):
            return Standing.takes_back
    return Standing.changed
