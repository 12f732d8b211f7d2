"""Golden answers: what is corrected or approved is stored at once, for whom it may serve, and never outlives that."""

import json

import pytest
from sqlmodel import Session, select

from assistant.database import Database
from assistant.records import delete_conversation
from assistant.tables import Assistant, GoldenAnswer, GoldenKind, Message
from feedback.evidence import Answer, Choice, CorrectedText, Evidence, Thumb
from feedback.exchange import import_rows
from feedback.golden import golden_answers, refresh
from feedback.own import put_back, take_back
from feedback.people import forget_everything
from feedback.ratings import compare, correct, forget, rate
from feedback.tables import IMPORTER
from tests.builders import add_assistant, add_turn

QUESTION = "When do I prune roses?"


@pytest.fixture
def garden(database: Database) -> tuple[Assistant, Message]:
    with database.write() as session:
        assistant = add_assistant(session)
        return assistant, add_turn(session, assistant, QUESTION, "In summer.", owner="ann")


Garden = tuple[Assistant, Message]


def held(session: Session) -> list[tuple[str, str, str | None]]:
    """The answers in the order in which they were stored, each with its kind and its only reader."""
    rows = session.exec(select(GoldenAnswer).order_by("created_at", "key"))
    return [(row.answer, row.kind, row.reader) for row in rows]


def answer(name: str, *, text: str = "") -> Answer:
    prompt = ({"role": "user", "content": "Why?"},)
    return Answer(id=name, question=f"q-{name}", conversation=f"c-{name}", prompt=prompt, text=text or name)


