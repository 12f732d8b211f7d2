"""What a question is answered from: found in the documents, cut to what the model can use, composed into a prompt.

Chat composes every turn by this, and teaching every example, so that training sees what serving sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.demonstrations import MAX_EXAMPLES, NEAR, Demonstration, demonstrate
from assistant.engine import Engine
from assistant.knowledge import Passage
from assistant.knowledge.examples import Example
from assistant.prompt import ChatMessage, compose, encode_text
from assistant.questions import search_query
from assistant.tables import Assistant, Focus

SMALL_PARAMETERS = 1_000_000_000
"""Models with fewer answer from sentences, unless the assistant says otherwise."""


class Retriever(Protocol):
    """Finds what a question can be answered from; `assistant.knowledge.Knowledge` is one."""

    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> Sequence[Passage]: ...
    def sentences(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> Sequence[Passage]: ...
    def locate(self, assistant_id: str, quote: str) -> Passage: ...
    def has_documents(self, assistant_id: str) -> bool: ...
    def examples(
        self, assistant_id: str, question: str, *, reader: str, limit: int, least: float
    ) -> Sequence[Example]: ...


@dataclass(frozen=True)
class Grounded:
    """A composed prompt: its messages, their token ids, and its sources as in `Reply.sources`."""

    messages: list[ChatMessage]
    ids: list[int]
    sources: list[dict[str, Any]]


class Grounding:
    """Composes prompts with an engine's tokenizer and a retriever. Thread-safe."""

    def __init__(self, *, engine: Engine, knowledge: Retriever) -> None:
        self._engine = engine
        self._knowledge = knowledge

    def compose(
        self,
        asked: Assistant,
        question: str,
        *,
        history: Sequence[ChatMessage] = (),
        system: str | None = None,
        passages: Sequence[Passage] | None = None,
        quotes: Sequence[str] = (),
        reader: str | None = None,
    ) -> Grounded:
        """The prompt for a question to an assistant, within its budget of tokens.

        Given `passages` are taken as they are, also none. `quotes` are sentences that must be among the sources: one
        that was not found takes the place of the last. Golden answers near the question that may serve `reader` go in
        as `assistant.demonstrations` tells; without a reader there are none. Raises `BadInput` for a question or quotes
        that do not fit, `ModelUnavailable`.
        """
        grounded = passages is None and asked.passages > 0
        found = list(self._retrieve(asked, question, history) if grounded else passages or ())
        found = self._with_quotes(asked, found, quotes)
        room = min(asked.context_tokens, self._engine.context_tokens(asked.model)) - asked.max_new_tokens
        shown = [] if reader is None else self._demonstrations(asked, question, history, reader=reader, room=room)
        offered = [*(each.passage for each in shown if each.is_source), *found]
        turns = [message for each in reversed(shown) for message in each.turn]
        prompt = compose(
            self._engine.tokenizer(asked.model),
            question,
            system=asked.system_prompt if system is None else system,
            history=[*history, *turns],
            passages=offered,
            searched=grounded and not offered and self._knowledge.has_documents(asked.id),
            budget=room,
        )
        sources = [_source(n, passage) for n, passage in enumerate(offered[: prompt.passages], 1)]
        for source, each in zip(sources, (each for each in shown if each.is_source), strict=False):
            source |= each.told
        if len(prompt.messages) >= len(turns) + 2:
            liked = (each for each in shown if not each.is_source)
            sources += [_source(n, each.passage) | each.told for n, each in enumerate(liked, len(sources) + 1)]
        return Grounded(prompt.messages, prompt.ids, sources)

    def focus(self, asked: Assistant) -> Focus:
        """What an assistant answers from, passages or sentences. Raises `ModelUnavailable`."""
        return focus_of(asked.focus, asked.model, engine=self._engine)

    def automatic_focus(self, model: str) -> Focus:
        """What suits a model of its size. Raises `ModelUnavailable`."""
        return focus_of(Focus.auto, model, engine=self._engine)

    def search(
        self, asked: Assistant, query: str, *, limit: int, min_score: float | None, document: str | None = None
    ) -> Sequence[Passage]:
        """Passages or sentences for a query, in all documents or in the one of an id, as the assistant's focus wants.

        Raises `ModelUnavailable`, `Conflict`.
        """
        search = self._knowledge.sentences if self.focus(asked) is Focus.sentences else self._knowledge.search
        return search(asked.id, query, limit=limit, min_score=min_score, document=document)

    def _retrieve(self, asked: Assistant, question: str, history: Sequence[ChatMessage]) -> Sequence[Passage]:
        query = search_query(question, history)
        return self.search(asked, query, limit=asked.passages, min_score=asked.min_score)

    def _demonstrations(
        self, asked: Assistant, question: str, history: Sequence[ChatMessage], *, reader: str, room: int
    ) -> list[Demonstration]:
        query, tokenizer = search_query(question, history), self._engine.tokenizer(asked.model)
        near = self._knowledge.examples(asked.id, query, reader=reader, limit=MAX_EXAMPLES, least=NEAR)
        return demonstrate(
            near, question=question, reader=reader, room=room, count=lambda text: len(encode_text(tokenizer, text))
        )

    def _with_quotes(self, asked: Assistant, found: list[Passage], quotes: Sequence[str]) -> list[Passage]:
        missing = [quote for quote in quotes if not any(quote in passage.text for passage in found)]
        if not missing:
            return found
        placed = [self._knowledge.locate(asked.id, quote) for quote in missing]
        kept = [passage for passage in found if any(quote in passage.text for quote in quotes)]
        others = [passage for passage in found if passage not in kept][: max(0, asked.passages - len(kept + placed))]
        return [passage for passage in found if passage in kept or passage in others] + placed


def focus_of(wanted: Focus, model: str, *, engine: Engine) -> Focus:
    """What a model answers from: what is wanted or, if that is automatic, what suits its size. Raises
    `ModelUnavailable`.
    """
    if wanted is not Focus.auto:
        return wanted
    return Focus.sentences if engine.parameters(model) < SMALL_PARAMETERS else Focus.passages


def _source(n: int, passage: Passage) -> dict[str, Any]:
    return {
        "n": n,
        "chunk": passage.chunk,
        "document": passage.document,
        "title": passage.title,
        "heading": passage.heading,
        "text": passage.text,
        "score": round(float(passage.score), 4),
        "start": passage.start,
        "end": passage.end,
        "cited": False,
    }
