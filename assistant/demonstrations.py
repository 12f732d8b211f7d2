"""How golden answers go into a prompt: as sources, and as a turn that answers the question before it is asked.

Tried on the default model: as a turn alone, the documents win over it; as the first source alone, it is quoted, but the
model's own words may still be the documents' or a refusal; as both, it mostly says what people say it should. A turn
needs a question, and what somebody asked is theirs: so the question of the turn is the reader's own, and only one that
means the same has it. Of the very questions that were corrected one in eight was still refused, or answered without the
point of the correction, so there a model that cannot be trusted with it does not write: see `to_repeat`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.claims import without_marks
from assistant.knowledge import Passage
from assistant.knowledge.examples import Example
from assistant.prompt import ChatMessage
from assistant.tables import GoldenKind

NEAR, SAME, EQUAL = 0.7, 0.75, 0.9
"""Cosines of two questions from which on they are about the same, mean the same, or differ in hardly a word.

Of two questions about one document with different answers 0.3%, 0.1% and none of 7,368 are so near; of two that ask the
same in other words 80%, 60% and 30% of 32 (`teaching/`, `bench/golden.jsonl`).
"""
MAX_EXAMPLES = 2
SHARE = 0.5
"""Of the room in the prompt. One that does not fit is left out whole: half an answer may say the opposite."""
TITLES = {GoldenKind.corrected: "Corrected answer", GoldenKind.approved: "Approved answer"}


@dataclass(frozen=True)
class Demonstration:
    """What of a golden answer goes into a prompt: a turn, a source, or both."""

    passage: Passage
    """The answer as a source. What people liked is none for the model: the documents are its evidence."""
    turn: tuple[ChatMessage, ...]
    """Goes last into the history."""
    told: dict[str, Any]
    """What a reply's sources tell of it beyond the passage. Nobody but its asker is shown the question."""

    @property
    def is_source(self) -> bool:
        return bool(self.told["golden"] == GoldenKind.corrected)


def demonstrate(
    examples: Sequence[Example], *, question: str, reader: str, room: int, count: Callable[[str], int]
) -> list[Demonstration]:
    """What is given of examples for a question, the nearest first, within a share of `room` tokens."""
    given, left = [], int(room * SHARE)
    for example in examples:
        answer, same = example.answer, example.score >= SAME
        text = without_marks(answer.answer)
        tokens = count(text) * (same + (answer.kind is GoldenKind.corrected))
        if not tokens or tokens > left:
            continue
        left -= tokens
        turn = ({"role": "user", "content": question}, {"role": "assistant", "content": text})
        own = {"question": answer.question} if answer.asker == reader else {}
        told = {"golden": answer.kind.value, **own}
        given.append(Demonstration(_passage(example, text), turn if same else (), told))
    return given


def to_repeat(sources: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The source that is people's own answer to this very question, if there is one."""
    equal = (each for each in sources if each.get("golden") == GoldenKind.corrected and each["score"] >= EQUAL)
    return next(equal, None)


def _passage(example: Example, text: str) -> Passage:
    title = TITLES[example.answer.kind]
    return Passage(
        chunk="", document="", title=title, heading="", text=text, score=example.score, start=0, end=len(text)
    )
