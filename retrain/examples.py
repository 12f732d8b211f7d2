"""Examples that people write to teach an assistant: from a JSONL file to lessons, each composed as serving would.

What a line of the file holds is `Example`; docs/teaching.md tells it to people. The reply to learn is the answer, then
each quoted sentence with the number of the source that holds it.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant.errors import BadInput
from assistant.prompt import ChatMessage
from assistant.tables import Assistant
from feedback.lessons import Lesson
from feedback.likeness import normal
from retrain.dataset import EXAMPLE

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Turn(_Line):
    """A message of the conversation before the question."""

    role: Literal["user", "assistant"]
    content: Text


class SourceText(_Line):
    """A source that an example brings along."""

    title: Text
    text: Text
    heading: str = ""


class Example(_Line):
    """One line of a file of examples."""

    question: Text
    answer: Text
    quotes: tuple[Text, ...] = Field(default=(), strict=False)
    """Sentences of the sources, word for word, that the answer rests on."""
    history: tuple[Turn, ...] = Field(default=(), strict=False)
    system: str | None = None
    """Instructions instead of the assistant's own."""
    sources: tuple[SourceText, ...] | None = Field(default=None, strict=False)
    """None: found in the assistant's documents, as in the chat; empty: none."""
    document: str = ""
    kind: str = ""
    """Labels for people, as `document`; nothing depends on them."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A source of an example as a passage."""

    title: str
    heading: str
    text: str
    chunk: str = ""
    document: str = ""
    score: float = 1.0
    start: int = 0

    @property
    def end(self) -> int:
        return len(self.text)


class Grounded(Protocol):
    """A composed prompt with its numbered sources, as `Reply.sources`."""

    @property
    def messages(self) -> list[ChatMessage]: ...
    @property
    def sources(self) -> list[dict[str, Any]]: ...


class Composer(Protocol):
    """What composes the prompt of a turn: `assistant.grounding.Grounding`."""

    def compose(
        self,
        asked: Assistant,
        question: str,
        *,
        history: Sequence[ChatMessage] = (),
        system: str | None = None,
        passages: Sequence[Given] | None = None,
        quotes: Sequence[str] = (),
    ) -> Grounded: ...


def read_examples(name: str, data: bytes) -> dict[int, Example]:
    """The examples of a file by their line, from 1; empty lines are passed over. Raises `BadInput` naming the line."""
    examples: dict[int, Example] = {}
    for number, line in enumerate(data.removeprefix(BOM_UTF8).splitlines(), 1):
        if line.strip():
            try:
                examples[number] = Example.model_validate_json(line)
            except ValidationError as exc:
                raise BadInput(f"Line {number} of {name} cannot be used: {_problem(exc)}") from exc
    return examples


def compose_lessons(
    name: str,
    examples: Mapping[int, Example],
    *,
    grounding: Composer,
    assistant: Assistant,
    on_composed: Callable[[int], None] = lambda _: None,
) -> list[Lesson]:
    """Each example of a file as a lesson, with the prompt that the assistant would be given.

    `on_composed` is told how many are done. Raises `BadInput` for an example that is too long, or whose quote is in no
    source.
    """
    lessons = []
    for done, (line, example) in enumerate(examples.items(), 1):
        try:
            lessons.append(_lesson(line, example, grounding=grounding, assistant=assistant))
        except BadInput as exc:
            raise BadInput(f"Line {line} of {name} cannot be used: {exc}") from exc
        on_composed(done)
    return lessons


def _lesson(line: int, example: Example, *, grounding: Composer, assistant: Assistant) -> Lesson:
    given = example.sources
    grounded = grounding.compose(
        assistant,
        example.question,
        history=[turn.model_dump() for turn in example.history],
        system=example.system,
        passages=None if given is None else [Given(**source.model_dump()) for source in given],
        quotes=example.quotes,
    )
    quoted = (f' "{quote}" [{_number(quote, grounded.sources)}]' for quote in example.quotes)
    return Lesson(prompt=tuple(grounded.messages), answer=example.answer + "".join(quoted), rows=(f"{EXAMPLE}{line}",))


def _number(quote: str, sources: Sequence[Mapping[str, Any]]) -> int:
    """The number of the source that a quote stands in. Raises `BadInput`."""
    wanted = normal(quote)
    for source in sources:
        if wanted in normal(source["text"]):
            return int(source["n"])
    raise BadInput(
        f"its quote {quote[:60]!r} is in none of its sources. "
        "Quote a sentence word for word, and add the document that holds it first."
    )


def _problem(exc: ValidationError) -> str:
    """The first thing that is wrong with a line, in a sentence."""
    error = exc.errors()[0]
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "json_invalid":
        return "it is not JSON in UTF-8. Write each example as one JSON object on a line of its own."
    if error["type"] == "extra_forbidden":
        return f"{where!r} is no part of an example. The parts are {', '.join(Example.model_fields)}."
    if error["type"] == "missing":
        return f"it has no {where!r}. Add it."
    return f"{where or 'it'} is wrong ({error['msg']}). docs/teaching.md shows how an example looks."
