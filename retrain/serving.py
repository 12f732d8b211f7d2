"""What an assistant serves, and its history: the changes of the rows, each within the caller's transaction.

Whether an adapter is fit to serve, and its files, are `retrain.registry`'s.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from assistant.errors import Conflict
from assistant.records import assistant_by_id
from assistant.tables import Assistant
from retrain.tables import Adapter, AdapterState, Change, Promotion

SWITCHES = (Change.promote, Change.rollback)
"""The decisions that change what answers everything."""


def unchanged(session: Session, seen: Assistant) -> Assistant:
    """The assistant's row, if it still serves and runs on what was looked at. Raises `Conflict`."""
    current = assistant_by_id(session, seen.id)
    if (current.adapter, current.model) != (seen.adapter, seen.model):
        raise Conflict("Somebody else changed what the assistant serves at the same moment. Look again, then decide.")
    return current


def before(session: Session, assistant: Assistant) -> str | None:
    """What served before: each promotion is put on a pile, each roll back takes the topmost off again."""
    pile: list[str | None] = []
    for change in session.exec(_history(assistant, *SWITCHES).order_by(col(Promotion.id))):
        if change.kind is Change.promote:
            pile.append(change.before)
        else:
            pile.pop()
    if not pile:
        raise Conflict(f"{assistant.name} serves what it began with, so there is nothing to roll back to.")
    return pile[-1]


def last_switch(session: Session, assistant: Assistant) -> Promotion | None:
    """The decision by which what serves began to; none where that is what the assistant began with."""
    return session.exec(_history(assistant, *SWITCHES).order_by(col(Promotion.id).desc())).first()


def switch(session: Session, assistant: Assistant, *, to: Adapter | None, kind: Change, by: str, why: str = "") -> None:
    """Let an adapter, or the base model, answer everything; a trial is over with that."""
    serving = session.get(Adapter, assistant.adapter) if assistant.adapter else None
    if serving is not None:
        serving.state = AdapterState.archived
        session.add(serving)
    if to is not None:
        to.state = AdapterState.active
        session.add(to)
    after = to.id if to else None
    note(session, assistant, kind, before=assistant.adapter, after=after, by=by, why=why)
    assistant.adapter = after
    _clear_trial(session, assistant)


def set_trial(session: Session, assistant: Assistant, *, of: Adapter, share: float, by: str) -> None:
    """Let an adapter answer a share. Another share begins the trial anew: its figures are compared over one period."""
    note(session, assistant, Change.trial, before=assistant.adapter, after=of.id, by=by)
    assistant.trial_adapter, assistant.trial_share = of.id, share
    session.add(assistant)


def end_trial(session: Session, assistant: Assistant, *, by: str, why: str = "") -> None:
    """Let what serves answer everything; nothing happens where no adapter is on trial."""
    if assistant.trial_adapter is not None:
        note(
            session,
            assistant,
            Change.end_trial,
            before=assistant.trial_adapter,
            after=assistant.adapter,
            by=by,
            why=why,
        )
        _clear_trial(session, assistant)


def note(
    session: Session,
    assistant: Assistant,
    kind: Change,
    *,
    before: str | None,
    after: str | None,
    by: str,
    why: str = "",
) -> None:
    """Add a decision to the history."""
    session.add(Promotion(assistant_id=assistant.id, before=before, after=after, kind=kind, by=by, why=why))


def decisions(session: Session, assistant_id: str, *, limit: int) -> Sequence[Promotion]:
    """What was decided on an assistant's versions, latest first."""
    history = select(Promotion).where(Promotion.assistant_id == assistant_id)
    return session.exec(history.order_by(col(Promotion.id).desc()).limit(limit)).all()


def _clear_trial(session: Session, assistant: Assistant) -> None:
    assistant.trial_adapter, assistant.trial_share = None, 0.0
    session.add(assistant)


def trial_began(session: Session, assistant: Assistant) -> datetime | None:
    """When the trial that goes on began; none without one."""
    if assistant.trial_adapter is None:
        return None
    trials = _history(assistant, Change.trial).where(Promotion.after == assistant.trial_adapter)
    last = session.exec(trials.order_by(col(Promotion.id).desc())).first()
    return last.created_at if last else None


def _history(assistant: Assistant, *kinds: Change) -> SelectOfScalar[Promotion]:
    return select(Promotion).where(Promotion.assistant_id == assistant.id, col(Promotion.kind).in_(kinds))
