"""Asking and asking again, as streams."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from assistant.chat import MAX_MESSAGE_CHARS, Turn
from ui import access
from ui.endpoints import inputs
from ui.services import Services
from ui.sessions import Caller


def chat(
    services: Services, caller: Caller, message: str, assistant: str = "default", conversation: str | None = None
) -> Iterator[dict[str, Any]]:
    """Answer a message in a conversation of the caller's, or in a new one.

    Streams `{conversation, reply, text, sources, adapter, done}`, where text is all that is written so far. Closing the
    stream stops the reply and keeps what there is of it. Raises `BadInput`, `NotFound`, `NotAllowed` where the caller
    may not use the assistant, and `ModelUnavailable`.
    """
    question = inputs.text(message, "message", max_chars=MAX_MESSAGE_CHARS)
    with services.database.read() as session:
        asked = access.require_use(session, caller, inputs.name(assistant, "assistant's name"))
    turns = services.chat.ask(
        question,
        assistant=asked.slug,
        conversation=inputs.optional_name(conversation, "conversation"),
        owner=caller.id,
    )
    yield from _answers(turns)


def retry(services: Services, caller: Caller, reply: str) -> Iterator[dict[str, Any]]:
    """Answer the question of a reply of the caller's again; the earlier reply stays. Streams and raises as `chat`."""
    reply = inputs.name(reply, "reply")
    with services.database.read() as session:
        access.require_use_again(session, caller, reply)
    yield from _answers(services.chat.retry(reply, owner=caller.id))


def _answers(turns: Iterator[Turn]) -> Iterator[dict[str, Any]]:
    with closing(turns):  # type: ignore[type-var]  # a generator, though its type says less
        for turn in turns:
            yield {**asdict(turn), "sources": [dict(source) for source in turn.sources]}
