"""Golden answers in the chat: given as sources for near questions, within the budget, and without their questions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import golden, records
from assistant.chat import Chat, Turn
from assistant.database import Database
from assistant.demonstrations import MAX_EXAMPLES, SAME
from assistant.demonstrations import NEAR as NEAR_SCORE
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Knowledge, Upload
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.prompt import NO_SOURCES_HEADER
from assistant.tables import Focus, GoldenAnswer, GoldenKind, Reply
from feedback.ratings import correct, rate

FERRY = "When does the green ferry leave?"
"""Ann's question, which she has corrected; the others ask it in other words."""
NEAR = "When does the green ferry leave today and tomorrow?"
FAR = "Who grinds the rye?"
HARBOUR = b"# Harbour\n\nThe green ferry leaves at nine. It carries forty cars.\n\nThe miller grinds the rye.\n"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def chat(database: Database, engine: FakeEngine, tmp_path: Path) -> Iterator[Chat]:
    with database.write() as session:
        for slug in ("default", "other"):
            made = records.create_assistant(
                session, slug=slug, name="Guide", system_prompt="Help.", min_score=0.0, passages=2, max_new_tokens=100
            )
    knowledge = Knowledge(database, index_dir=tmp_path / "index", embedder=HashEmbedder())
    knowledge.ingest(made.id, [Upload("harbour.md", HARBOUR)])
    yield Chat(database=database, engine=engine, knowledge=knowledge, adapters_dir=tmp_path)
    knowledge.close()


def ask(chat: Chat, question: str, *, owner: str = "ann", **where: Any) -> Turn:
    *_, last = chat.ask(question, owner=owner, **{"assistant": "other"} | where)
    return last


def teach(
    chat: Chat, database: Database, text: str, *, question: str = FERRY, owner: str = "ann", for_all: bool = True
) -> Turn:
    """Ask a question as its owner and correct the answer; the turn that was corrected."""
    turn = ask(chat, question, owner=owner)
    with database.write() as session:
        correct(session, turn.reply, rater=owner, text=text, for_all=for_all)
    return turn


def prompt_of(database: Database, turn: Turn) -> str:
    return str(messages_of(database, turn))


def messages_of(database: Database, turn: Turn) -> list[dict[str, str]]:
    with database.read() as session:
        return session.get_one(Reply, turn.reply).prompt


def golden_of(turn: Turn) -> list[dict[str, Any]]:
    return [source for source in turn.sources if "golden" in source]


def test_a_near_question_is_given_the_corrected_answer_first_and_a_far_one_is_not(
    chat: Chat, database: Database, engine: FakeEngine
) -> None:
    before = ask(chat, NEAR, owner="bob")
    teach(chat, database, "At ten [1].")
    engine.enqueue("At ten [1].")
    turn = ask(chat, NEAR, owner="bob")
    (source,) = golden_of(turn)
    assert (source["n"], source["text"], source["golden"], source["cited"]) == (1, "At ten.", "corrected", True)
    assert [each["text"] for each in turn.sources[1:]] == [each["text"] for each in before.sources]
    assert "[1] Corrected answer\\nAt ten.\\n\\n[2] Harbour" in prompt_of(database, turn)
    assert turn.text == "At ten [1].", "a mark that a golden answer bears out stays"
    assert golden_of(ask(chat, FAR)) == []


def test_taking_the_correction_back_is_seen_by_the_next_question(chat: Chat, database: Database) -> None:
    turn = teach(chat, database, "At ten.")
    assert golden_of(ask(chat, NEAR))
    with database.write() as session:
        correct(session, turn.reply, rater="ann", text="")
    assert golden_of(ask(chat, NEAR)) == []


def test_deleting_the_conversation_takes_the_golden_answer_along(chat: Chat, database: Database) -> None:
    turn = teach(chat, database, "At ten.")
    with database.write() as session:
        records.delete_conversation(session, turn.conversation, owner="ann")
    assert golden_of(ask(chat, NEAR)) == []


def test_at_most_two_are_given(chat: Chat, database: Database) -> None:
    for word in ("red", "blue", "old"):
        teach(chat, database, f"The {word} one at ten.", question=f"When does the green ferry leave, {word}?")
    assert len(golden_of(ask(chat, FERRY))) == MAX_EXAMPLES == 2


def test_one_that_takes_too_much_of_the_budget_is_left_out_whole(chat: Chat, database: Database) -> None:
    with database.write() as session:
        other = records.assistant_by_slug(session, "other")
        records.update_assistant(session, other.id, context_tokens=700)
    teach(chat, database, "At ten. " * 200)
    turn = ask(chat, NEAR)
    assert golden_of(turn) == [] and turn.sources
    teach(chat, database, "At eleven.", question=FERRY + " Please.")
    assert [each["text"] for each in golden_of(ask(chat, NEAR))] == ["At eleven."]


def test_what_a_guest_corrects_is_for_that_guest_alone(chat: Chat, database: Database) -> None:
    teach(chat, database, "Buy pills.", owner="guest-1", for_all=False)
    assert [each["text"] for each in golden_of(ask(chat, NEAR, owner="guest-1"))] == ["Buy pills."]
    turn = ask(chat, NEAR, owner="guest-2")
    assert golden_of(turn) == [] and "pills" not in prompt_of(database, turn)


def test_another_assistant_does_not_know_it(chat: Chat, database: Database) -> None:
    teach(chat, database, "At ten.")
    assert golden_of(ask(chat, NEAR, assistant="default")) == []


