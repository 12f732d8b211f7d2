"""What is kept of the caller, to take away and to delete. Nobody sees or deletes what is another's here."""

from dataclasses import asdict
from typing import Any

from assistant.database import utc_now
from feedback import people
from retrain.traces import Learned
from ui import privacy
from ui.endpoints import inputs
from ui.privacy import Scope
from ui.services import Services
from ui.sessions import Caller


def my_data(services: Services, caller: Caller) -> dict[str, Any]:
    """Give all that is kept of the caller: conversations, answers, ratings, corrections, choices, and who learned."""
    with services.database.read() as session:
        data = people.everything(session, caller.id)
    return {
        "person": {"id": caller.id, "name": caller.name, "role": caller.role},
        "made_at": utc_now().isoformat(),
        **data,
        **_told(privacy.learned(services.database, services.settings, caller.id)),
    }


def forget(services: Services, caller: Caller, what: str) -> dict[str, Any]:
    """Delete everything that is kept of the caller, or their feedback alone: what is `everything` or `feedback`.

    What was deleted is counted, and `learned_by` names the versions that learned from it and keep that.
    Raises `BadInput`.
    """
    scope = Scope(inputs.choice(what, "what", list(Scope)))
    gone = privacy.forget(services.database, services.settings, caller.id, scope)
    counts = {
        name: count for name, count in asdict(gone.kept).items() if isinstance(count, int) and not _stays(name, scope)
    }
    return {"deleted": counts, **_told(gone.learned)}


def _stays(name: str, scope: Scope) -> bool:
    return scope is Scope.feedback and name in ("conversations", "messages")


def _told(learned: Learned) -> dict[str, Any]:
    return {"learned_by": [asdict(one) for one in learned.adapters], "runs_learning_now": learned.runs}