def test_a_correction_is_golden_from_then_on_changes_and_goes_with_it(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        correct(session, reply.id, rater="ann", text="In February.", for_all=True)
        (row,) = session.exec(select(GoldenAnswer)).all()
        assert (row.assistant_id, row.reply_id, row.question) == (assistant.id, reply.id, QUESTION)
        assert (row.answer, row.kind, row.asker, row.reader) == ("In February.", "corrected", "ann", None)
        correct(session, reply.id, rater="ann", text="In late February.", for_all=True)
        assert held(session) == [("In late February.", "corrected", None)]
        correct(session, reply.id, rater="ann", text="", for_all=True)
        assert held(session) == []


def test_an_exception_takes_the_golden_answer_back_with_the_correction(database: Database, garden: Garden) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        correct(session, garden[1].id, rater="ann", text="In February.", for_all=True)
        raise RuntimeError("killed half-way")
    with database.read() as session:
        assert held(session) == []


def test_an_answer_is_golden_while_people_like_it_and_nobody_objects(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    liked = [("In summer.", "approved", None)]
    with database.write() as session:
        rate(session, reply.id, rater="ann", value="up", for_all=True)
        assert held(session) == liked
        elsewhere = add_turn(session, assistant, QUESTION, "In summer.", owner="bob")
        second = add_turn(session, assistant, QUESTION, "In March.", owner="bob", again=elsewhere)
        for object_, take_back in (
            (
                lambda: rate(session, elsewhere.id, rater="bob", value="down"),
                lambda: rate(session, elsewhere.id, rater="bob", value="none"),
            ),
            (
                lambda: compare(session, second.id, elsewhere.id, rater="bob"),
                lambda: compare(session, second.id, elsewhere.id, rater="bob", outcome="none"),
            ),
        ):
            object_()
            assert held(session) == [], "an objection to the same words counts, wherever they were said"
            take_back()
            assert held(session) == liked
        correct(session, elsewhere.id, rater="eve", text="In May.", for_all=True, any_owner=True)
        assert held(session) == [("In May.", "corrected", None)]
        rate(session, reply.id, rater="ann", value="none", for_all=True)
        correct(session, elsewhere.id, rater="eve", text="", for_all=True, any_owner=True)
        assert held(session) == []


def test_what_a_guest_says_serves_that_guest_alone(database: Database, garden: Garden) -> None:
    with database.write() as session:
        correct(session, garden[1].id, rater="ann", text="Buy pills at pills.example.")
        assert held(session) == [("Buy pills at pills.example.", "corrected", "ann")]
        correct(session, garden[1].id, rater="eve", text="In May.", for_all=True, any_owner=True)
        assert sorted(held(session)) == [
            ("Buy pills at pills.example.", "corrected", "ann"),
            ("In May.", "corrected", None),
        ]


def test_a_guests_later_correction_or_thumb_does_not_replace_what_serves_everybody() -> None:
    evidence = Evidence(
        answers=(answer("a"), answer("b", text="a"), answer("c", text="other")),
        thumbs=(Thumb(1, "c", "guest", True),),
        corrections=(CorrectedText(1, "a", "admin", "Right.", True), CorrectedText(2, "b", "guest", "Wrong.")),
    )
    found = [(each.lesson.answer, each.reader) for each in golden_answers(evidence)]
    assert found == [("Right.", None), ("Wrong.", "guest")]


def test_a_guest_can_keep_an_answer_from_being_approved_but_not_approve_it() -> None:
    def found(*thumbs: Thumb, choices: tuple[Choice, ...] = ()) -> list[tuple[str, str | None]]:
        evidence = Evidence(answers=(answer("a"), answer("b")), thumbs=thumbs, choices=choices)
        return [(each.lesson.answer, each.reader) for each in golden_answers(evidence)]

    member, guest = Thumb(1, "a", "member", True, True), Thumb(2, "a", "guest", True)
    assert found(guest) == [("a", "guest")]
    assert found(member, guest) == [("a", None), ("a", "guest")]
    assert found(member, Thumb(2, "a", "guest", False)) == []
    assert found(member, choices=(Choice(1, "b", "a", "guest"),)) == []


def test_deleting_the_conversation_or_the_person_deletes_the_golden_answer(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        theirs = add_turn(session, assistant, QUESTION, "In autumn.", owner="bob")
        correct(session, reply.id, rater="ann", text="In February.", for_all=True)
        correct(session, theirs.id, rater="bob", text="In March.")
        delete_conversation(session, reply.conversation_id, owner="ann")
        assert held(session) == [("In March.", "corrected", "bob")]
        assert forget(session, "bob") == 1
        assert held(session) == []


def test_forgetting_a_person_also_forgets_their_objections(database: Database, garden: Garden) -> None:
    with database.write() as session:
        rate(session, garden[1].id, rater="ann", value="up", for_all=True)
        rate(session, garden[1].id, rater="eve", value="down", any_owner=True)
        assert held(session) == []
        forget(session, "eve")
        assert held(session) == [("In summer.", "approved", None)]


def test_deleting_an_assistant_deletes_its_golden_answers_and_no_others(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        other = add_assistant(session, slug="other")
        theirs = add_turn(session, other, QUESTION, "In summer.", owner="ann")
        for message in (reply, theirs):
            correct(session, message.id, rater="ann", text=f"In {message.id[:4]}.", for_all=True)
        assert len(held(session)) == 2
        session.delete(session.get_one(Assistant, assistant.id))
        session.flush()
        assert held(session) == [(f"In {theirs.id[:4]}.", "corrected", None)]


def test_imported_feedback_makes_nothing_golden_but_its_objections_count(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    prompt = [{"role": "system", "content": "You are a helpful gardener."}, {"role": "user", "content": QUESTION}]

    def line(text: str, label: bool) -> str:
        return json.dumps({"prompt": prompt, "completion": [{"role": "assistant", "content": text}], "label": label})

    with database.write() as session:
        rate(session, reply.id, rater="ann", value="up", for_all=True)
        import_rows(session, assistant.id, [line("In May.", True)])
        assert held(session) == [("In summer.", "approved", None)]
        import_rows(session, assistant.id, [line("In summer.", False)])
        assert held(session) == []
        assert forget(session, IMPORTER) == 2
        assert held(session) == [("In summer.", "approved", None)]


def test_a_question_that_refers_back_is_stored_with_the_one_before(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        follow_up = add_turn(session, assistant, "And when do I water them?", "Never.", after=reply)
        correct(session, follow_up.id, rater="ann", text="Every evening.", for_all=True)
        (row,) = session.exec(select(GoldenAnswer)).all()
        assert row.question == f"{QUESTION}\nAnd when do I water them?"


def test_refreshing_changes_no_row_where_nothing_changed(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        correct(session, reply.id, rater="ann", text="In February.", for_all=True)
        (before,) = session.exec(select(GoldenAnswer.id)).all()
        session.add(
            GoldenAnswer(
                assistant_id=assistant.id, key="file:1", kind=GoldenKind.corrected, question="Why?", answer="So."
            )
        )
        refresh(session, assistant.id)
        rate(session, reply.id, rater="ann", value="down", for_all=True)
        assert set(session.exec(select(GoldenAnswer.key))) == {reply.id, "file:1"}
        assert session.get(GoldenAnswer, before) is not None


def test_what_is_put_back_acts_for_whom_it_acted_before(database: Database, garden: Garden) -> None:
    with database.write() as session:
        correct(session, garden[1].id, rater="ann", text="In February.", for_all=True)
        take_back(session, "correction:1", rater="ann")
        assert held(session) == []
        put_back(session, "correction:1", rater="ann")
        assert held(session) == [("In February.", "corrected", None)]
        correct(session, garden[1].id, rater="ann", text="")
        rate(session, garden[1].id, rater="ann", value="up", for_all=True)
        take_back(session, "rating:1", rater="ann")
        put_back(session, "rating:1", rater="ann")
        assert held(session) == [("In summer.", "approved", None)]


def test_forgetting_everything_of_a_person_leaves_nothing_golden_of_theirs(database: Database, garden: Garden) -> None:
    assistant, reply = garden
    with database.write() as session:
        theirs = add_turn(session, assistant, "And tulips?", "Never.", owner="bob")
        correct(session, theirs.id, rater="ann", text="In autumn.", for_all=True, any_owner=True)
        correct(session, reply.id, rater="ann", text="In February.", for_all=True)
        forget_everything(session, "bob")
        assert held(session) == [("In February.", "corrected", None)]
        forget_everything(session, "ann")
        assert held(session) == []
