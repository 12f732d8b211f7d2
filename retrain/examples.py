"""Examples that people write to teach an assistant: from a JSONL file to lessons, each composed as serving would.

What a line of the file holds is `Example`; docs/teaching.md tells it to people. The reply to learn is the answer, then
each quoted sentence with the number of the source that holds it.
"""

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant.errors import BadInput, NotFound
from assistant.grounding import Grounding
from assistant.knowledge import Passage, Upload
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


@dataclass(frozen=True)
class Line:
    """An example, and where it stands; lines are numbered from 1."""

    file: str
    number: int
    example: Example


def read_examples(files: Sequence[Upload]) -> list[Line]:
    """The examples of JSONL files; empty lines are passed over. Raises `BadInput` that names the line."""
    lines: list[Line] = []
    for file in files:
        for number, line in enumerate(file.data.removeprefix(BOM_UTF8).splitlines(), 1):
            if line.strip():
                try:
                    lines.append(Line(file.name, number, Example.model_validate_json(line)))
                except ValidationError as exc:
                    raise BadInput(f"Line {number} of {file.name} cannot be used: {_problem(exc)}") from exc
    return lines


def compose_lesson(line: Line, *, grounding: Grounding, assistant: Assistant) -> Lesson:
    """An example as a lesson, with the prompt that the assistant would be given.

    Raises `BadInput` for one that is too long, or whose quote is in no source.
    """
    try:
        prompt, answer = _composed(line.example, grounding=grounding, assistant=assistant)
    except (BadInput, NotFound) as exc:
        raise BadInput(f"Line {line.number} of {line.file} cannot be used: {exc}") from exc
    return Lesson(prompt=tuple(prompt), answer=answer, rows=(f"{EXAMPLE}{line.file}:{line.number}",))


def _composed(example: Example, *, grounding: Grounding, assistant: Assistant) -> tuple[list[ChatMessage], str]:
    given = example.sources
    grounded = grounding.compose(
        assistant,
        example.question,
        history=[turn.model_dump() for turn in example.history],
        system=example.system,
        passages=None if given is None else [_passage(source) for source in given],
        quotes=example.quotes,
    )
    quoted = (f' "{quote}" [{_number(quote, grounded.sources)}]' for quote in example.quotes)
    return grounded.messages, example.answer + "".join(quoted)


def _passage(source: SourceText) -> Passage:
    end = len(source.text)
    return Passage(
        chunk="", document="", title=source.title, heading=source.heading, text=source.text, score=1.0, start=0, end=end
    )


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
