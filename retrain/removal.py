"""Deleting an assistant with all that hangs on it, in the database and on the disk; and what that would be."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select

from assistant import records
from assistant.database import Database
from assistant.errors import Conflict
from assistant.tables import Conversation, Document, Message
from feedback.rows import ABOUT
from retrain.registry import Registry
from retrain.tables import ACTIVE_STATES, Adapter, Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """How much there is of what an assistant has."""

    documents: int
    conversations: int
    feedback: int
    """Ratings, corrections and choices, those that were taken back included."""
    versions: int


def belongings(session: Session, assistant_id: str) -> Belongings:
    """What would be deleted with an assistant."""
    held = select(Conversation.id).where(Conversation.assistant_id == assistant_id)
    replies = select(Message.id).where(col(Message.conversation_id).in_(held))
    return Belongings(
        documents=_count(session, Document, Document.assistant_id == assistant_id),
        conversations=_count(session, Conversation, Conversation.assistant_id == assistant_id),
        feedback=sum(_count(session, table, reply.in_(replies)) for table, reply in ABOUT),
        versions=_count(session, Adapter, Adapter.assistant_id == assistant_id),
    )


def remove_assistant(
    database: Database, assistant_id: str, *, registry: Registry, run_folder: Callable[[str], Path]
) -> None:
    """Delete an assistant, its rows first and then the folders that no row knows any more.

    Raises `NotFound`, and `Conflict` for the last assistant, and for one that is being retrained.
    """
    with database.write() as session:
        runs = session.exec(select(Run).where(Run.assistant_id == assistant_id)).all()
        if any(run.state in ACTIVE_STATES for run in runs):
            raise Conflict("This assistant is being retrained. Wait until that run has ended, or cancel it first.")
        folders = [run_folder(run.id) for run in runs]
        records.delete_assistant(session, assistant_id)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    registry.sweep()
    log.info("assistant %s was deleted", assistant_id)


def _count(session: Session, table: Any, condition: Any) -> int:
    return session.exec(select(func.count()).select_from(table).where(condition)).one()
