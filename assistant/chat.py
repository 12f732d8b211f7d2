"""One turn, from question to stored reply: find passages, compose, stream, and keep all that training will need.

The question and an empty reply are stored before the first token, the text about once a second and at the end, so that
whatever is killed, what was asked and answered so far is there.
"""

import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from assistant import golden, records
from assistant.citations import Checked, check
from assistant.database import Database, new_id
from assistant.engine import Engine, Piece, Sampling, Weights
from assistant.errors import AdapterRefused, BadInput, ModelUnavailable, ThumbloopError
from assistant.grounding import Grounding, Retriever
from assistant.prompt import ChatMessage, encode_messages
from assistant.quoting import stream_quoting
from assistant.tables import Assistant, Conversation, Focus, GoldenKind, Message, Reply, ReplyState, Role
from assistant.trial import adapters_for

logger = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 8_000
SAVE_EVERY_S = 1.0
RETRY_TEMPERATURE = 0.8
"""A second answer is sampled at least this freely, so that it is not the first one again."""


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
class _Plan:
    assistant: Assistant
    weights: Weights
    adapter: str | None
    messages: list[ChatMessage]
    ids: list[int]
    sources: list[dict[str, Any]]
    sampling: Sampling
    asked_at: float


class Chat:
    """Answers questions with an engine, a retriever and the database. Thread-safe; a turn is one iterator."""

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        knowledge: Retriever,
        adapters_dir: Path,
        new_seed: Callable[[], int] = lambda: secrets.randbelow(2**31),
    ) -> None:
        self._database = database
        self._engine = engine
        self.grounding = Grounding(engine=engine, knowledge=knowledge)
        """What composes the prompts of its turns."""
        self._adapters_dir = adapters_dir
        self._new_seed = new_seed

    def ask(
        self, message: str, *, assistant: str = "default", conversation: str | None = None, owner: str
    ) -> Iterator[Turn]:
        """Answer a message of `owner` in a conversation, or in a new one.

        Closing the iterator stops the generation and keeps what was written.
        Raises `BadInput`, `NotFound`, `ModelUnavailable`; before anything is stored, unless the engine fails midway.
        """
        asked_at = time.monotonic()
        question = _checked(message)
        with self._database.read() as session:
            asked = records.assistant_by_slug(session, assistant)
            earlier: list[Message] = []
            better: dict[str, str] = {}
            if conversation is not None:
                held = records.conversation(session, conversation, owner=owner)
                if held.assistant_id != asked.id:
                    raise BadInput("This conversation is with another assistant. Start a new one to ask this one.")
                earlier = records.thread(session, conversation)
                better = golden.instead_of(session, [message.id for message in earlier], reader=owner)
        goes_in, history = conversation or new_id(), _history(earlier, better)
        plan = self._plan(asked, question, history, asked_at, conversation=goes_in, reader=owner)
        with self._database.write() as session:
            if conversation is None:
                held = records.start_conversation(
                    session, assistant_id=asked.id, owner=owner, question=question, id=goes_in
                )
            else:
                held = records.conversation(session, conversation, owner=owner)
            parent = earlier[-1].id if earlier else None
            asked_message = records.add_message(session, held, Role.user, question, parent=parent)
            reply = _open_reply(session, plan, held, asked_message)
        yield from self._stream(plan, held.id, reply)

    def retry(self, reply: str, *, owner: str) -> Iterator[Turn]:
        """Answer the question of a reply again, from the same prompt; the earlier reply stays. Raises as `ask` does."""
        asked_at = time.monotonic()
        with self._database.read() as session:
            message, made = records.reply(session, reply, owner=owner)
            held = records.conversation(session, message.conversation_id, owner=owner)
            asked = records.assistant_by_id(session, held.assistant_id)
            question = session.get(Message, message.parent_id)
        if question is None:
            raise BadInput("This answer belongs to no question, so it cannot be tried again. Ask anew.")
        weights, adapter = self._weights(asked, held.id)
        ids = encode_messages(self._engine.tokenizer(weights.model), made.prompt)
        sources = [{**source, "cited": False} for source in made.sources]
        sampling = self._sampling(asked, at_least=RETRY_TEMPERATURE)
        plan = _Plan(asked, weights, adapter, made.prompt, ids, sources, sampling, asked_at)
        with self._database.write() as session:
            second = _open_reply(session, plan, held, question)
        yield from self._stream(plan, held.id, second)

    def _plan(
        self,
        asked: Assistant,
        question: str,
        history: Sequence[ChatMessage],
        asked_at: float,
        *,
        conversation: str,
        reader: str,
    ) -> _Plan:
        weights, adapter = self._weights(asked, conversation)
        prompt = self.grounding.compose(asked, question, history=history, reader=reader)
        sampling = self._sampling(asked)
        return _Plan(asked, weights, adapter, prompt.messages, prompt.ids, prompt.sources, sampling, asked_at)

    def _sampling(self, asked: Assistant, *, at_least: float = 0.0) -> Sampling:
        return Sampling(
            temperature=max(asked.temperature, at_least),
            top_p=asked.top_p,
            max_new_tokens=asked.max_new_tokens,
            seed=self._new_seed(),
        )

    def _weights(self, asked: Assistant, conversation: str) -> tuple[Weights, str | None]:
        """What answers a conversation now; a damaged adapter must not silence it, so then the next in line answers."""
        for adapter in adapters_for(asked, conversation):
            weights = Weights(model=asked.model, adapter=self._adapters_dir / adapter)
            try:
                self._engine.load(weights)
            except AdapterRefused as exc:
                logger.error("adapter %s refused, what comes before it answers instead: %s", adapter, exc)
            except ModelUnavailable as exc:  # for one more version there may be no room
                if adapter != asked.trial_adapter:
                    raise
                logger.error("adapter %s on trial cannot be loaded, so it does not answer: %s", adapter, exc)
            else:
                return weights, adapter
        return Weights(model=asked.model), None

    def _stream(self, plan: _Plan, conversation: str, reply: str) -> Iterator[Turn]:
        writing = _Writing(self._database, plan, conversation, reply)
        try:
            yield writing.turn()
            with closing(self._pieces(plan)) as pieces:
                for piece in pieces:
                    writing.add(piece)
                    yield writing.turn()
            writing.state = ReplyState.done
        except Exception as exc:
            writing.state = ReplyState.failed
            writing.error = str(exc) if isinstance(exc, ThumbloopError) else "The engine failed; the log says why."
            raise
        finally:
            writing.save()
        yield writing.turn(done=True)

    def _pieces(self, plan: _Plan) -> Generator[Piece, None, None]:
        quotable = [source for source in plan.sources if source.get("golden") != GoldenKind.approved]
        if quotable and self.grounding.focus(plan.assistant) is Focus.sentences:
            return stream_quoting(
                self._engine, plan.ids, weights=plan.weights, sampling=plan.sampling, sources=quotable
            )
        return self._engine.stream(plan.ids, weights=plan.weights, sampling=plan.sampling)


