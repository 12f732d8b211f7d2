"""One turn, from question to stored reply: find passages, compose, stream, and keep all that training will need.

The question and an empty reply are stored before the first token, the text about once a second and at the end
(`assistant.writing`), so that whatever is killed, what was asked and answered so far is there.
"""

import logging
import random
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from sqlmodel import Session

from assistant import golden, records
from assistant.citations import Checked, check
from assistant.database import Database, new_id
from assistant.demonstrations import to_repeat
from assistant.engine import Engine, Piece, Sampling, Weights
from assistant.errors import AdapterRefused, BadInput, ModelUnavailable
from assistant.grounding import Grounding, Retriever
from assistant.prompt import ChatMessage, encode_messages
from assistant.quoting import repeat, stream_quoting
from assistant.tables import Assistant, Conversation, Focus, GoldenKind, Message, Role
from assistant.trial import adapters_for
from assistant.writing import Plan, Turn, Writing, marked, open_reply

logger = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 8_000
RETRY_TEMPERATURE = 0.8
"""A second answer is sampled at least this freely, so that it is not the first one again."""


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
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._engine = engine
        self.grounding = Grounding(engine=engine, knowledge=knowledge)
        """What composes the prompts of its turns."""
        self._adapters_dir = adapters_dir
        self._new_seed = new_seed
        self._chance = chance

    def ask(
        self, message: str, *, assistant: str = "default", conversation: str | None = None, owner: str
    ) -> Iterator[Turn]:
        """Answer a message of `owner` in a conversation, or in a new one.

        Closing the iterator stops the generation and keeps what was written.
        Raises `BadInput`, `NotFound`, `ModelUnavailable`; before anything is stored, unless the engine fails midway.
        """
        steps = self.converse(message, assistant=assistant, conversation=conversation, owner=owner, may_pair=False)
        yield from _first(steps)

    def converse(
        self,
        message: str,
        *,
        assistant: str = "default",
        conversation: str | None = None,
        owner: str,
        may_pair: bool = True,
    ) -> Iterator[tuple[Turn, ...]]:
        """Answer as `ask` does, a share of the turns (`Assistant.compare_share`) by two replies at once."""
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
        plans = self._with_rival(plan) if may_pair else [plan]
        with self._database.write() as session:
            if conversation is None:
                held = records.start_conversation(
                    session, assistant_id=asked.id, owner=owner, question=question, id=goes_in
                )
            else:
                held = records.conversation(session, conversation, owner=owner)
            replies = _open_exchange(session, plans, held, question, after=earlier)
        yield from self._stream(plans, goes_in, replies)

    def edit(self, reply: str, message: str, *, owner: str) -> Iterator[tuple[Turn, ...]]:
        """Answer the question of a reply in other words, as `converse` does.

        The conversation branches: what follows the first words stays, and goes on no more unless somebody turns to it.
        """
        asked_at = time.monotonic()
        question = _checked(message)
        with self._database.read() as session:
            first, _ = records.reply(session, reply, owner=owner)
            held = records.conversation(session, first.conversation_id, owner=owner)
            asked = records.assistant_by_id(session, held.assistant_id)
            earlier = records.line(session, first.id)[:-2]
            better = golden.instead_of(session, [message.id for message in earlier], reader=owner)
        history = _history(earlier, better)
        plans = self._with_rival(self._plan(asked, question, history, asked_at, conversation=held.id, reader=owner))
        with self._database.write() as session:
            held = records.conversation(session, held.id, owner=owner)
            replies = _open_exchange(session, plans, held, question, after=earlier)
        yield from self._stream(plans, held.id, replies)

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
        plan = Plan(asked, weights, adapter, made.prompt, ids, sources, sampling, asked_at, may_repeat=False)
        with self._database.write() as session:
            held = records.conversation(session, held.id, owner=owner)
            second = open_reply(session, plan, held, question)
        yield from _first(self._stream([plan], held.id, [second]))

    def preview(self, asked: Assistant, message: str, *, history: Sequence[ChatMessage] = ()) -> Iterator[Turn]:
        """Answer a message as an assistant with these settings would, and store nothing; raises as `ask` does.

        Its turns belong to no conversation and no reply, so nobody can rate them and nothing learns from them.
        """
        plan = self._plan(asked, _checked(message), history, time.monotonic(), conversation="", reader="")
        written, checked = "", Checked("", frozenset())
        with closing(self._pieces(plan)) as pieces:
            for piece in pieces:
                written += piece.text
                checked = check(written, plan.sources)
                yield Turn("", "", checked.text, marked(plan.sources, checked), plan.adapter, done=False)
        yield Turn("", "", checked.text, marked(plan.sources, checked), plan.adapter, done=True)

    def _plan(
        self,
        asked: Assistant,
        question: str,
        history: Sequence[ChatMessage],
        asked_at: float,
        *,
        conversation: str,
        reader: str,
    ) -> Plan:
        weights, adapter = self._weights(asked, conversation)
        prompt = self.grounding.compose(asked, question, history=history, reader=reader)
        sampling = self._sampling(asked)
        return Plan(asked, weights, adapter, prompt.messages, prompt.ids, prompt.sources, sampling, asked_at)

    def _with_rival(self, usual: Plan) -> list[Plan]:
        """For a share of the turns a freer answer beside the usual one; which comes first is left to chance."""
        if self._chance() >= usual.assistant.compare_share:
            return [usual]
        freer = replace(usual, sampling=self._sampling(usual.assistant, at_least=RETRY_TEMPERATURE), may_repeat=False)
        return [usual, freer] if self._chance() < 0.5 else [freer, usual]

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

    def _stream(self, plans: Sequence[Plan], conversation: str, replies: Sequence[str]) -> Iterator[tuple[Turn, ...]]:
        """Write all replies at once, a piece of each in turn: the engine computes them in one batch."""
        with ExitStack() as ends:
            writings = [
                ends.enter_context(Writing(self._database, plan, conversation, reply))
                for plan, reply in zip(plans, replies, strict=True)
            ]
            yield tuple(writing.turn() for writing in writings)
            going = [
                (writing, ends.enter_context(closing(self._pieces(plan))))
                for writing, plan in zip(writings, plans, strict=True)
            ]
            while going:
                for writing, pieces in list(going):
                    piece = next(pieces, None)
                    if piece is None:
                        writing.finish()
                        going.remove((writing, pieces))
                    else:
                        writing.add(piece)
                yield tuple(writing.turn() for writing in writings)

    def _pieces(self, plan: Plan) -> Generator[Piece, None, None]:
        quotable = [source for source in plan.sources if source.get("golden") != GoldenKind.approved]
        if quotable and self.grounding.focus(plan.assistant) is Focus.sentences:
            repeated = to_repeat(quotable) if plan.may_repeat else None
            if repeated is not None:
                return repeat(self._engine, repeated, weights=plan.weights)
            return stream_quoting(
                self._engine, plan.ids, weights=plan.weights, sampling=plan.sampling, sources=quotable
            )
        return self._engine.stream(plan.ids, weights=plan.weights, sampling=plan.sampling)


def _open_exchange(
    session: Session, plans: Sequence[Plan], held: Conversation, question: str, *, after: Sequence[Message]
) -> list[str]:
    message = records.add_message(session, held, Role.user, question, parent=after[-1].id if after else None)
    return [open_reply(session, plan, held, message) for plan in plans]


def _first(steps: Iterator[tuple[Turn, ...]]) -> Iterator[Turn]:
    with closing(steps):  # type: ignore[type-var]  # a generator, though its type says less
        for turns in steps:
            yield turns[0]


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
