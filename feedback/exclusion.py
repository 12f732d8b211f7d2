"""What an admin leaves out of training, uses again, or words better. A row is named as in pairs, such as `rating:12`.

Rows are only added: what people said stays as they said it. What is left out is no golden answer either. Who may do
this is not decided here.
"""

from sqlmodel import Session, col, select

from assistant.errors import BadInput, NotFound
from feedback import counting, golden, ratings, rows
from feedback.rows import Row
from feedback.tables import Comparison, Correction, Exclusion

MAX_REASON_CHARS = 500
REWORDED = "An admin worded it better."
"""The reason why a correction is left out that an admin's text stands for."""


def leave_out(session: Session, row: str, *, admin: str, reason: str) -> bool:
    """Leave a row out of training; whether that was new. Raises `BadInput`, `NotFound`."""
    reason = ratings.storable(reason).strip()
    if not reason:
        raise BadInput("A reason is missing. Say in a few words why this should not be learned from.")
    if len(reason) > MAX_REASON_CHARS:
        raise BadInput(f"The reason has {len(reason)} characters, and at most {MAX_REASON_CHARS} are kept. Shorten it.")
    said = find(session, row)
    if (last := _last(session, row)) is not None and last.reason == reason:
        return False
    _add(session, row, said, admin=admin, reason=reason)
    return True


def use_again(session: Session, row: str, *, admin: str) -> bool:
    """Take back that a row is left out; whether it was. Raises `BadInput`, `NotFound`."""
    said = find(session, row)
    last = _last(session, row)
    if last is None or not last.reason:
        return False
    _add(session, row, said, admin=admin, reason="")
    return True


def reword(session: Session, row: str, *, admin: str, text: str) -> bool:
    """Let the admin's text count instead of a correction; whether anything was new. Raises `BadInput`, `NotFound`.

    The admin's is a correction of their own, and the person's is left out of training.
    """
    said = find(session, row)
    if not isinstance(said, Correction):
        raise BadInput("Only what somebody wrote as a better answer can be worded anew. Choose a correction.")
    if not text.strip():
        raise BadInput("The text is empty. Write what the answer should have said, or leave the correction out.")
    added = ratings.correct(session, said.reply_id, rater=admin, text=text, any_owner=True, for_all=True)
    return (said.rater != admin and leave_out(session, row, admin=admin, reason=REWORDED)) or added


def take_back_rewording(session: Session, reply_id: str, *, admin: str) -> bool:
    """Take back the admin's own text for a reply; what it stood for counts again. Raises `BadInput`, `NotFound`."""
    back = ratings.correct(session, reply_id, rater=admin, text="", any_owner=True)
    query = counting.exclusions().where(
        Exclusion.reply_id == reply_id, Exclusion.admin == admin, Exclusion.reason == REWORDED
    )
    for stood_for in session.exec(query).all():
        use_again(session, stood_for.row, admin=admin)
    return back


def find(session: Session, row: str) -> Row:
    """The row of that name. Raises `BadInput`, `NotFound`."""
    if not rows.is_name(row):
        raise BadInput(f"{row[:40]!r} names nothing that people said. Give one such as rating:12 or correction:3.")
    said = rows.find(session, row)
    if said is None:
        raise NotFound("This was deleted by who said it. Reload the page.")
    return said


def _last(session: Session, row: str) -> Exclusion | None:
    query = select(Exclusion).where(Exclusion.row == row).order_by(col(Exclusion.id).desc())
    return session.exec(query).first()


def _add(session: Session, row: str, said: Row, *, admin: str, reason: str) -> None:
    about = said.winner_id if isinstance(said, Comparison) else said.reply_id
    session.add(Exclusion(row=row, reply_id=about, rater=said.rater, admin=admin, reason=reason))
    session.flush()
    golden.refresh_of_reply(session, about)