class _Writing:
    """A reply being written: what there is of it, and its row."""

    def __init__(self, database: Database, plan: _Plan, conversation: str, reply: str) -> None:
        self.state = ReplyState.stopped
        self.error = ""
        self._database = database
        self._plan = plan
        self._conversation = conversation
        self._reply = reply
        self._written = ""
        self._checked = Checked("", frozenset())
        self._tokens = 0
        self._first_token_s: float | None = None
        self._saved_at = time.monotonic()

    def turn(self, *, done: bool = False) -> Turn:
        return Turn(self._conversation, self._reply, self._checked.text, self._sources(), self._plan.adapter, done)

    def add(self, piece: Piece) -> None:
        now = time.monotonic()
        self._written += piece.text
        self._checked = check(self._written, self._plan.sources)
        self._tokens = piece.tokens
        if self._first_token_s is None and piece.tokens:
            self._first_token_s = now - self._plan.asked_at
        if now - self._saved_at >= SAVE_EVERY_S:
            self._saved_at = now
            with self._database.write() as session:
                message, _ = records.reply(session, self._reply)
                message.text = self._checked.text

    def save(self) -> None:
        with self._database.write() as session:
            message, made = records.reply(session, self._reply)
            message.text = self._checked.text
            made.state = self.state
            made.error = self.error
            made.sources = list(self._sources())
            made.reply_tokens = self._tokens
            made.first_token_s = self._first_token_s
            made.total_s = time.monotonic() - self._plan.asked_at

    def _sources(self) -> tuple[dict[str, Any], ...]:
        cited = self._checked.cited
        return tuple({**source, "cited": source["n"] in cited} for source in self._plan.sources)


def _open_reply(session: Session, plan: _Plan, held: Conversation, question: Message) -> str:
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


def _checked(message: str) -> str:
    question = message.strip() if isinstance(message, str) else ""
    if not question:
        raise BadInput("The message is empty. Type a question first.")
    if len(question) > MAX_MESSAGE_CHARS:
        raise BadInput(
            f"The message has {len(question)} characters, and at most {MAX_MESSAGE_CHARS} are taken. "
            "Shorten it, or add the text as a document and ask about that."
        )
    return question


def _history(earlier: Sequence[Message], better: Mapping[str, str]) -> list[ChatMessage]:
    """The turns before a question, where somebody said what an answer should have been, with that."""
    turns: list[ChatMessage] = []
    for question, answer in zip(earlier[::2], earlier[1::2], strict=False):
        if answer.text.strip():
            turns += [
                {"role": "user", "content": question.text},
                {"role": "assistant", "content": better.get(answer.id, answer.text)},
            ]
    return turns
