"""Examples from a file: what a line may hold, what is wrong with it in a sentence, and the lesson it becomes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.chat import Chat
from assistant.database import Database
from assistant.errors import BadInput, NotFound
from assistant.fake_engine import FakeEngine
from assistant.grounding import Grounding
from assistant.knowledge import Passage, Upload
from assistant.knowledge.examples import Example
from assistant.prompt import encode_messages
from assistant.tables import Assistant
from feedback.lessons import Lesson
from retrain.examples import compose_lesson, read_examples
from tests.builders import add_assistant

LATE = "Late returns cost 12 euros a week."
FREE = "Children borrow for free."


class Found:
    """Finds both sentences for any question."""

    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> Sequence[Passage]:
        assert assistant_id and query and document is None and (min_score is None or min_score >= 0)
        return [passage(FREE), passage(LATE)][:limit]

    sentences = search

    def locate(self, assistant_id: str, quote: str) -> Passage:
        raise NotFound(f"No document of {assistant_id} says {quote!r}.")

    def has_documents(self, assistant_id: str) -> bool:
        return bool(assistant_id)

    def examples(self, assistant_id: str, question: str, **_: Any) -> Sequence[Example]:
        assert assistant_id and question
        return []


def passage(text: str) -> Passage:
    return Passage(chunk="c", document="d", title="Fees", heading="", text=text, score=0.5, start=0, end=len(text))


ASSISTANT = Assistant(slug="a", name="A", system_prompt="Help.")


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def lessons(data: bytes) -> list[Lesson]:
    grounding = Grounding(engine=FakeEngine(), knowledge=Found())
    lines = read_examples([Upload(name="fees.jsonl", data=data)])
    return [compose_lesson(line, grounding=grounding, assistant=ASSISTANT) for line in lines]


def test_the_reply_is_the_answer_with_each_quote_and_the_number_of_its_source() -> None:
    line = {"question": "What does it cost?", "answer": "12 euros a week.", "quotes": [LATE, FREE], "kind": "number"}
    (lesson,) = lessons(b"\n" + jsonl(line))
    assert lesson.answer == f'12 euros a week. "{LATE}" [2] "{FREE}" [1]'
    assert lesson.rows == ("example:fees.jsonl:2",)
    assert lesson.prompt[-1]["content"].endswith("Question: What does it cost?")


def test_the_prompt_is_what_the_chat_would_give(tmp_path: Path, database: Database) -> None:
    with database.write() as session:
        add_assistant(session, slug="a", system_prompt="Help.")
    engine = FakeEngine()
    chat = Chat(database=database, engine=engine, knowledge=Found(), adapters_dir=tmp_path)
    list(chat.ask("What does it cost?", assistant="a", owner="ann"))
    (lesson,) = lessons(jsonl({"question": "What does it cost?", "answer": "12 euros."}))
    assert encode_messages(engine.tokenizer("default"), lesson.prompt) == list(engine.history[0].prompt)
    assert LATE in lesson.prompt[-1]["content"]


def test_history_instructions_and_sources_go_into_the_prompt_as_given() -> None:
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    given = {"title": "Opening", "heading": "Winter", "text": "Closed in May."}
    first, second = lessons(
        jsonl(
            {"question": "And?", "answer": "So.", "history": turns, "system": "Be brief.", "sources": []},
            {"question": "When?", "answer": "In May.", "quotes": ["Closed in May."], "sources": [given]},
        )
    )
    assert list(first.prompt) == [
        {"role": "system", "content": "Be brief."},
        *turns,
        {"role": "user", "content": "And?"},
    ]
    assert second.answer == 'In May. "Closed in May." [1]' and second.prompt[0]["content"] == "Help."
    assert "Opening" in second.prompt[1]["content"] and LATE not in second.prompt[1]["content"]


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
        read_examples([Upload(name="cafe.jsonl", data=jsonl({"question": "Who?", "answer": "Me."}) + line)])
    assert str(told.value).startswith("Line 2 of cafe.jsonl cannot be used: ")


def test_an_example_that_cannot_be_composed_is_named_too() -> None:
    good = {"question": "Who?", "answer": "Me."}
    with pytest.raises(BadInput, match=r"Line 2 of fees\.jsonl cannot be used: No document"):
        lessons(jsonl(good, {**good, "quotes": ["Nobody said this."]}))
    with pytest.raises(BadInput, match=r"Line 2 of fees\.jsonl cannot be used: The message is too long"):
        lessons(jsonl(good, {**good, "question": "long " * 2000}))


def test_lines_are_told_apart_by_line_feeds_alone_and_a_mark_of_order_is_passed_over() -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"question": "A\u2028B?", "answer": "C."}, ensure_ascii=False).encode()
    (line,) = read_examples([Upload(name="x", data=data + b"\r\n")])
    assert line.example.question == "A\u2028B?"
