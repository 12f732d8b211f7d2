"""Rating, correcting and comparing replies. The browser sends ids; what they stand for is read from the database.

A person rates replies in their own conversations, an admin any. What somebody with an account says may be given as an
example in everybody's conversations at once, what a guest says only in theirs: anybody could be a guest.
Admins also say what is not to be learned from.
"""

from typing import Any

from feedback import exclusion, ratings
from feedback.exclusion import MAX_REASON_CHARS
from feedback.ratings import MAX_COMMENT_CHARS, MAX_CORRECTION_CHARS
from feedback.tables import Outcome, Value
from ui.endpoints import inputs
from ui.services import Services
from ui.sessions import Caller


def rate(
    services: Services, caller: Caller, reply: str, value: str, reasons: list[str] | None = None, comment: str = ""
) -> dict[str, Any]:
    """Rate a reply up or down, or take the rating back with `none`. Raises `BadInput`, `NotFound`, `Conflict`."""
    reply = inputs.name(reply, "reply")
    given = inputs.choice(value, "value", list(Value))
    why = inputs.names(reasons, "reasons")
    said = inputs.text("" if comment is None else comment, "comment", max_chars=MAX_COMMENT_CHARS, empty=True)
    with services.database.write() as session:
        ratings.rate(session, reply, rater=caller.id, value=given, reasons=why, comment=said, **_reach(caller))
    services.watch.rated(reply)
    return {"reply": reply, "value": given}


def correct(services: Services, caller: Caller, reply: str, text: str) -> dict[str, Any]:
    """Say what a reply should have said; an empty text takes that back. Raises `BadInput`, `NotFound`, `Conflict`."""
    reply = inputs.name(reply, "reply")
    text = inputs.text(text, "correction", max_chars=MAX_CORRECTION_CHARS, empty=True).strip()
    with services.database.write() as session:
        ratings.correct(session, reply, rater=caller.id, text=text, **_reach(caller))
    return {"reply": reply, "corrected": bool(text)}


def compare(services: Services, caller: Caller, winner: str, loser: str, outcome: str = "better") -> dict[str, Any]:
    """Say which of two replies to one question was better, that they tie, or take that back with `none`.

    Raises `BadInput`, `NotFound`, `Conflict`.
    """
    winner, loser = inputs.name(winner, "winner"), inputs.name(loser, "loser")
    chosen = inputs.choice(outcome, "outcome", list(Outcome))
    with services.database.write() as session:
        ratings.compare(session, winner, loser, rater=caller.id, outcome=chosen, any_owner=caller.is_admin)
    return {"winner": winner, "loser": loser, "outcome": chosen}


def _reach(caller: Caller) -> dict[str, bool]:
    return {"any_owner": caller.is_admin, "for_all": caller.role != "guest"}


def leave_out(services: Services, caller: Caller, row: str, reason: str) -> dict[str, Any]:
    """Leave something that people said, such as `rating:12`, out of training. Raises `BadInput`, `NotFound`."""
    caller.require_admin()
    row = inputs.name(row, "row")
    why = inputs.text(reason, "reason", max_chars=MAX_REASON_CHARS).strip()
    with services.database.write() as session:
        exclusion.leave_out(session, row, admin=caller.id, reason=why)
    return {"row": row, "left_out": True, "reason": why}


def use_again(services: Services, caller: Caller, row: str) -> dict[str, Any]:
    """Take back that something is left out of training. Raises `BadInput`, `NotFound`."""
    caller.require_admin()
    row = inputs.name(row, "row")
    with services.database.write() as session:
        exclusion.use_again(session, row, admin=caller.id)
    return {"row": row, "left_out": False, "reason": ""}


def reword(services: Services, caller: Caller, row: str, text: str) -> dict[str, Any]:
    """Let the admin's text count instead of a correction, such as `correction:3`. Raises `BadInput`, `NotFound`."""
    caller.require_admin()
    row = inputs.name(row, "row")
    text = inputs.text(text, "correction", max_chars=MAX_CORRECTION_CHARS).strip()
    with services.database.write() as session:
        exclusion.reword(session, row, admin=caller.id, text=text)
    return {"row": row, "text": text}


def take_back_rewording(services: Services, caller: Caller, reply: str) -> dict[str, Any]:
    """Take back the admin's own correction of a reply, so that those it stood for count again.

    Raises `BadInput`, `NotFound`.
    """
    caller.require_admin()
    reply = inputs.name(reply, "reply")
    with services.database.write() as session:
        taken = exclusion.take_back_rewording(session, reply, admin=caller.id)
    return {"reply": reply, "taken_back": taken}
