"""What a question is answered from: found in the documents, cut to what the model can use, composed into a prompt.

Chat composes every turn by this, and teaching every example, so that training sees what serving sees.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.engine import Engine
from assistant.knowledge import Passage
from assistant.prompt import ChatMessage, compose
from assistant.tables import Assistant, Focus

SMALL_PARAMETERS = 1_000_000_000
"""Models with fewer answer from sentences, unless the assistant says otherwise."""
_REFERS_BACK = re.compile(
    r"^\W*(?:and|but|so|what about|how about|why|since when)\b|"
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|theirs|that|those|these|this|there|then|one|ones)\b",
    re.IGNORECASE,
)


class Retriever(Protocol):
    """Finds what a question can be answered from; `assistant.knowledge.Knowledge` is one."""

    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None
    ) -> Sequence[Passage]: ...
    def sentences(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None
    ) -> Sequence[Passage]: ...
    def locate(self, assistant_id: str, quote: str) -> Passage: ...
    def has_documents(self, assistant_id: str) -> bool: ...


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
    ) -> Grounded:
        """The prompt for a question to an assistant, within its budget of tokens.

        Given `passages` are taken as they are, also none. `quotes` are sentences that must be among the sources: one
        that was not found takes the place of the last. Raises `BadInput` for a question or quotes that do not fit,
        `ModelUnavailable`.
        """
        grounded = passages is None and asked.passages > 0
        found = list(self._retrieve(asked, question, history) if grounded else passages or ())
        found = self._with_quotes(asked, found, quotes)
        room = min(asked.context_tokens, self._engine.context_tokens(asked.model)) - asked.max_new_tokens
        prompt = compose(
            self._engine.tokenizer(asked.model),
            question,
            system=asked.system_prompt if system is None else system,
            history=history,
            passages=found,
            searched=grounded and not found and self._knowledge.has_documents(asked.id),
            budget=room,
        )
        sources = [_source(n, passage) for n, passage in enumerate(found[: prompt.passages], 1)]
        return Grounded(prompt.messages, prompt.ids, sources)

    def focus(self, asked: Assistant) -> Focus:
        """What an assistant answers from, passages or sentences. Raises `ModelUnavailable`."""
        return self.automatic_focus(asked.model) if asked.focus is Focus.auto else asked.focus

    def automatic_focus(self, model: str) -> Focus:
        """What suits a model of its size. Raises `ModelUnavailable`."""
        return Focus.sentences if self._engine.parameters(model) < SMALL_PARAMETERS else Focus.passages

    def search(self, asked: Assistant, query: str, *, limit: int, min_score: float | None) -> Sequence[Passage]:
        """Passages or sentences for a query, as the assistant's focus wants. Raises `ModelUnavailable`, `Conflict`."""
        search = self._knowledge.sentences if self.focus(asked) is Focus.sentences else self._knowledge.search
        return search(asked.id, query, limit=limit, min_score=min_score)

    def _retrieve(self, asked: Assistant, question: str, history: Sequence[ChatMessage]) -> Sequence[Passage]:
        query = search_query(question, history)
        return self.search(asked, query, limit=asked.passages, min_score=asked.min_score)

    def _with_quotes(self, asked: Assistant, found: list[Passage], quotes: Sequence[str]) -> list[Passage]:
        missing = [quote for quote in quotes if not any(quote in passage.text for passage in found)]
        if not missing:
            return found
        placed = [self._knowledge.locate(asked.id, quote) for quote in missing]
        kept = [passage for passage in found if any(quote in passage.text for quote in quotes)]
        others = [passage for passage in found if passage not in kept][: max(0, asked.passages - len(kept + placed))]
        return [passage for passage in found if passage in kept or passage in others] + placed


def search_query(question: str, history: Sequence[ChatMessage]) -> str:
    """What to search for: the question, after the one before it where it refers back (`And how much is it?`)."""
    asked_before = [turn["content"] for turn in history if turn["role"] == "user"]
    if asked_before and _REFERS_BACK.search(question):
        return f"{asked_before[-1]}\n{question}"
    return question


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
