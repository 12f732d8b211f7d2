"""How a version fares beside the one before, and what was decided on versions and by whom, as JSON for admins."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from assistant.tables import Assistant
from feedback.shares import Thumbs
from retrain import serving, trials
from retrain.tables import Promotion
from retrain.trials import Arm
from retrain.watch import AUTOMATIC, rolls_back
from ui.commands.adapters import COMMAND_LINE
from ui.services import SCHEDULE, SETUP, Services

DECISIONS = 20
GONE = "somebody who is gone"
NOBODY = (AUTOMATIC, SCHEDULE, SETUP, COMMAND_LINE)
"""What decides without being a person with an account."""


def fares(session: Session, asked: Assistant) -> dict[str, Any] | None:
    """How the version on trial fares, or else the one promoted last; none where there is nothing to compare."""
    found = trials.look(session, asked)
    if found is None:
        return None
    return {
        "on_trial": not found.promoted,
        "share": found.share,
        "since": found.since.isoformat(),
        "tried": _arm(found.tried),
        "other": _arm(found.other),
        "gain": list(found.gain) if found.gain else None,
        "fell": found.fell,
        "rolls_back": rolls_back(session, asked.id),
    }


def decisions(services: Services, asked: Assistant, *, limit: int = DECISIONS) -> list[dict[str, Any]]:
    """What was decided on an assistant's versions, latest first, with the names of those who did."""
    with services.database.read() as session:
        found = serving.decisions(session, asked.id, limit=limit)
    names = _names(services, found)
    return [
        {
            "at": each.created_at.isoformat(),
            "kind": each.kind.value,
            "before": each.before,
            "after": each.after,
            "by": names[each.by],
            "why": each.why,
        }
        for each in found
    ]


def _arm(arm: Arm) -> dict[str, Any]:
    return {"adapter": arm.adapter, "answers": arm.answers, "up": arm.up, "down": arm.down, "votes": _votes(arm.votes)}


def _votes(votes: Thumbs) -> dict[str, int]:
    return {"up": votes.up, "down": votes.down}


def _names(services: Services, found: Sequence[Promotion]) -> dict[str, str]:
    names = {by: by for by in NOBODY}
    for by in {each.by for each in found} - set(NOBODY):
        account = services.accounts.by_id(by)
        names[by] = account.name if account else GONE
    return names
