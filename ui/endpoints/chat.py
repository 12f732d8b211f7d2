"""Asking, asking in other words and asking again, as streams. What is not in `ui.api` is for the chat page."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from assistant.chat import MAX_MESSAGE_CHARS
from assistant.writing import Turn
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
    question, asked = _question(services, caller, message, assistant)
    turns = services.chat.ask(
        question,
        assistant=asked,
        conversation=inputs.optional_name(conversation, "conversation"),
        owner=caller.id,
    )
    yield from _answers(turns)


def converse(
    services: Services, caller: Caller, message: str, assistant: str = "default", conversation: str | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Answer as `chat` does, now and then with two replies at once. Raises as `chat` does."""
    question, asked = _question(services, caller, message, assistant)
    held = inputs.optional_name(conversation, "conversation")
    yield from _pairs(services.chat.converse(question, assistant=asked, conversation=held, owner=caller.id))


def edit(services: Services, caller: Caller, reply: str, message: str) -> Iterator[list[dict[str, Any]]]:
    """Answer the question of a reply of the caller's in other words, as `converse` does; what was said stays."""
    reply = inputs.name(reply, "reply")
    question = inputs.text(message, "message", max_chars=MAX_MESSAGE_CHARS)
    with services.database.read() as session:
        access.require_use_again(session, caller, reply)
    yield from _pairs(services.chat.edit(reply, question, owner=caller.id))


def retry(services: Services, caller: Caller, reply: str) -> Iterator[dict[str, Any]]:
    """Answer the question of a reply of the caller's again; the earlier reply stays. Streams and raises as `chat`."""
    reply = inputs.name(reply, "reply")
    with services.database.read() as session:
        access.require_use_again(session, caller, reply)
    yield from _answers(services.chat.retry(reply, owner=caller.id))


def retry_one(services: Services, caller: Caller, reply: str) -> Iterator[list[dict[str, Any]]]:
    """Answer as `retry` does, in the shape of `converse`."""
    with closing(retry(services, caller, reply)) as turns:  # type: ignore[type-var]  # as below
        for turn in turns:
            yield [turn]


def _question(services: Services, caller: Caller, message: str, assistant: str) -> tuple[str, str]:
    """A checked message and the short name of an assistant that the caller may use."""
    question = inputs.text(message, "message", max_chars=MAX_MESSAGE_CHARS)
    with services.database.read() as session:
        return question, access.require_use(session, caller, inputs.name(assistant, "assistant's name")).slug


def _answers(turns: Iterator[Turn]) -> Iterator[dict[str, Any]]:
    with closing(turns):  # type: ignore[type-var]  # a generator, though its type says less
        for turn in turns:
            yield _answer(turn)


def _pairs(steps: Iterator[tuple[Turn, ...]]) -> Iterator[list[dict[str, Any]]]:
    with closing(steps):  # type: ignore[type-var]  # as above
        for turns in steps:
            yield [_answer(turn) for turn in turns]


def _answer(turn: Turn) -> dict[str, Any]:
    return {**asdict(turn), "sources": [dict(source) for source in turn.sources]}
