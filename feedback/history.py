"""One reply with all that people ever said of it, and what of that training sees and why not.

What makes a pair is decided in `feedback.pairs` and what makes a lesson in `feedback.lessons`; here one looks up what
they made of one reply.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

from sqlalchemy import or_
from sqlmodel import Session, col, select

from feedback import counting
from feedback.evidence import gather
from feedback.exclusion import Row
from feedback.lessons import Lesson, build_lessons
from feedback.pairs import LeftOut, Pair, Single, build_pairs
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
    rated = counting.ratings().where(Rating.reply_id == reply_id)
    corrected = counting.corrections().where(Correction.reply_id == reply_id)
    counted = {
        *(f"rating:{row.id}" for row in session.exec(rated)),
        *(f"correction:{row.id}" for row in session.exec(corrected)),
        *(f"comparison:{row.id}" for row in session.exec(counting.comparisons().where(compared))),
    }
    rows: list[tuple[str, Row]] = [
        *((f"rating:{row.id}", row) for row in session.exec(select(Rating).where(Rating.reply_id == reply_id))),
        *((f"correction:{r.id}", r) for r in session.exec(select(Correction).where(Correction.reply_id == reply_id))),
        *((f"comparison:{row.id}", row) for row in session.exec(select(Comparison).where(compared))),
    ]
    wanted = counting.exclusions().where(col(Exclusion.row).in_([name for name, _ in rows]))
    excluded = {one.row: one for one in session.exec(wanted)}
    rows.sort(key=lambda row: (row[1].created_at, cast(int, row[1].id)))
    return [
        Remark(
            row=name,
            rater=said.rater,
            said=said,
            standing=_standing(said, counts=name in counted, excluded=name in excluded),
            exclusion=excluded.get(name),
        )
        for name, said in rows
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
        lessons=tuple(lesson for lesson in build_lessons(evidence) if not about.isdisjoint(lesson.rows)),
        why_not=tuple(filter(of_it, built.why_not)),
    )


def _standing(said: Row, *, counts: bool, excluded: bool) -> Standing:
    if counts:
        return Standing.left_out if excluded else Standing.counts
    match said:
        case Rating(value=Value.none) | Correction(text="") | Comparison(outcome=Outcome.none):
            return Standing.takes_back
    return Standing.changed
