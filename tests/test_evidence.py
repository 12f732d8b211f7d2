import pytest

from assistant.database import Database
from assistant.records import delete_conversation
from assistant.tables import Reply, ReplyState
from feedback.evidence import Choice, CorrectedText, Evidence, Thumb, gather
from feedback.pairs import build_pairs
from feedback.ratings import compare, correct, forget, rate
from feedback.tables import Rating, Value
from tests.builders import Answered, add_assistant, add_turn, answered_twice


@pytest.fixture
def garden(database: Database) -> Answered:
    return answered_twice(database, sources=["Prune in winter."])


def test_an_answer_is_as_the_model_was_asked_and_as_it_answered(database: Database, garden: Answered) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
        made = session.get_one(Reply, first.id)
        made.adapter = "default-v1"
    with database.read() as session:
        [answer] = gather(session, assistant.id).answers
    assert (answer.id, answer.question, answer.conversation) == (first.id, first.parent_id, first.conversation_id)
    assert answer.prompt == tuple(made.prompt)
    assert "Prune in winter." in answer.prompt[-1]["content"]
    assert (answer.text, answer.adapter, answer.finished) == ("In late winter.", "default-v1", True)


def test_only_the_last_word_counts(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        for value in ("up", "down", "up"):
            rate(session, first.id, rater="ann", value=value)
        rate(session, first.id, rater="admin", value="down", any_owner=True)
        correct(session, first.id, rater="ann", text="In March.")
        correct(session, first.id, rater="ann", text="In May.")
        compare(session, first.id, second.id, rater="ann")
        compare(session, second.id, first.id, rater="ann")
    with database.read() as session:
        evidence = gather(session, assistant.id)
    assert evidence.thumbs == (Thumb(3, first.id, "ann", True), Thumb(4, first.id, "admin", False))
    assert evidence.corrections == (CorrectedText(2, first.id, "ann", "In May."),)
    assert evidence.choices == (Choice(2, second.id, first.id, "ann"),)


def test_what_is_taken_back_or_forgotten_is_no_evidence(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
        rate(session, second.id, rater="ann", value="down")
        correct(session, first.id, rater="ann", text="In March.")
        compare(session, first.id, second.id, rater="ann")
        assert len(build_pairs(gather(session, assistant.id)).pairs) == 2
        rate(session, first.id, rater="ann", value="none")
        correct(session, first.id, rater="ann", text="")
        compare(session, first.id, second.id, rater="ann", outcome="none")
        evidence = gather(session, assistant.id)
        assert (len(evidence.thumbs), evidence.corrections, evidence.choices) == (1, (), ())
        forget(session, "ann")
        assert gather(session, assistant.id) == Evidence()


def test_what_is_deleted_is_no_evidence(database: Database, garden: Answered) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
        delete_conversation(session, first.conversation_id, owner="ann")
    with database.read() as session:
        assert gather(session, assistant.id) == Evidence()


def test_a_tie_is_evidence(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        compare(session, first.id, second.id, rater="ann", outcome="tie")
        assert gather(session, assistant.id).choices == (Choice(1, first.id, second.id, "ann", tie=True),)


def test_evidence_is_of_one_assistant(database: Database, garden: Answered) -> None:
    _, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
        other = add_assistant(session, slug="other")
        assert gather(session, other.id) == Evidence()


@pytest.mark.parametrize(
    ("state", "text", "finished"),
    [
        (ReplyState.done, "In winter.", True),
        (ReplyState.stopped, "In win", False),
        (ReplyState.failed, "In win", None),
        (ReplyState.streaming, "In win", None),
        (ReplyState.stopped, " \n", None),
        (ReplyState.done, "", None),
    ],
)
def test_only_answers_that_say_something_are_evidence(
    database: Database, state: ReplyState, text: str, finished: bool | None
) -> None:
    """Rows may be older than the checks in `rate`, so they are written here without it."""
    with database.write() as session:
        assistant = add_assistant(session)
        reply = add_turn(session, assistant, "When?", text, state=state)
        session.add(Rating(reply_id=reply.id, rater="ann", value=Value.up))
    with database.read() as session:
        evidence = gather(session, assistant.id)
    assert [answer.finished for answer in evidence.answers] == ([] if finished is None else [finished])
    assert len(evidence.thumbs) == len(evidence.answers)
