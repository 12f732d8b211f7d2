"""Forgetting a person wherever their words are: rows, the files of runs, exports. And what weights keep all the same.

For the app and for the command line, which may both work on one home folder. Who may ask is their business.
"""

from dataclasses import dataclass
from enum import StrEnum

from assistant import records
from assistant.database import Database
from feedback import people, ratings
from feedback.people import Kept
from retrain import traces
from retrain.traces import Learned
from ui import exports
from ui.settings import Settings

NOW = "A training run that is going now learns from it, too."


class Scope(StrEnum):
    """What of a person is to be forgotten."""

    everything = "everything"
    feedback = "feedback"


@dataclass(frozen=True)
class Forgotten:
    """How much was deleted, and who had learned from it before."""

    kept: Kept
    learned: Learned


def learned(database: Database, settings: Settings, person: str, *, conversation: str | None = None) -> Learned:
    """Which versions learned from a person, or from what was said of the answers in one conversation of theirs."""
    with database.read() as session:
        rows = people.rows_of(session, person, conversation=conversation)
        return traces.learned_from(session, rows, adapters_dir=settings.adapters_dir, runs_dir=settings.runs_dir)


def forget(database: Database, settings: Settings, person: str, scope: Scope) -> Forgotten:
    """Delete all that is kept of a person, or all that they said of answers; on disk when it returns."""
    taught = learned(database, settings, person)
    with database.write() as session:
        kept = people.kept(session, person)
        if scope is Scope.everything:
            people.forget_everything(session, person)
        else:
            ratings.forget(session, person)
    clean_up(database, settings)
    return Forgotten(kept, taught)


def forget_conversation(database: Database, settings: Settings, person: str, conversation: str) -> Learned:
    """Delete a conversation with all that was said of its answers; who had learned from it. Raises `NotFound`."""
    taught = learned(database, settings, person, conversation=conversation)
    with database.write() as session:
        records.delete_conversation(session, conversation, owner=person)
    clean_up(database, settings)
    return taught


def clean_up(database: Database, settings: Settings) -> None:
    """Take what was made of rows that are gone out of runs that are over, and remove files made for export."""
    traces.erase(database, settings.runs_dir)
    exports.remove_all(settings)


def what_stays(learned: Learned) -> str:
    """What weights keep, in a sentence or two; empty where nobody learned from it."""
    said = []
    if learned.adapters:
        names = [f"{one.adapter.rsplit('-', 1)[-1]} of {one.assistant}" for one in learned.adapters]
        several = len(names) > 1
        said.append(
            f"{'Versions' if several else 'Version'} {_listed(names)} learned from it and "
            f"{'keep' if several else 'keeps'} what was learned, also when it is deleted, until an admin trains "
            "one anew from what the assistant began with."
        )
    if learned.runs:
        said.append(NOW)
    return " ".join(said)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
