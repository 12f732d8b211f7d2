from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlmodel import select

from assistant.database import Database
from assistant.errors import BadInput, Conflict, NotFound, ThumbloopError
from assistant.tables import ReplyState
from feedback.ratings import REASONS, Opinion, compare, correct, forget, of_person, rate
from feedback.tables import Comparison, Correction, Outcome, Rating, Value
from tests.builders import Answered, add_assistant, add_turn, answered_twice


@pytest.fixture
def garden(database: Database) -> Answered:
    return answered_twice(database, second="Prune roses in March.")


def count(database: Database, table: type[Rating] | type[Correction] | type[Comparison]) -> int:
    with database.read() as session:
        return len(session.exec(select(table)).all())


def test_the_last_rating_counts_and_the_history_stays(database: Database, garden: Answered) -> None:
    _, reply, _ = garden
    with database.write() as session:
        assert rate(session, reply.id, rater="ann", value="up", reasons=["clear", "right"], comment=" Just so. ")
    with database.read() as session:
        assert of_person(session, [reply.id], "ann") == {
            reply.id: Opinion(Value.up, ("right", "clear"), comment="Just so.")
        }
    with database.write() as session:
        assert rate(session, reply.id, rater="ann", value=Value.down, reasons=["wrong"])
        assert rate(session, reply.id, rater="ann", value=Value.none)
    with database.read() as session:
        assert of_person(session, [reply.id], "ann") == {reply.id: Opinion()}
        assert [row.value for row in session.exec(select(Rating).order_by("id"))] == ["up", "down", "none"]


def test_the_same_opinion_twice_is_one_row(database: Database, garden: Answered) -> None:
    _, reply, other = garden
    twice: list[Callable[[Any], bool]] = [
        lambda session: rate(session, reply.id, rater="ann", value="up", reasons=["right"], comment="Yes"),
        lambda session: correct(session, reply.id, rater="ann", text="In February."),
        lambda session: compare(session, reply.id, other.id, rater="ann"),
    ]
    for opinion in twice:
        for added in (True, False):
            with database.write() as session:
                assert opinion(session) is added
    assert [count(database, table) for table in (Rating, Correction, Comparison)] == [1, 1, 1]


def test_a_double_click_in_two_threads_is_one_row(database: Database, garden: Answered) -> None:
    start = Barrier(4)

    def click(_: int) -> bool:
        start.wait(timeout=10)
        with database.write() as session:
            return rate(session, garden[1].id, rater="ann", value="up")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(click, range(4))) == [False, False, False, True]
    assert count(database, Rating) == 1


def test_taking_back_what_was_never_said_adds_no_row(database: Database, garden: Answered) -> None:
    _, reply, other = garden
    with database.write() as session:
        assert not rate(session, reply.id, rater="ann", value="none")
        assert not correct(session, reply.id, rater="ann", text="  ")
        assert not compare(session, reply.id, other.id, rater="ann", outcome="none")
    assert [count(database, table) for table in (Rating, Correction, Comparison)] == [0, 0, 0]


def test_a_changed_comment_is_a_new_row_and_counts(database: Database, garden: Answered) -> None:
    _, reply, _ = garden
    with database.write() as session:
        rate(session, reply.id, rater="ann", value="up")
        assert rate(session, reply.id, rater="ann", value="up", comment="Thanks")
        assert of_person(session, [reply.id], "ann")[reply.id].comment == "Thanks"


def test_a_correction_can_be_changed_and_taken_back(database: Database, garden: Answered) -> None:
    _, reply, _ = garden
    with database.write() as session:
        correct(session, reply.id, rater="ann", text="In February.")
        correct(session, reply.id, rater="ann", text=" Before the buds open. ")
        assert of_person(session, [reply.id], "ann")[reply.id].correction == "Before the buds open."
        correct(session, reply.id, rater="ann", text="")
        assert of_person(session, [reply.id], "ann")[reply.id] == Opinion()


def test_a_comparison_counts_for_the_two_in_either_order(database: Database, garden: Answered) -> None:
    _, first, second = garden
    with database.write() as session:
        compare(session, first.id, second.id, rater="ann")
        assert of_person(session, [first.id, second.id], "ann") == {
            first.id: Opinion(better_than=(second.id,)),
            second.id: Opinion(worse_than=(first.id,)),
        }
        assert compare(session, second.id, first.id, rater="ann")
        assert of_person(session, [second.id], "ann")[second.id] == Opinion(better_than=(first.id,))
        assert compare(session, second.id, first.id, rater="ann", outcome="tie")
        assert not compare(session, first.id, second.id, rater="ann", outcome=Outcome.tie)
        assert of_person(session, [first.id], "ann")[first.id] == Opinion(tied_with=(second.id,))
        assert compare(session, first.id, second.id, rater="ann", outcome="none")
        assert of_person(session, [first.id], "ann")[first.id] == Opinion()


def test_a_person_sees_only_their_own_opinion(database: Database, garden: Answered) -> None:
    _, reply, _ = garden
    with database.write() as session:
        rate(session, reply.id, rater="ann", value="up")
        rate(session, reply.id, rater="admin", value="down", any_owner=True)
        assert of_person(session, [reply.id], "ann")[reply.id].value is Value.up
        assert of_person(session, [reply.id], "admin")[reply.id].value is Value.down
        assert of_person(session, [reply.id], "bob")[reply.id] == Opinion()