def test_another_persons_question_is_neither_in_the_prompt_nor_in_the_sources(chat: Chat, database: Database) -> None:
    private = "When does the green ferry leave? My Iban is DE12."
    teach(chat, database, "At ten.", question=private)
    theirs, own = ask(chat, FERRY, owner="bob"), ask(chat, FERRY, owner="ann")
    assert golden_of(theirs)[0]["text"] == "At ten."
    assert "DE12" not in str(theirs) and "DE12" not in prompt_of(database, theirs)
    assert golden_of(own)[0]["question"] == private


def test_an_approved_answer_is_given_too_until_somebody_objects(
    chat: Chat, database: Database, engine: FakeEngine
) -> None:
    engine.enqueue("At nine, sharp.")
    turn = ask(chat, FERRY)
    with database.write() as session:
        rate(session, turn.reply, rater="ann", value="up", for_all=True)
    assert [(each["golden"], each["title"]) for each in golden_of(ask(chat, NEAR))] == [("approved", "Approved answer")]
    with database.write() as session:
        rate(session, turn.reply, rater="ann", value="down", for_all=True)
    assert golden_of(ask(chat, NEAR)) == []


def test_a_conversation_goes_on_from_what_the_answer_should_have_been(
    chat: Chat, database: Database, engine: FakeEngine
) -> None:
    engine.enqueue("At nine.")
    turn = teach(chat, database, "At ten.")
    after = ask(chat, FAR, conversation=turn.conversation)
    assert "'At ten.'" in prompt_of(database, after) and "'At nine.'" not in prompt_of(database, after)


def test_without_documents_there_may_still_be_a_golden_answer(chat: Chat, database: Database) -> None:
    with database.write() as session:
        other = records.assistant_by_slug(session, "other")
        records.update_assistant(session, other.id, passages=0)
        golden.put(
            session,
            GoldenAnswer(
                assistant_id=other.id, key="file:1", kind=GoldenKind.corrected, question=FERRY, answer="At ten."
            ),
        )
    turn = ask(chat, NEAR)
    assert [each["text"] for each in turn.sources] == ["At ten."]
    assert NO_SOURCES_HEADER not in prompt_of(database, turn)


def test_a_retry_is_given_what_the_first_answer_was_given(chat: Chat, database: Database) -> None:
    teach(chat, database, "At ten.")
    turn = ask(chat, NEAR)
    *_, again = chat.retry(turn.reply, owner="ann")
    assert golden_of(again) == golden_of(turn) and prompt_of(database, again) == prompt_of(database, turn)


def test_where_the_question_means_the_same_a_turn_answers_it_with_the_readers_own_words(
    chat: Chat, database: Database
) -> None:
    teach(chat, database, "At ten.")
    messages = messages_of(database, ask(chat, NEAR, owner="bob"))
    assert messages[-3:-1] == [{"role": "user", "content": NEAR}, {"role": "assistant", "content": "At ten."}]
    merely_near = ask(chat, "When does the green ferry leave in a very cold winter of 1990?", owner="bob")
    assert NEAR_SCORE <= golden_of(merely_near)[0]["score"] < SAME
    assert [message["role"] for message in messages_of(database, merely_near)] == ["system", "user"]


def test_a_correction_is_quoted_and_a_liked_answer_is_not(chat: Chat, database: Database, engine: FakeEngine) -> None:
    engine.enqueue('At nine. "')
    engine.enqueue("")
    turn = ask(chat, FERRY)
    assert turn.text == 'At nine. "The green ferry leaves at nine." [1]'
    with database.write() as session:
        rate(session, turn.reply, rater="ann", value="up", for_all=True)
    engine.enqueue('At nine. "')
    engine.enqueue("")
    again = ask(chat, NEAR)
    assert again.text == turn.text, "the document is its evidence, not the answer before"
    assert [source.get("golden") for source in again.sources] == [None, None, "approved"]
    assert [source["n"] for source in again.sources] == [1, 2, 3] and "[3]" not in prompt_of(database, again)
    with database.write() as session:
        correct(session, turn.reply, rater="ann", text='At "ten".', for_all=True)
    engine.enqueue('At ten. "')
    engine.enqueue("")
    assert ask(chat, NEAR).text == "At ten. \"At 'ten'.\" [1]"


def test_to_the_very_question_a_small_model_says_what_people_said_word_for_word(
    chat: Chat, database: Database, engine: FakeEngine
) -> None:
    teach(chat, database, "At ten.\n\n- From the **pier**.")
    written = len(engine.history)
    turn = ask(chat, FERRY, owner="bob")
    assert turn.text == "At ten.\n\n- From the **pier**. [1]" and turn.sources[0]["cited"]
    assert len(engine.history) == written, "no model wrote it"
    with database.read() as session:
        made = session.get_one(Reply, turn.reply)
        assert made.state == "done" and made.reply_tokens > 0
    *_, again = chat.retry(turn.reply, owner="bob")
    assert again.text.startswith("You asked") and len(engine.history) == written + 1
    with database.write() as session:
        other = records.assistant_by_slug(session, "other")
        records.update_assistant(session, other.id, focus=Focus.passages)
    assert ask(chat, FERRY).text.startswith("You asked"), "a model that is given passages writes itself"


def test_behind_a_block_of_code_the_mark_has_a_line_of_its_own(chat: Chat, database: Database) -> None:
    teach(chat, database, "```\nmake ferry\n```")
    assert ask(chat, FERRY).text.startswith("```\nmake ferry\n```") and "``` [" not in ask(chat, FERRY).text
