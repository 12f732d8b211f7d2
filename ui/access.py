"""Who may use which assistant: the one place that decides it, for endpoints and pages alike.

Admins may use any. Managing assistants is another thing: that takes `Caller.require_admin`.
"""

from collections.abc import Sequence

from sqlmodel import Session

from assistant import records
from assistant.errors import NotAllowed, NotFound
from assistant.tables import Access, Assistant
from ui.sessions import Caller

NOT_FOR_GUESTS = "This assistant is for people who sign in. Sign in, or choose another one."
FOR_ADMINS = "Only admins may use this assistant. Choose another one."
NONE_FOR_GUESTS = "There is no assistant for guests here. Sign in to see those that you may use."
NONE_FOR_MEMBERS = "There is no assistant that you may use yet. Ask an admin to let you use one."


def refusal(caller: Caller, assistant: Assistant) -> str:
    """Why somebody may not chat with an assistant, in a sentence; empty for those who may."""
    if caller.is_admin or assistant.access is Access.everyone:
        return ""
    if assistant.access is Access.members:
        return "" if caller.role == "member" else NOT_FOR_GUESTS
    return FOR_ADMINS


def usable(session: Session, caller: Caller) -> Sequence[Assistant]:
    """The assistants that somebody may use, oldest first."""
    return [assistant for assistant in records.assistants(session) if not refusal(caller, assistant)]


def first_usable(session: Session, caller: Caller) -> Assistant:
    """The oldest assistant that somebody may use. Raises `NotFound` where there is none."""
    found = usable(session, caller)
    if found:
        return found[0]
    if not caller.is_admin and records.assistants(session):
        raise NotFound(NONE_FOR_GUESTS if caller.role == "guest" else NONE_FOR_MEMBERS)
    return records.first_assistant(session)


def require_use(session: Session, caller: Caller, slug: str) -> Assistant:
    """The assistant of a short name, for somebody who may use it. Raises `NotFound`, `NotAllowed`."""
    return _required(caller, records.assistant_by_slug(session, slug))


def require_use_again(session: Session, caller: Caller, reply: str) -> Assistant:
    """The assistant that gave a reply to the caller, if they still may use it. Raises `NotFound`, `NotAllowed`."""
    message, _ = records.reply(session, reply, owner=caller.id)
    held = records.conversation(session, message.conversation_id, owner=caller.id)
    return _required(caller, records.assistant_by_id(session, held.assistant_id))


def _required(caller: Caller, assistant: Assistant) -> Assistant:
    if refused := refusal(caller, assistant):
        raise NotAllowed(refused)
    return assistant
