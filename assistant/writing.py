"""A reply while it is written: its row is opened, stored about once a second, and closed as done, stopped or failed.

What goes into the prompt, and which adapter answers, is decided in `assistant.chat`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlmodel import Session

from assistant import records
from assistant.citations import Checked, check
from assistant.database import Database
from assistant.engine import Piece, Sampling, Weights
from assistant.errors import ThumbloopError
from assistant.prompt import ChatMessage
from assistant.tables import Assistant, Conversation, Message, Reply, ReplyState, Role

SAVE_EVERY_S = 1.0


@dataclass(frozen=True)
class Turn:
    """A reply as far as it is written: `text` is all of it so far, `sources` as in `Reply.sources`."""

    conversation: str
    reply: str
    text: str
    sources: tuple[dict[str, Any], ...]
    adapter: str | None
    done: bool


@dataclass(frozen=True)
class Plan:
    """What a reply is to be made of."""

    assistant: Assistant
    weights: Weights
    adapter: str | None
    messages: list[ChatMessage]
    ids: list[int]
    sources: list[dict[str, Any]]
    sampling: Sampling
    asked_at: float
    may_repeat: bool = True
    """Whether it may say what people said to this very question, word for word; not where another answer is wanted."""


def open_reply(session: Session, plan: Plan, held: Conversation, question: Message) -> str:
    """Store an empty reply to a question, with all that training will need; its id."""
    message = records.add_message(session, held, Role.assistant, "", parent=question.id)
    session.add(
        Reply(
            message_id=message.id,
            model=plan.assistant.model,
            adapter=plan.adapter,
            prompt=plan.messages,
            sources=plan.sources,
            temperature=plan.sampling.temperature,
            top_p=plan.sampling.top_p,
            max_new_tokens=plan.sampling.max_new_tokens,
            seed=plan.sampling.seed,
            prompt_tokens=len(plan.ids),
        )
    )
    return message.id


def marked(sources: Sequence[dict[str, Any]], checked: Checked) -> tuple[dict[str, Any], ...]:
    """The sources, each with whether the text cites it."""
    return tuple({**source, "cited": source["n"] in checked.cited} for source in sources)


class Writing:
    """A reply being written, and its row.

    Leaving its block closes the row, with all that was written, shown or not: as stopped, unless `finish` was called or
    an exception makes it failed.
    """

    def __init__(self, database: Database, plan: Plan, conversation: str, reply: str) -> None:
        self._state = ReplyState.streaming
        self._error = ""
        self._database = database
        self._plan = plan
        self._conversation = conversation
        self._reply = reply
        self._written = ""
        self._held = ""
        self._checked = Checked("", frozenset())
        self._tokens = 0
        self._first_token_s: float | None = None
        self._saved_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state is ReplyState.done:
            return
        failed = isinstance(exc, Exception)
        self._state = ReplyState.failed if failed else ReplyState.stopped
        if failed:
            self._error = str(exc) if isinstance(exc, ThumbloopError) else "The engine failed; the log says why."
        self._checked = check(self._written + self._held, self._plan.sources)
        self._save()

    def turn(self) -> Turn:
        """The reply as it is now."""
        done = self._state is ReplyState.done
        return Turn(self._conversation, self._reply, self._checked.text, self._sources(), self._plan.adapter, done)

    def add(self, piece: Piece) -> None:
        """Write on."""
        now = time.monotonic()
        self._written += piece.text
        self._held = piece.held
        self._checked = check(self._written, self._plan.sources)
        self._tokens = piece.tokens
        if self._first_token_s is None and self._written:
            self._first_token_s = now - self._plan.asked_at
        if now - self._saved_at >= SAVE_EVERY_S:
            self._saved_at = now
            with self._database.write() as session:
                message, _ = records.reply(session, self._reply)
                message.text = self._checked.text

    def finish(self) -> None:
        """Close the row as done."""
        self._state = ReplyState.done
        self._save()

    def _save(self) -> None:
        with self._database.write() as session:
            message, made = records.reply(session, self._reply)
            message.text = self._checked.text
            made.state = self._state
            made.error = self._error
            made.sources = list(self._sources())
            made.reply_tokens = self._tokens
            made.first_token_s = self._first_token_s
            made.total_s = time.monotonic() - self._plan.asked_at

    def _sources(self) -> tuple[dict[str, Any], ...]:
        return marked(self._plan.sources, self._checked)
