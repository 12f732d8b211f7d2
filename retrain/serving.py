"""What an assistant serves, and its history: the changes of the rows, each within the caller's transaction.

Whether an adapter is fit to serve, and its files, are `retrain.registry`'s.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from assistant.errors import Conflict
from assistant.records import assistant_by_id
from assistant.tables import Assistant
from retrain.tables import Adapter, AdapterState, Promotion

TRIAL = "trial"
"""The kind of a change by which an adapter answers a share."""


def unchanged(session: Session, seen: Assistant) -> Assistant:
    """The assistant's row, if it still serves and runs on what was looked at. Raises `Conflict`."""
    current = assistant_by_id(session, seen.id)
    if (current.adapter, current.model) != (seen.adapter, seen.model):
        raise Conflict("Somebody else changed what the assistant serves at the same moment. Look again, then decide.")
    return current


def before(session: Session, assistant: Assistant) -> str | None:
    """What served before: each promotion is put on a pile, each roll back takes the topmost off again."""
    pile: list[str | None] = []
    history = select(Promotion).where(Promotion.assistant_id == assistant.id, Promotion.kind != TRIAL)
    for change in session.exec(history.order_by(col(Promotion.id))):
        if change.kind == "promote":
            pile.append(change.before)
        else:
            pile.pop()
    if not pile:
        raise Conflict(f"{assistant.name} serves what it began with, so there is nothing to roll back to.")
    return pile[-1]


def switch(session: Session, assistant: Assistant, *, to: Adapter | None, kind: str, by: str) -> None:
    """Let an adapter, or the base model, answer everything; a trial is over with that."""
    serving = session.get(Adapter, assistant.adapter) if assistant.adapter else None
    if serving is not None:
        serving.state = AdapterState.archived
        session.add(serving)
    if to is not None:
        to.state = AdapterState.active
        session.add(to)
    after = to.id if to else None
    session.add(Promotion(assistant_id=assistant.id, before=assistant.adapter, after=after, kind=kind, by=by))
    assistant.adapter = after
    clear_trial(session, assistant)


def set_trial(session: Session, assistant: Assistant, *, of: Adapter, share: float, by: str) -> None:
    """Let an adapter answer a share. Another share begins the trial anew: its figures are compared over one period."""
    session.add(Promotion(assistant_id=assistant.id, before=assistant.adapter, after=of.id, kind=TRIAL, by=by))
    assistant.trial_adapter, assistant.trial_share = of.id, share
    session.add(assistant)


def clear_trial(session: Session, assistant: Assistant) -> None:
    """Let what serves answer everything."""
    assistant.trial_adapter, assistant.trial_share = None, 0.0
    session.add(assistant)


def trial_began(session: Session, assistant: Assistant) -> datetime | None:
    """When the trial that goes on began; none without one."""
    trials = select(Promotion.created_at).where(
        Promotion.assistant_id == assistant.id,
        Promotion.kind == TRIAL,
        Promotion.after == assistant.trial_adapter,
    )
    return session.exec(trials.order_by(col(Promotion.id).desc())).first() if assistant.trial_adapter else None
