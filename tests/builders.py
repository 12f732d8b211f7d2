"""Makes databases, assistants and answered questions for tests, as rows, with no model and no chat behind them."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import Session

from assistant.database import Database, new_id, open_database
from assistant.prompt import SOURCES_HEADER, ChatMessage
from assistant.tables import Assistant, Conversation, Message, Reply, ReplyState, Role

Answered = tuple[Assistant, Message, Message]


def new_database(folder: Path) -> Database:
    """A migrated database in a folder."""
    path = folder / "thumbloop.db"
    path.write_bytes(_migrated_file())
    return open_database(f"sqlite:///{path}")


@cache
def _migrated_file() -> bytes:
    """The migrations run once for all tests: a copy of their outcome is ten times as fast."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "thumbloop.db"
        database = open_database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        return path.read_bytes()


def add_assistant(session: Session, *, slug: str = "default", **settings: Any) -> Assistant:
    """An assistant; any of its settings can be given."""
    assistant = Assistant(
        slug=slug, **{"name": slug.title(), "system_prompt": "You are a helpful gardener."} | settings
    )
    session.add(assistant)
    session.flush()
    return assistant


def add_turn(
    session: Session,
    assistant: Assistant,
    question: str,
    reply_text: str,
    *,
    owner: str = "ann",
    sources: Sequence[str] = (),
    adapter: str | None = None,
    state: ReplyState = ReplyState.done,
    again: Message | None = None,
    after: Message | None = None,
) -> Message:
    """A question and its reply in a new conversation of `owner`; the reply's message.

    `sources` are the texts of passages. With `again`, the reply is one more answer to that reply's question (which is
    then not asked anew); with `after`, the question goes on in that reply's conversation.
    """
    prompt = _prompt(assistant, question, sources)
    if again is not None:
        conversation = session.get_one(Conversation, again.conversation_id)
        asked = session.get_one(Message, again.parent_id)
    else:
        conversation = (
            session.get_one(Conversation, after.conversation_id)
            if after is not None
            else Conversation(assistant_id=assistant.id, owner=owner, title=question)
        )
        asked = Message(
            conversation_id=conversation.id, parent_id=after.id if after else None, role=Role.user, text=question
        )
        session.add(conversation)
        session.flush()
        session.add(asked)
        session.flush()
    reply = Message(conversation_id=conversation.id, parent_id=asked.id, role=Role.assistant, text=reply_text)
    session.add(reply)
    session.flush()
    session.add(_made(assistant, reply.id, prompt, sources, adapter, state))
    session.flush()
    return reply


def answered_twice(database: Database, *, second: str = "Ask a gardener!", sources: Sequence[str] = ()) -> Answered:
    """An assistant, and two answers to one question of ann's."""
    question = "When do I prune roses?"
    with database.write() as session:
        assistant = add_assistant(session)
        first = add_turn(session, assistant, question, "In late winter.", sources=sources)
        return assistant, first, add_turn(session, assistant, question, second, sources=sources, again=first)


def _prompt(assistant: Assistant, question: str, sources: Sequence[str]) -> list[ChatMessage]:
    blocks = [f"[{n}] Notes\n{text}" for n, text in enumerate(sources, 1)]
    content = "\n\n".join([SOURCES_HEADER, *blocks, f"Question: {question}"]) if sources else question
    return [{"role": "system", "content": assistant.system_prompt}, {"role": "user", "content": content}]


def _made(
    assistant: Assistant,
    message_id: str,
    prompt: list[ChatMessage],
    sources: Sequence[str],
    adapter: str | None,
    state: ReplyState,
) -> Reply:
    return Reply(
        message_id=message_id,
        state=state,
        model=assistant.model,
        adapter=adapter,
        prompt=prompt,
        sources=[_source(n, text) for n, text in enumerate(sources, 1)],
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=64,
        seed=0,
    )


def _source(n: int, text: str) -> dict[str, Any]:
    chunk = sha256(text.encode()).hexdigest()[:32]
    place = {"title": "Notes", "heading": "", "start": 0, "end": len(text)}
    return {"n": n, "chunk": chunk, "document": new_id(), "text": text, "score": 1.0, "cited": False, **place}
