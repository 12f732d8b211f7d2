"""What a person thinks of a reply: stored, taken back, shown again, forgotten. A rater is an opaque id.

Rows are only added, and the same opinion twice adds one row (a double click). Which rows count is said in
`feedback.counting`; sessions are passed in, and what is written is on disk when the caller's write session ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import delete, or_, union
from sqlmodel import Session, col, select

from assistant import records
from assistant.errors import BadInput, Conflict
from assistant.tables import Conversation, Message, ReplyState
from feedback import counting, golden
from feedback.rows import ABOUT
from feedback.tables import IMPORTER, Comparison, Correction, Exclusion, Outcome, Rating, Value

Kind = TypeVar("Kind", Value, Outcome)

MAX_COMMENT_CHARS = 2_000
MAX_CORRECTION_CHARS = 8_000
REASONS: dict[Value, tuple[tuple[str, str], ...]] = {
    Value.up: (
        ("right", "Right"),
        ("clear", "Clear"),
        ("well_sourced", "Backed by its sources"),
        ("good_length", "Good length"),
        ("other", "Something else"),
    ),
    Value.down: (
        ("wrong", "Wrong"),
        ("not_in_sources", "Not in the sources"),
        ("too_long", "Too long"),
        ("too_short", "Too short"),
        ("hard_to_read", "Hard to read"),
        ("off_topic", "Off topic"),
        ("rude", "Rude"),
        ("other", "Something else"),
    ),
    Value.none: (),
}
"""The reasons that fit each thumb, as (id, label) in the order in which they are offered."""
LABELS = {reason: label for offered in REASONS.values() for reason, label in offered}


@dataclass(frozen=True)
class Opinion:
    """What one person thinks of one reply, as far as it counts; `better_than` and so on are ids of other replies."""

    value: Value = Value.none
    reasons: tuple[str, ...] = ()
    comment: str = ""
    correction: str = ""
    better_than: tuple[str, ...] = ()
    worse_than: tuple[str, ...] = ()
    tied_with: tuple[str, ...] = ()


def rate(
    session: Session,
    reply_id: str,
    *,
    rater: str,
    value: Value | str,
    reasons: Iterable[str] = (),
    comment: str = "",
    any_owner: bool = False,
    for_all: bool = False,
) -> bool:
    """Store a thumb; whether a row was added. `none` takes the thumb back.

    The reply must stand in one of the rater's own conversations, unless `any_owner`. What becomes golden by it is given
    as an example in everybody's conversations with `for_all`, otherwise in the rater's own. Raises `BadInput`,
    `NotFound`, and `Conflict` for a reply that is still being written.
    """
    value = _member(Value, value)
    chosen = _reasons(value, reasons)
    comment = _text(comment, what="comment", at_most=MAX_COMMENT_CHARS)
    if value is Value.none and comment:
        raise BadInput("A rating that is taken back has no comment. Leave the comment out, or choose up or down.")
    _rateable(session, reply_id, rater=rater, any_owner=any_owner)
    query = select(Rating).where(Rating.reply_id == reply_id, Rating.rater == rater).order_by(col(Rating.id).desc())
    last = session.exec(query).first() or Rating(reply_id=reply_id, rater=rater, value=Value.none)
    if (last.value, last.reasons, last.comment) == (value, chosen, comment):
        return False
    row = Rating(reply_id=reply_id, rater=rater, value=value, reasons=chosen, comment=comment, for_all=for_all)
    _add(session, row, about=reply_id)
    return True


def correct(
    session: Session, reply_id: str, *, rater: str, text: str, any_owner: bool = False, for_all: bool = False
) -> bool:
    """Store what a reply should have said; whether a row was added. An empty text takes it back.

    It is a golden answer from then on, for whom `rate` tells. Raises as `rate` does.
    """
    text = _text(text, what="correction", at_most=MAX_CORRECTION_CHARS)
    message = _rateable(session, reply_id, rater=rater, any_owner=any_owner)
    if text.split() == message.text.split():
        raise BadInput("The correction says what the answer says. Change it to what the answer should have said.")
    query = select(Correction.text).where(Correction.reply_id == reply_id, Correction.rater == rater)
    if (session.exec(query.order_by(col(Correction.id).desc())).first() or "") == text:
        return False
    _add(session, Correction(reply_id=reply_id, rater=rater, text=text, for_all=for_all), about=reply_id)
    return True


def compare(
    session: Session,
    winner_id: str,
    loser_id: str,
    *,
    rater: str,
    outcome: Outcome | str = Outcome.better,
    any_owner: bool = False,
) -> bool:
    """Store which of two replies to one question is better; whether a row was added. `none` takes it back.

    For a tie, and for `none`, the order of the two does not matter. Raises as `rate` does.
    """
    outcome = _member(Outcome, outcome)
    if winner_id == loser_id:
        raise BadInput("An answer cannot be compared with itself. Choose two answers to one question.")
    winner = _rateable(session, winner_id, rater=rater, any_owner=any_owner)
    loser = _rateable(session, loser_id, rater=rater, any_owner=any_owner)
    if winner.parent_id is None or winner.parent_id != loser.parent_id:
        raise BadInput("These answers belong to different questions. Choose two answers to one question.")
    both = (winner_id, loser_id)
    query = select(Comparison).where(
        col(Comparison.winner_id).in_(both), col(Comparison.loser_id).in_(both), Comparison.rater == rater
    )
    last = session.exec(query.order_by(col(Comparison.id).desc())).first()
    if outcome is (last.outcome if last else Outcome.none):
        if last is None or outcome is not Outcome.better or last.winner_id == winner_id:
            return False
    row = Comparison(winner_id=winner_id, loser_id=loser_id, rater=rater, outcome=outcome)
    _add(session, row, about=winner_id)
    return True


def of_person(session: Session, reply_ids: Sequence[str], rater: str) -> dict[str, Opinion]:
    """What a person thinks of each of these replies, for showing it again; an empty `Opinion` if nothing."""
    opinions = dict.fromkeys(reply_ids, Opinion())
    ids = list(opinions)
    for rating in session.exec(counting.ratings(rater).where(col(Rating.reply_id).in_(ids))):
        opinions[rating.reply_id] = Opinion(rating.value, tuple(rating.reasons), rating.comment)
    for row in session.exec(counting.corrections(rater).where(col(Correction.reply_id).in_(ids))):
        opinions[row.reply_id] = replace(opinions[row.reply_id], correction=row.text)
    among = or_(col(Comparison.winner_id).in_(ids), col(Comparison.loser_id).in_(ids))
    query = counting.comparisons(rater).where(among).order_by(col(Comparison.id))
    for comparison in session.exec(query):
        winner, loser = comparison.winner_id, comparison.loser_id
        tie = comparison.outcome is Outcome.tie
        if winner in opinions:
            opinions[winner] = _seen(opinions[winner], tie=tie, better_than=loser)
        if loser in opinions:
            opinions[loser] = _seen(opinions[loser], tie=tie, worse_than=winner)
    return opinions


def _seen(opinion: Opinion, *, tie: bool, better_than: str = "", worse_than: str = "") -> Opinion:
    if tie:
        return replace(opinion, tied_with=(*opinion.tied_with, better_than or worse_than))
    if better_than:
        return replace(opinion, better_than=(*opinion.better_than, better_than))
    return replace(opinion, worse_than=(*opinion.worse_than, worse_than))


def forget(session: Session, rater: str) -> int:
    """Delete all that a person said of any reply, history and golden answers included; the number of rows."""
    about = union(*(select(reply).where(col(table.rater) == rater) for table, reply in ABOUT))
    judged = select(Conversation.assistant_id).join(Message).where(col(Message.id).in_(about)).distinct()
    assistants = session.exec(judged).all()
    deleted = sum(
        int(session.exec(delete(table).where(col(table.rater) == rater)).rowcount)
        for table in (Exclusion, Rating, Correction, Comparison)
    )
    for assistant_id in assistants:
        golden.refresh(session, assistant_id)
    return deleted


def _add(session: Session, row: Rating | Correction | Comparison, *, about: str) -> None:
    session.add(row)
    session.flush()
    if row.rater != IMPORTER:  # an import brings thousands of rows, and looks at all of them once at its end
        golden.refresh_of_reply(session, about)


def storable(text: str) -> str:
    """A text without zero bytes and halves of surrogate pairs, which databases and tokenizers refuse."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _rateable(session: Session, reply_id: str, *, rater: str, any_owner: bool) -> Message:
    message, made = records.reply(session, reply_id, owner=None if any_owner else rater)
    if made.state is ReplyState.streaming:
        raise Conflict("This answer is still being written. Wait for its end, or stop it, and rate it then.")
    if made.state is ReplyState.failed or not message.text.strip():
        raise BadInput("This answer failed or is empty, so there is nothing to rate. Try it again first.")
    return message


def _member(kind: type[Kind], value: str) -> Kind:
    try:
        return kind(value)
    except ValueError as exc:
        raise BadInput(f"{value!r} is not an opinion that is known here. Use one of {', '.join(kind)}.") from exc


def _reasons(value: Value, reasons: Iterable[str]) -> list[str]:
    given = list(reasons)
    fitting = [reason for reason, _ in REASONS[value]]
    unknown = [str(reason) for reason in given if reason not in fitting]
    if unknown and not fitting:
        raise BadInput("A rating that is taken back has no reasons. Leave them out, or choose up or down.")
    if unknown:
        raise BadInput(f"{unknown[0]!r} is no reason for {value}. Choose among {', '.join(fitting)}.")
    return [reason for reason in fitting if reason in given]


def _text(text: str, *, what: str, at_most: int) -> str:
    if not isinstance(text, str):
        raise BadInput(f"The {what} is not a text. Send it as a string.")
    cleaned = storable(text).strip()
    if len(cleaned) > at_most:
        raise BadInput(f"The {what} has {len(cleaned)} characters, and at most {at_most} are kept. Shorten it.")
    return cleaned
