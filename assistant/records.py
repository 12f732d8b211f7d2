"""The queries on assistants, conversations, messages and replies. Sessions are passed in; nothing here commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, update
from sqlmodel import Session, col, select

from assistant import persona
from assistant.database import new_id, utc_now
from assistant.errors import BadInput, Conflict, NotFound
from assistant.tables import Assistant, Conversation, Message, Reply, ReplyState, Role

SERVED = ("adapter", "trial_adapter", "trial_share")
"""What of an assistant nobody sets by hand: whether an adapter fits, who lets it serve knows."""
TITLE_CHARS = 60
"""Of a title that is made from the first question."""
MAX_TITLE_CHARS = 120
MAX_SEARCH_WORDS = 6


def assistant_by_slug(session: Session, slug: str) -> Assistant:
    """The assistant of that slug. Raises `NotFound`."""
    found = session.exec(select(Assistant).where(Assistant.slug == slug)).first()
    if found is None:
        raise NotFound(f"There is no assistant called {slug!r}. Look at the list of assistants for the right name.")
    return found


def assistant_by_id(session: Session, assistant_id: str) -> Assistant:
    """The assistant of that id. Raises `NotFound`."""
    found = session.get(Assistant, assistant_id)
    if found is None:
        raise NotFound("This assistant no longer exists. Choose another one.")
    return found


def assistants(session: Session) -> Sequence[Assistant]:
    """All assistants, oldest first."""
    return session.exec(select(Assistant).order_by(col(Assistant.created_at))).all()


def first_assistant(session: Session) -> Assistant:
    """The oldest assistant. Raises `NotFound` where there is none."""
    found = session.exec(select(Assistant).order_by(col(Assistant.created_at)).limit(1)).first()
    if found is None:
        raise NotFound("There is no assistant yet. Sign in as an admin and make one on the Assistant page.")
    return found


def create_assistant(session: Session, *, slug: str, **settings: Any) -> Assistant:
    """Add an assistant. Raises `BadInput` for a setting that cannot be, `Conflict` for a slug that is taken."""
    if said := persona.slug_problem(slug):
        raise BadInput(said)
    if session.exec(select(Assistant.id).where(Assistant.slug == slug)).first():
        raise Conflict(f"There is already an assistant called {slug!r}. Choose another short name.")
    assistant = Assistant(slug=slug, **_checked(settings))
    session.add(assistant)
    session.flush()
    return assistant


def update_assistant(session: Session, assistant_id: str, **settings: Any) -> Assistant:
    """Change settings of an assistant. Raises `NotFound`, and `BadInput` for a setting that cannot be."""
    assistant = assistant_by_id(session, assistant_id)
    assistant.sqlmodel_update(_checked(settings))
    session.add(assistant)
    session.flush()
    return assistant


def delete_assistant(session: Session, assistant_id: str) -> None:
    """Delete an assistant with all rows that hang on it. Raises `NotFound`, and `Conflict` for the last one."""
    assistant = assistant_by_id(session, assistant_id)
    if len(assistants(session)) == 1:
        raise Conflict(f"{assistant.name} is the only assistant, and one must stay. Make another one first.")
    session.delete(assistant)
    session.flush()


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        if name not in SERVED and (said := persona.problem(name, value)):
            raise BadInput(said)
    chosen = {name: options(settings[name]) for name, options in persona.CHOICES.items() if name in settings}
    whole = {name: int(settings[name]) for name in persona.WHOLE if name in settings}
    return settings | chosen | whole


def conversations(
    session: Session, *, owner: str, assistant_id: str, search: str = "", limit: int = 50
) -> Sequence[Conversation]:
    """A person's conversations with an assistant, latest first.

    With `search`, those that have each of its words in their title or in what was said.
    """
    query = select(Conversation).where(Conversation.owner == owner, Conversation.assistant_id == assistant_id)
    for word in search_words(search):
        said = select(Message.id).where(
            Message.conversation_id == Conversation.id, col(Message.text).icontains(word, autoescape=True)
        )
        query = query.where(or_(col(Conversation.title).icontains(word, autoescape=True), said.exists()))
    return session.exec(query.order_by(col(Conversation.updated_at).desc(), col(Conversation.id)).limit(limit)).all()


def search_words(search: str) -> list[str]:
    """The words that a search looks for."""
    return search.replace("\0", "").split()[:MAX_SEARCH_WORDS]


def messages_with(session: Session, conversation_ids: Sequence[str], word: str) -> dict[str, Message]:
    """The first message with a word, by conversation."""
    query = select(Message).where(
        col(Message.conversation_id).in_(conversation_ids), col(Message.text).icontains(word, autoescape=True)
    )
    found: dict[str, Message] = {}
    for message in session.exec(query.order_by(col(Message.created_at))):
        found.setdefault(message.conversation_id, message)
    return found


def conversation(session: Session, conversation_id: str, *, owner: str) -> Conversation:
    """One of a person's conversations. Raises `NotFound`, also for somebody else's."""
    found = session.get(Conversation, conversation_id)
    if found is None or found.owner != owner:
        raise NotFound("This conversation does not exist, or is not yours. Start a new one.")
    return found


def rename_conversation(session: Session, conversation_id: str, *, owner: str, title: str) -> None:
    """Give a conversation another title. Raises `NotFound`, and `BadInput` for an empty or a long one."""
    words = " ".join(title.split())
    if not 0 < len(words) <= MAX_TITLE_CHARS:
        raise BadInput(f"The name has {len(words)} characters. Use 1 to {MAX_TITLE_CHARS}.")
    conversation(session, conversation_id, owner=owner).title = words


def delete_conversation(session: Session, conversation_id: str, *, owner: str) -> None:
    """Delete a conversation with its messages and what people thought of them. Raises `NotFound`."""
    _delete_conversations(session, [conversation(session, conversation_id, owner=owner).id])


def delete_conversations(session: Session, *, owner: str) -> int:
    """Delete all of a person's conversations as `delete_conversation` does one; how many there were."""
    return _delete_conversations(session, select(Conversation.id).where(Conversation.owner == owner))


