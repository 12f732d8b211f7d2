"""Golden answers near a question: found by their questions, for whom they may serve, as the rows are now."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assistant import golden
from assistant.database import Database, utc_now
from assistant.knowledge import Knowledge
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.tables import GoldenAnswer, GoldenKind
from tests.builders import add_assistant


@pytest.fixture
def assistant(database: Database) -> str:
    with database.write() as session:
        return add_assistant(session).id


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture
def knowledge(database: Database, tmp_path: Path, embedder: HashEmbedder) -> Iterator[Knowledge]:
    opened = Knowledge(database, index_dir=tmp_path / "index", embedder=embedder)
    yield opened
    opened.close()


def put(database: Database, assistant: str, question: str, answer: str, **fields: object) -> None:
    values = {"key": answer, "kind": GoldenKind.corrected} | fields
    with database.write() as session:
        golden.put(session, GoldenAnswer(assistant_id=assistant, question=question, answer=answer, **values))


def near(knowledge: Knowledge, assistant: str, question: str, *, reader: str = "ann", limit: int = 2) -> list[str]:
    found = knowledge.examples(assistant, question, reader=reader, limit=limit, least=0.6)
    assert all(0.6 <= each.score <= 1.001 for each in found)
    return [each.answer.answer for each in found]


def test_the_nearest_come_first_at_most_so_many_and_none_that_is_far(
    database: Database, assistant: str, knowledge: Knowledge
) -> None:
    assert near(knowledge, assistant, "When does the ferry leave?") == []
    put(database, assistant, "When does the red ferry leave?", "At ten.")
    put(database, assistant, "When does the ferry leave?", "At nine.")
    put(database, assistant, "When does the ferry leave today?", "At noon.")
    put(database, assistant, "Who built that mill?", "Nobody.")
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At nine.", "At noon."]
    assert near(knowledge, assistant, "When does the ferry leave?", limit=1) == ["At nine."]
    assert near(knowledge, assistant, "How many cars?") == near(knowledge, assistant, " ") == []


def test_what_serves_one_person_or_another_assistant_is_not_found_and_hides_nothing(
    database: Database, assistant: str, knowledge: Knowledge
) -> None:
    with database.write() as session:
        other = add_assistant(session, slug="other").id
    put(database, other, "When does the ferry leave?", "Never.")
    for n in range(60):
        put(database, assistant, "When does the ferry leave?", f"Spam {n}.", reader=f"guest-{n}")
    put(database, assistant, "When does the ferry leave?", "At nine.")
    put(database, assistant, "When does the ferry leave?", "At eight.", reader="bob")
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At nine."]
    assert near(knowledge, assistant, "When does the ferry leave?", reader="bob") == ["At eight."]
    assert near(knowledge, other, "When does the ferry leave?") == ["Never."]


def test_of_several_for_one_question_one_is_given(database: Database, assistant: str, knowledge: Knowledge) -> None:
    now, question = utc_now(), "When does the ferry leave?"
    put(database, assistant, question, "Old.", created_at=now - timedelta(days=1))
    put(database, assistant, question, "Liked.", kind=GoldenKind.approved, created_at=now + timedelta(days=1))
    assert near(knowledge, assistant, question) == ["Old."]
    put(database, assistant, question, "New.", created_at=now)
    assert near(knowledge, assistant, question) == ["New."]


def test_changes_of_the_rows_are_seen_at_once_and_embed_only_what_is_new(
    database: Database, assistant: str, knowledge: Knowledge, embedder: HashEmbedder
) -> None:
    put(database, assistant, "When does the ferry leave?", "At nine.", key="a")
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At nine."]
    put(database, assistant, "When does the ferry leave?", "At ten.", key="a")
    put(database, assistant, "Who built the mill?", "Ulla.", key="b")
    embedder.embedded.clear()
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At ten."]
    assert embedder.embedded.count("Who built the mill?") == 1
    with database.write() as session:
        golden.remove(session, assistant, ["a"])
    assert near(knowledge, assistant, "When does the ferry leave?") == []
    assert near(knowledge, assistant, "Who built the mill?") == ["Ulla."]
    with database.write() as session:
        golden.remove(session, assistant, ["b"])
    assert near(knowledge, assistant, "Who built the mill?") == []


def test_vectors_survive_a_restart_and_can_be_made_anew(
    database: Database, assistant: str, knowledge: Knowledge, embedder: HashEmbedder, tmp_path: Path
) -> None:
    put(database, assistant, "When does the ferry leave?", "At nine.")
    near(knowledge, assistant, "Why?")
    knowledge.close()
    embedder.embedded.clear()
    assert near(knowledge, assistant, "Why?") == [] and embedder.embedded == ["Why?"]
    knowledge.rebuild()
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At nine."]
    knowledge.close()
    other = Knowledge(database, index_dir=tmp_path / "index", embedder=HashEmbedder(name="another", dimensions=64))
    assert near(other, assistant, "When does the ferry leave?") == ["At nine."]
    other.close()


def test_a_question_longer_than_the_model_reads_is_found(
    database: Database, assistant: str, knowledge: Knowledge
) -> None:
    long = "When does the ferry leave? " * 100
    put(database, assistant, long, "At nine.")
    assert near(knowledge, assistant, long) == ["At nine."]


def test_of_an_assistant_that_was_deleted_no_vectors_stay(
    database: Database, assistant: str, knowledge: Knowledge, embedder: HashEmbedder
) -> None:
    put(database, assistant, "When does the ferry leave?", "At nine.")
    assert near(knowledge, assistant, "When does the ferry leave?") == ["At nine."]
    knowledge.forget(assistant)
    embedder.embedded.clear()
    near(knowledge, assistant, "Why?")
    assert "When does the ferry leave?" in embedder.embedded, "the row is still there here, so it was made anew"
