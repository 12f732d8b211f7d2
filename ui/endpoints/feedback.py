"""Rating, correcting and comparing replies. The browser sends ids; what they stand for is read from the database.

A person rates replies in their own conversations, an admin any. What somebody with an account says may be given as an
example in everybody's conversations at once, what a guest says only in theirs: anybody could be a guest.
"""

from typing import Any

from feedback import ratings
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