def _delete_conversations(session: Session, ids: Any) -> int:
    """Messages first, and each for itself: SQLite follows no cascade along a thousand questions and answers."""
    unsynchronized = {"synchronize_session": False}
    theirs = col(Message.conversation_id).in_(ids)
    session.exec(update(Message).where(theirs).values(parent_id=None), execution_options=unsynchronized)
    session.exec(delete(Message).where(theirs), execution_options=unsynchronized)
    gone = session.exec(delete(Conversation).where(col(Conversation.id).in_(ids)), execution_options=unsynchronized)
    return int(gone.rowcount)


def start_conversation(
    session: Session, *, assistant_id: str, owner: str, question: str, id: str | None = None
) -> Conversation:
    """Begin a conversation, titled by the start of its first question; `id` is a fresh one of the caller's."""
    words = " ".join(question.split())
    title = words if len(words) <= TITLE_CHARS else words[: TITLE_CHARS - 1].rstrip() + "…"
    started = Conversation(id=id or new_id(), assistant_id=assistant_id, owner=owner, title=title)
    session.add(started)
    session.flush()
    return started


def add_message(session: Session, to: Conversation, role: Role, text: str, *, parent: str | None) -> Message:
    """Append a message, which the conversation then goes on from, and move the conversation to the top of the list."""
    message = Message(conversation_id=to.id, parent_id=parent, role=role, text=text)
    to.updated_at = utc_now()
    to.head = message.id
    session.add_all([message, to])
    session.flush()
    return message


def messages(session: Session, conversation_id: str) -> Sequence[Message]:
    """All messages of a conversation in the order they were written, every answer to a question included."""
    query = select(Message).where(Message.conversation_id == conversation_id)
    return session.exec(query.order_by(col(Message.created_at), col(Message.id))).all()


def thread(session: Session, conversation_id: str) -> list[Message]:
    """The line of messages that the next question continues: each question with an answer, oldest first."""
    held = session.get(Conversation, conversation_id)
    if held is not None and held.head is not None:
        return line(session, held.head)
    replies = [message for message in messages(session, conversation_id) if message.role is Role.assistant]
    return line(session, replies[-1].id) if replies else []


def line(session: Session, message_id: str) -> list[Message]:
    """The messages from the first of a conversation to this one."""
    last = session.get(Message, message_id)
    by_id = {message.id: message for message in messages(session, last.conversation_id)} if last else {}
    found: list[Message] = []
    while last is not None:
        found.append(last)
        last = by_id.get(last.parent_id or "")
    return found[::-1]


def turn_to(session: Session, message_id: str, *, owner: str) -> Conversation:
    """Let a conversation go on in the branch of a message, from the newest message there. Raises `NotFound`."""
    chosen = session.get(Message, message_id)
    if chosen is None:
        raise NotFound("This message does not exist, or is not yours. Reload the page and try again.")
    held = conversation(session, chosen.conversation_id, owner=owner)
    branch, held.head = {chosen.id}, chosen.id
    for message in messages(session, held.id):
        if message.parent_id in branch:
            branch.add(message.id)
            held.head = message.id
    return held


def reply(session: Session, reply_id: str, *, owner: str | None = None) -> tuple[Message, Reply]:
    """A reply with what it was made of; with `owner`, only out of that person's conversations. Raises `NotFound`."""
    row = session.exec(select(Message, Reply).join(Reply).where(Message.id == reply_id)).first()
    if row is not None and owner is not None:
        held = session.get(Conversation, row[0].conversation_id)
        row = row if held is not None and held.owner == owner else None
    if row is None:
        raise NotFound("This answer does not exist, or is not yours. Reload the page and try again.")
    return row


def replies(session: Session, conversation_id: str) -> dict[str, Reply]:
    """What each reply of a conversation was made of, by message id."""
    query = select(Reply).join(Message).where(Message.conversation_id == conversation_id)
    return {made.message_id: made for made in session.exec(query)}


def is_writing(session: Session, conversation_id: str) -> bool:
    """Whether a reply of a conversation is being written."""
    query = select(Reply.message_id).join(Message).where(Message.conversation_id == conversation_id)
    return session.exec(query.where(Reply.state == ReplyState.streaming).limit(1)).first() is not None


def reply_count(session: Session, assistant_id: str) -> int:
    """How many replies an assistant has given."""
    query = select(func.count()).select_from(Reply).join(Message).join(Conversation)
    return session.exec(query.where(Conversation.assistant_id == assistant_id)).one()


def replies_by_adapter(session: Session, assistant_id: str, *, since: datetime) -> dict[str | None, int]:
    """How many replies of an assistant each adapter has given since a moment; none is the base model."""
    query = (
        select(Reply.adapter, func.count())
        .join(Message)
        .join(Conversation)
        .where(Conversation.assistant_id == assistant_id, col(Message.created_at) >= since)
        .group_by(col(Reply.adapter))
    )
    return dict(session.exec(query).all())


def end_interrupted_replies(session: Session) -> int:
    """Mark the replies that a killed process left unfinished as stopped; how many. For the start of the app."""
    change = update(Reply).where(col(Reply.state) == ReplyState.streaming).values(state=ReplyState.stopped)
    return int(session.exec(change).rowcount)
