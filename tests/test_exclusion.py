import pytest
from sqlmodel import select

from assistant.database import Database
from assistant.errors import BadInput, NotFound
from assistant.records import delete_conversation
from assistant.tables import Assistant, GoldenAnswer
from feedback.evidence import gather
from feedback.exchange import export_rows
from feedback.exclusion import REWORDED, leave_out, reword, take_back_rewording, use_again
from feedback.history import Standing, remarks, teaching
from feedback.lessons import build_lessons
from feedback.pairs import build_pairs
from feedback.ratings import compare, correct, forget, of_person, rate
from feedback.tables import Correction, Exclusion, Value
from tests.builders import Answered, add_turn, answered_twice


@pytest.fixture
def garden(database: Database) -> Answered:
    return answered_twice(database)


def learned(database: Database, assistant: Assistant) -> dict[str, list[str]]:
    """The rows behind all that training and exports would see."""
    with database.read() as session:
        evidence = gather(session, assistant.id)
        built = build_pairs(evidence)
        return {
            "pairs": [row for pair in built.pairs for row in pair.rows],
            "singles": [row for single in built.singles for row in single.rows],
            "lessons": [row for lesson in build_lessons(evidence) for row in lesson.rows],
            "exports": list(export_rows(session, assistant.id, "ratings")),
        }


@pytest.mark.parametrize(
    ("row", "say"),
    [
        ("rating:1", lambda session, first, _: rate(session, first.id, rater="ann", value="up")),
        ("correction:1", lambda session, first, _: correct(session, first.id, rater="ann", text="In March.")),
        ("comparison:1", lambda session, first, second: compare(session, first.id, second.id, rater="ann")),
    ],
)
def test_what_is_left_out_reaches_no_training_and_undo_brings_it_back(
    database: Database, garden: Answered, row: str, say: object
) -> None:
    assistant, *answers = garden
    with database.write() as session:
        say(session, *answers)  # type: ignore[operator]
    before = learned(database, assistant)
    assert any(before.values())
    with database.write() as session:
        assert leave_out(session, row, admin="eve", reason="Not serious")
        assert not leave_out(session, row, admin="eve", reason="Not serious"), "a double click"
    assert learned(database, assistant) == {"pairs": [], "singles": [], "lessons": [], "exports": []}
    with database.read() as session:
        assert build_pairs(gather(session, assistant.id)).left_out == {"by_admin": 1}
    with database.write() as session:
        assert use_again(session, row, admin="eve")
        assert not use_again(session, row, admin="eve")
    assert learned(database, assistant) == before


def test_what_is_left_out_is_no_golden_answer_until_it_is_used_again(database: Database, garden: Answered) -> None:
    _, first, _ = garden
    with database.write() as session:
        correct(session, first.id, rater="ann", text="In March.", for_all=True)
        assert [one.answer for one in session.exec(select(GoldenAnswer))] == ["In March."]
        leave_out(session, "correction:1", admin="eve", reason="Not serious")
        assert session.exec(select(GoldenAnswer)).all() == []
        use_again(session, "correction:1", admin="eve")
        assert [one.answer for one in session.exec(select(GoldenAnswer))] == ["In March."]


def test_the_person_still_sees_their_rating_and_a_new_one_counts(database: Database, garden: Answered) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="down")
        leave_out(session, "rating:1", admin="eve", reason="Wrong thumb")
        assert of_person(session, [first.id], "ann")[first.id].value is Value.down
        rate(session, first.id, rater="ann", value="up")
    assert learned(database, assistant)["singles"] == ["rating:2"]


def test_what_no_longer_counts_is_not_counted_as_left_out(database: Database, garden: Answered) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="down")
        leave_out(session, "rating:1", admin="eve", reason="Wrong thumb")
        rate(session, first.id, rater="ann", value="none")
        assert build_pairs(gather(session, assistant.id)).left_out == {}


@pytest.mark.parametrize(
    "row", ["rating", "rating:", "rating:x", "rating:²", "account:1", "", "rating:1;", "x" * 9_000]
)
def test_a_name_of_no_row_is_refused(database: Database, row: str) -> None:
    with database.write() as session, pytest.raises(BadInput, match="names nothing that people said"):
        leave_out(session, row, admin="eve", reason="x")


def test_a_row_that_is_gone_and_an_empty_or_long_reason_are_refused(database: Database, garden: Answered) -> None:
    with database.write() as session:
        rate(session, garden[1].id, rater="ann", value="up")
        with pytest.raises(NotFound, match="was deleted"):
            leave_out(session, "rating:7", admin="eve", reason="x")
        with pytest.raises(BadInput, match="reason is missing"):
            leave_out(session, "rating:1", admin="eve", reason=" \n")
        with pytest.raises(BadInput, match="at most 500"):
            leave_out(session, "rating:1", admin="eve", reason="x" * 501)
        with pytest.raises(BadInput, match="Only what somebody wrote"):
            reword(session, "rating:1", admin="eve", text="x")


