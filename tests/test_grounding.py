"""What a question is answered from: sentences or passages by the model's size, quotes, follow-ups, and nothing."""

from pathlib import Path

import pytest

from assistant import records
from assistant.database import Database
from assistant.errors import NotFound
from assistant.fake_engine import FakeEngine
from assistant.grounding import Grounding
from assistant.knowledge import Knowledge, Upload
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.prompt import NO_SOURCES_HEADER, SOURCES_HEADER, encode_messages
from assistant.questions import search_query
from assistant.tables import Assistant, Focus

HARBOUR = b"""# Harbour

## Ferry

The green ferry leaves at nine. It carries forty cars. A crossing takes 25 minutes.

## Mill

The mill grinds rye on Tuesdays. Its wheel was built in 1871.
"""


class LargeEngine(FakeEngine):
    def parameters(self, model: str) -> int:
        assert model
        return 1_500_000_000


@pytest.fixture
def knowledge(database: Database, tmp_path: Path) -> Knowledge:
    with database.write() as session:
        asked = records.create_assistant(session, slug="default", name="Guide", system_prompt="Help.", min_score=0.0)
    known = Knowledge(database, index_dir=tmp_path / "index", embedder=HashEmbedder())
    known.ingest(asked.id, [Upload("harbour.md", HARBOUR)])
    return known


@pytest.fixture
def asked(database: Database, knowledge: Knowledge) -> Assistant:
    assert knowledge
    with database.read() as session:
        return records.assistant_by_slug(session, "default")


def test_a_small_model_is_given_sentences_and_a_large_one_passages(knowledge: Knowledge, asked: Assistant) -> None:
    small = Grounding(engine=FakeEngine(), knowledge=knowledge).compose(asked, "When does the green ferry leave?")
    assert small.sources[0]["text"] == "The green ferry leaves at nine."
    assert len(small.sources) == asked.passages
    large = Grounding(engine=LargeEngine(), knowledge=knowledge).compose(asked, "When does the green ferry leave?")
    assert "It carries forty cars. A crossing" in large.sources[0]["text"]
    chosen = asked.model_copy(update={"focus": Focus.sentences})
    told = Grounding(engine=LargeEngine(), knowledge=knowledge).compose(chosen, "When does the green ferry leave?")
    assert told.sources == small.sources


def test_each_sentence_has_its_place_in_the_document(knowledge: Knowledge, asked: Assistant) -> None:
    made = Grounding(engine=FakeEngine(), knowledge=knowledge).compose(asked, "When was the wheel of the mill built?")
    assert "1871" in made.sources[0]["text"]
    text = HARBOUR.decode()
    assert all(text[one["start"] : one["end"]] == one["text"] for one in made.sources)
    assert made.ids == encode_messages(FakeEngine().tokenizer(""), made.messages)
    assert made.messages[-1]["content"].startswith(SOURCES_HEADER)


def test_where_nothing_fits_the_model_is_told_so(knowledge: Knowledge, asked: Assistant) -> None:
    strict = asked.model_copy(update={"min_score": 1.0})
    made = Grounding(engine=FakeEngine(), knowledge=knowledge).compose(strict, "Who rules Velm?")
    assert made.sources == []
    assert made.messages[-1]["content"] == f"{NO_SOURCES_HEADER}\n\nQuestion: Who rules Velm?"


@pytest.mark.parametrize("settings", [{"passages": 0}, {"id": "knows-no-documents"}])
def test_without_documents_a_question_stays_as_it_is(
    knowledge: Knowledge, asked: Assistant, settings: dict[str, object]
) -> None:
    other = asked.model_copy(update=settings)
    made = Grounding(engine=FakeEngine(), knowledge=knowledge).compose(other, "Who rules Velm?")
    assert made.messages[-1]["content"] == "Who rules Velm?"


def test_given_passages_are_taken_as_they_are(knowledge: Knowledge, asked: Assistant) -> None:
    grounding = Grounding(engine=FakeEngine(), knowledge=knowledge)
    place = knowledge.locate(asked.id, "It carries forty cars.")
    assert [one["text"] for one in grounding.compose(asked, "How many?", passages=[place]).sources] == [place.text]
    assert grounding.compose(asked, "How many?", passages=[]).messages[-1]["content"] == "How many?"


def test_a_quote_that_was_not_found_takes_the_place_of_the_last_source(knowledge: Knowledge, asked: Assistant) -> None:
    grounding = Grounding(engine=FakeEngine(), knowledge=knowledge)
    two = asked.model_copy(update={"passages": 2})
    found = [one["text"] for one in grounding.compose(two, "When does the green ferry leave?").sources]
    quote = "Its wheel was built in 1871."
    assert quote not in found
    forced = grounding.compose(two, "When does the green ferry leave?", quotes=[found[0], quote]).sources
    assert [one["text"] for one in forced] == [found[0], quote]
    assert HARBOUR.decode()[forced[1]["start"] : forced[1]["end"]] == quote
    with pytest.raises(NotFound, match="word for word"):
        grounding.compose(two, "When?", quotes=["Its wheel was built in 1999."])


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("And how many cars does it carry?", "When does the green ferry leave?\nAnd how many cars does it carry?"),
        ("What about Sundays?", "When does the green ferry leave?\nWhat about Sundays?"),
        ("When was the mill built?", "When was the mill built?"),
    ],
)
def test_a_question_that_refers_back_is_searched_with_the_one_before(question: str, searched: str) -> None:
    history = [
        {"role": "user", "content": "When does the green ferry leave?"},
        {"role": "assistant", "content": "At nine."},
    ]
    assert search_query(question, history) == searched
    assert search_query(question, []) == question
