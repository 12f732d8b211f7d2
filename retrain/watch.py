"""Takes a version back that people like less than the one before: it ends the trial, or rolls the promotion back.

One thread looks after each thumb, and at all assistants when the app starts, so that what a killed process had no time
for is done by the next. What a fall is, `retrain.trials` knows; the registry does what follows from it, and refuses if
somebody was quicker.
"""

import logging
from queue import SimpleQueue
from threading import Thread

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from assistant.database import Database
from assistant.errors import Conflict, NotFound, ThumbloopError
from assistant.records import assistant_by_id
from assistant.tables import Assistant, Conversation, Message
from retrain.registry import Registry
from retrain.tables import Schedule
from retrain.trials import rivals, why_it_goes

log = logging.getLogger(__name__)

AUTOMATIC = "automatic"
"""Who decided, in the history."""


class Watch:
    """Looks at the assistants whose replies get thumbs, until closed."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry
        self._rated: SimpleQueue[str | None] = SimpleQueue()
        """Ids of replies; none ends the thread."""
        self._thread = Thread(target=self._work, name="watch", daemon=True)

    def open(self) -> None:
        """Begin, with a look at all assistants."""
        self._thread.start()

    def close(self) -> None:
        """End; a look that is under way is waited for."""
        self._rated.put(None)
        self._thread.join()

    def rated(self, reply_id: str) -> None:
        """Tell that a reply got a thumb; returns at once."""
        self._rated.put(reply_id)

    def settle(self, assistant_id: str) -> bool:
        """Take back what people like less, unless that is switched off; whether something was. Raises `NotFound`."""
        with self._database.read() as session:
            asked = assistant_by_id(session, assistant_id)
            found = rivals(session, asked) if rolls_back(session, assistant_id) else None
        if found is None or not found.fell or found.tried.adapter is None:
            return False
        tried, why = found.tried.adapter, why_it_goes(found)
        try:
            if found.promoted:
                self._registry.rollback(assistant_id, by=AUTOMATIC, of=tried, why=why)
            else:
                self._registry.end_trial(assistant_id, by=AUTOMATIC, of=tried, why=why)
        except Conflict:
            log.info("somebody else decided on adapter %s at the same moment", tried)
            return False
        return True

    def _work(self) -> None:
        self._look_at(select(Assistant.id))
        while (rated := self._all_rated()) is not None:
            self._look_at(select(Conversation.assistant_id).join(Message).where(col(Message.id).in_(rated)).distinct())

    def _all_rated(self) -> set[str] | None:
        """Wait for a thumb; the replies that got one by now, or none where the end is asked for."""
        rated = {self._rated.get()}
        while not self._rated.empty():
            rated.add(self._rated.get())
        return None if None in rated else {reply for reply in rated if reply is not None}

    def _look_at(self, assistants: SelectOfScalar[str]) -> None:
        try:
            with self._database.read() as session:
                ids = session.exec(assistants).all()
            for assistant_id in ids:
                self._settle(assistant_id)
        except Exception:
            log.exception("how people like what answers could not be looked at; the next thumb has it tried again")

    def _settle(self, assistant_id: str) -> None:
        try:
            self.settle(assistant_id)
        except NotFound:
            log.info("assistant %s was deleted before it was looked at", assistant_id)
        except ThumbloopError as exc:
            log.error("what assistant %s answers with could not be taken back: %s", assistant_id, exc)


def rolls_back(session: Session, assistant_id: str) -> bool:
    """Whether a version of an assistant that people like less goes by itself."""
    rule = session.get(Schedule, assistant_id)
    return rule is None or rule.roll_back