def test_an_admins_wording_counts_instead_and_the_persons_stays_in_the_history(
    database: Database, garden: Answered
) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        correct(session, first.id, rater="ann", text="in march")
        assert reword(session, "correction:1", admin="eve", text="In March.")
        assert not reword(session, "correction:1", admin="eve", text="In March.")
    with database.read() as session:
        evidence = gather(session, assistant.id)
        assert [(said.rater, said.text) for said in evidence.corrections] == [("eve", "In March.")]
        assert [lesson.answer for lesson in build_lessons(evidence)] == ["In March."]
        theirs, own = remarks(session, first.id)
    assert (theirs.standing, own.standing) == (Standing.left_out, Standing.counts)
    assert isinstance(theirs.said, Correction) and theirs.said.text == "in march"
    assert theirs.exclusion is not None and theirs.exclusion.reason == REWORDED
    with database.write() as session:
        assert reword(session, "correction:2", admin="eve", text="In early March.")
        assert [said.text for said in gather(session, assistant.id).corrections] == ["In early March."]
        assert take_back_rewording(session, first.id, admin="eve")
        assert [said.text for said in gather(session, assistant.id).corrections] == ["in march"]
        with pytest.raises(BadInput, match="empty"):
            reword(session, "correction:1", admin="eve", text=" ")


def test_taking_a_wording_back_leaves_other_exclusions_be(database: Database, garden: Answered) -> None:
    assistant, first, _ = garden
    with database.write() as session:
        correct(session, first.id, rater="ann", text="in march")
        correct(session, first.id, rater="bob", text="never", any_owner=True)
        leave_out(session, "correction:2", admin="eve", reason="Not serious")
        reword(session, "correction:1", admin="eve", text="In March.")
        take_back_rewording(session, first.id, admin="eve")
        assert [said.rater for said in gather(session, assistant.id).corrections] == ["ann"]


def test_exclusions_go_with_the_person_and_with_the_conversation(database: Database, garden: Answered) -> None:
    _, first, second = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
        rate(session, second.id, rater="bob", value="up", any_owner=True)
        for row in ("rating:1", "rating:2"):
            leave_out(session, row, admin="eve", reason="Not serious")
        forget(session, "ann")
        assert [one.row for one in session.exec(select(Exclusion))] == ["rating:2"]
        delete_conversation(session, first.conversation_id, owner="ann")
        session.flush()
        session.expire_all()
        assert session.exec(select(Exclusion)).all() == []


def test_a_reply_says_what_it_teaches_and_why_not(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        assert teaching(session, assistant.id, first.id).why_not == ()
        rate(session, first.id, rater="ann", value="up")
        rate(session, second.id, rater="ann", value="down")
        compare(session, first.id, second.id, rater="ann")
        correct(session, second.id, rater="ann", text="In March.")
        third = add_turn(session, assistant, "And lavender?", "After flowering.")
        rate(session, third.id, rater="ann", value="up")
        leave_out(session, "rating:2", admin="eve", reason="Wrong thumb")
    with database.read() as session:
        taught = teaching(session, assistant.id, second.id)
        assert [pair.rows for pair in taught.pairs] == [("comparison:1",), ("correction:1",)]
        assert [lesson.rows for lesson in taught.lessons] == [("correction:1",)]
        assert [(one.reason, one.rows) for one in taught.why_not] == [("by_admin", ("rating:2",))]
        alone = teaching(session, assistant.id, third.id)
        assert ([single.rows for single in alone.singles], alone.pairs) == ([("rating:3",)], ())


def test_a_reply_tells_all_that_was_ever_said_of_it(database: Database, garden: Answered) -> None:
    _, first, second = garden
    for say in (
        lambda session: rate(session, first.id, rater="ann", value="up"),
        lambda session: rate(session, first.id, rater="ann", value="down", reasons=["wrong"]),
        lambda session: correct(session, first.id, rater="ann", text="In March."),
        lambda session: correct(session, first.id, rater="ann", text=""),
        lambda session: compare(session, second.id, first.id, rater="bob", any_owner=True),
        lambda session: rate(session, second.id, rater="bob", value="up", any_owner=True),
    ):
        with database.write() as session:
            say(session)
    with database.read() as session:
        told = [(remark.row, remark.rater, remark.standing.value) for remark in remarks(session, first.id)]
    assert told == [
        ("rating:1", "ann", "changed"),
        ("rating:2", "ann", "counts"),
        ("correction:1", "ann", "changed"),
        ("correction:2", "ann", "takes_back"),
        ("comparison:1", "bob", "counts"),
    ]
