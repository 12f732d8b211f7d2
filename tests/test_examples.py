"""Examples from a file: what a line may hold, what is wrong with it in a sentence, and the lesson it becomes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from assistant.errors import BadInput
from assistant.prompt import ChatMessage
from assistant.tables import Assistant
from retrain.examples import Given, compose_lessons, read_examples

LATE = "Late returns cost 12 euros a week."
FREE = "Children borrow for free."


@dataclass(frozen=True)
class Composed:
    messages: list[ChatMessage]
    sources: list[dict[str, Any]]


class FakeGrounding:
    """Gives the sources of the example, or two of its own documents, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def compose(
        self,
        asked: Assistant,
        question: str,
        *,
        history: Sequence[ChatMessage] = (),
        system: str | None = None,
        passages: Sequence[Given] | None = None,
        quotes: Sequence[str] = (),
    ) -> Composed:
        if len(question) > 50:
            raise BadInput("The message is too long.")
        self.asked.append({"history": history, "system": system, "passages": passages, "quotes": quotes})
        texts = [FREE, LATE] if passages is None else [passage.text for passage in passages]
        messages = [{"role": "system", "content": asked.system_prompt}, *history, {"role": "user", "content": question}]
        return Composed(messages, [{"n": n, "text": text} for n, text in enumerate(texts, 1)])


ASSISTANT = Assistant(slug="a", name="A", system_prompt="Help.")


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def lessons(data: bytes, grounding: FakeGrounding | None = None) -> Any:
    examples = read_examples("the file", data)
    return compose_lessons("the file", examples, grounding=grounding or FakeGrounding(), assistant=ASSISTANT)


def test_the_reply_is_the_answer_with_each_quote_and_the_number_of_its_source() -> None:
    line = {"question": "What does it cost?", "answer": "12 euros a week.", "quotes": [LATE, FREE], "kind": "number"}
    (lesson,) = lessons(b"\n" + jsonl(line))
    assert lesson.answer == f'12 euros a week. "{LATE}" [2] "{FREE}" [1]'
    assert lesson.rows == ("example:2",)
    assert lesson.prompt[-1] == {"role": "user", "content": "What does it cost?"}


def test_history_instructions_and_sources_go_into_the_prompt_as_given() -> None:
    grounding = FakeGrounding()
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    lines = [
        {"question": "And?", "answer": "So.", "history": turns, "system": "Be brief.", "sources": []},
        {"question": "What?", "answer": "This.", "quotes": [LATE], "sources": [{"title": "Fees", "text": LATE}]},
        {"question": "Where?", "answer": "Here.", "document": "fees.md"},
    ]
    found = lessons(jsonl(*lines), grounding)
    assert [asked["passages"] for asked in grounding.asked] == [[], [Given(title="Fees", heading="", text=LATE)], None]
    assert (grounding.asked[0]["history"], grounding.asked[0]["system"]) == (turns, "Be brief.")
    assert (grounding.asked[2]["history"], grounding.asked[2]["system"]) == ([], None)
    assert found[1].answer == f'This. "{LATE}" [1]'
    assert found[2].answer == "Here."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"question": "Who?"}', "it has no 'answer'"),
        (b'{"question": " ", "answer": "Me."}', "question is wrong"),
        (b'{"question": "Who?", "answer": "Me.", "quote": []}', "'quote' is no part of an example"),
        (b'{"question": "Who?", "answer": "Me.", "history": [{"role": "system", "content": "x"}]}', "history.0.role"),
        (b'{"question": "Who?", "answer": "Me.", "sources": [{"title": "T"}]}', "it has no 'sources.0.text'"),
        (b"question: Who?", "not JSON"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        (b"[1, 2]", "it is wrong"),
    ],
)
def test_a_bad_line_is_named_in_a_sentence(line: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words) as told:
        read_examples("cafe.jsonl", jsonl({"question": "Who?", "answer": "Me."}) + line)
    assert str(told.value).startswith("Line 2 of cafe.jsonl cannot be used: ")


def test_an_example_that_cannot_be_composed_is_named_too() -> None:
    good = {"question": "Who?", "answer": "Me."}
    with pytest.raises(BadInput, match="Line 2 of the file cannot be used: its quote 'Nobody said this"):
        lessons(jsonl(good, {**good, "quotes": ["Nobody said this."]}))
    with pytest.raises(BadInput, match="Line 2 of the file cannot be used: The message is too long"):
        lessons(jsonl(good, {**good, "question": "long " * 20}))


def test_lines_are_told_apart_by_line_feeds_alone_and_a_mark_of_order_is_passed_over() -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"question": "A\u2028B?", "answer": "C."}, ensure_ascii=False).encode()
    assert read_examples("x", data + b"\r\n")[1].question == "A\u2028B?"
