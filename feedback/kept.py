"""What is worked out from an assistant's feedback and stays the same until somebody gives some or takes it back."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlmodel import Session

from feedback.evidence import Stamp, stamp

Told = TypeVar("Told")


class Kept(Generic[Told]):
    """The last answer for each assistant. Thread-safe; two who ask at once may both work it out."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Stamp, object, Told]] = {}

    def look(self, session: Session, assistant_id: str, work_out: Callable[[], Told], *, also: object = None) -> Told:
        """What was worked out from the feedback that the session sees and, if it depends on more, from `also`."""
        now = stamp(session)
        kept = self._kept.get(assistant_id)
        if kept is None or kept[:2] != (now, also):
            self._kept[assistant_id] = kept = now, also, work_out()
        return kept[2]