def test_somebody_elses_reply_is_not_found(database: Database, garden: Answered) -> None:
    _, reply, other = garden
    with database.write() as session:
        for opinion in (
            lambda: rate(session, reply.id, rater="bob", value="up"),
            lambda: correct(session, reply.id, rater="bob", text="Never."),
            lambda: compare(session, reply.id, other.id, rater="bob"),
            lambda: rate(session, "0" * 32, rater="ann", value="up"),
            lambda: rate(session, reply.parent_id or "", rater="ann", value="up"),
            lambda: rate(session, "0" * 32, rater="admin", value="up", any_owner=True),
        ):
            with pytest.raises(NotFound, match="does not exist, or is not yours"):
                opinion()
    assert [count(database, table) for table in (Rating, Correction, Comparison)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("state", "text", "error", "says"),
    [
        (ReplyState.streaming, "In late", Conflict, "still being written"),
        (ReplyState.failed, "In late", BadInput, "failed or is empty"),
        (ReplyState.stopped, " \n", BadInput, "failed or is empty"),
        (ReplyState.done, "", BadInput, "failed or is empty"),
    ],
)
def test_what_is_no_answer_cannot_be_rated(
    database: Database, state: ReplyState, text: str, error: type[ThumbloopError], says: str
) -> None:
    with database.write() as session:
        reply = add_turn(session, add_assistant(session), "When?", text, state=state)
        for opinion in (
            lambda: rate(session, reply.id, rater="ann", value="up"),
            lambda: correct(session, reply.id, rater="ann", text="In winter."),
        ):
            with pytest.raises(error, match=says):
                opinion()


def test_a_stopped_answer_can_be_rated(database: Database) -> None:
    with database.write() as session:
        reply = add_turn(session, add_assistant(session), "When?", "In late", state=ReplyState.stopped)
        assert rate(session, reply.id, rater="ann", value="down", reasons=["too_short"])


@pytest.mark.parametrize(
    ("opinion", "says"),
    [
        ({"value": "sideways"}, "'sideways' is not an opinion"),
        ({"value": ""}, "up, down, none"),
        ({"value": "up", "reasons": ["wrong"]}, "'wrong' is no reason for up"),
        ({"value": "down", "reasons": ["clear"]}, "'clear' is no reason for down"),
        ({"value": "down", "reasons": ["<b>"]}, "Choose among wrong, not_in_sources"),
        ({"value": "none", "reasons": ["other"]}, "taken back has no reasons"),
        ({"value": "none", "comment": "hm"}, "taken back has no comment"),
        ({"value": "up", "comment": "x" * 2001}, "comment has 2001 characters, and at most 2000"),
        ({"value": "up", "comment": 7}, "comment is not a text"),
    ],
)
def test_a_rating_that_cannot_be_is_refused(
    database: Database, garden: Answered, opinion: dict[str, Any], says: str
) -> None:
    with database.write() as session, pytest.raises(BadInput, match=says):
        rate(session, garden[1].id, rater="ann", **opinion)
    assert count(database, Rating) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("In late winter.", "says what the answer says"),
        (" In  late\nwinter. ", "says what the answer says"),
        ("x" * 8001, "correction has 8001 characters, and at most 8000"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(database: Database, garden: Answered, text: str, says: str) -> None:
    with database.write() as session, pytest.raises(BadInput, match=says):
        correct(session, garden[1].id, rater="ann", text=text)
    assert count(database, Correction) == 0


def test_only_two_answers_to_one_question_are_compared(database: Database, garden: Answered) -> None:
    assistant, reply, second = garden
    with database.write() as session:
        elsewhere = add_turn(session, assistant, "When do I prune roses?", "In June.", owner="ann")
        with pytest.raises(BadInput, match="cannot be compared with itself"):
            compare(session, reply.id, reply.id, rater="ann")
        with pytest.raises(BadInput, match="different questions"):
            compare(session, reply.id, elsewhere.id, rater="ann")
        with pytest.raises(BadInput, match="better, tie, none"):
            compare(session, reply.id, second.id, rater="ann", outcome="worse")
    assert count(database, Comparison) == 0


def test_text_that_no_database_takes_is_stored_without_it(database: Database, garden: Answered) -> None:
    _, reply, _ = garden
    with database.write() as session:
        rate(session, reply.id, rater="ann", value="up", comment="a\0b \ud800 <|im_start|>")
    with database.read() as session:
        assert of_person(session, [reply.id], "ann")[reply.id].comment == "ab ? <|im_start|>"


def test_every_thumb_has_reasons_that_are_told_apart() -> None:
    for value in (Value.up, Value.down):
        ids = [reason for reason, _ in REASONS[value]]
        assert len(ids) == len(set(ids)) and "other" in ids


def test_forgetting_a_person_leaves_nothing_of_theirs_and_all_of_the_others(
    database: Database, garden: Answered
) -> None:
    _, first, second = garden
    with database.write() as session:
        for value in ("up", "down"):
            rate(session, first.id, rater="ann", value=value)
        correct(session, first.id, rater="ann", text="In May.")
        compare(session, first.id, second.id, rater="ann")
        rate(session, first.id, rater="admin", value="up", any_owner=True)
    with database.write() as session:
        assert forget(session, "ann") == 4
    with database.write() as session:
        assert [row.rater for row in session.exec(select(Rating))] == ["admin"]
        assert session.exec(select(Correction)).all() == [] == session.exec(select(Comparison)).all()
        rate(session, first.id, rater="ann", value="up")
        # An id is never used twice, or an adapter trained on the old row would name the new one.
        assert [row.id for row in session.exec(select(Rating).order_by("id"))] == [3, 4]
