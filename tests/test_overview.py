from datetime import UTC, date, datetime

import pytest

from assistant.database import Database
from feedback import overview
from feedback.overview import Approval, Day, Overviews, Question, Questions, approval, questions
from feedback.ratings import compare, correct, rate
from feedback.steps import steps
from feedback.tables import IMPORTER, Rating, Value
from tests.builders import Answered, add_assistant, add_turn, answered_twice


@pytest.fixture
def garden(database: Database) -> Answered:
    return answered_twice(database)


def test_approval_counts_the_thumbs_that_count_by_adapter(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        newer = add_turn(session, assistant, "And lavender?", "After flowering.", adapter="default-v1")
        for reply, value in ((first, "down"), (second, "down"), (second, "up"), (newer, "up"), (newer, "none")):
            rate(session, reply.id, rater="ann", value=value)
        rate(session, newer.id, rater="admin", value="up", any_owner=True)
        imported = add_turn(session, assistant, "And ivy?", "In summer.", owner=IMPORTER)
        rate(session, imported.id, rater=IMPORTER, value="down")
    with database.read() as session:
        found = approval(session, assistant.id)
        assert found == Overviews().look(session, assistant.id)[0].versions
        assert found == [Approval(None, 1, 1), Approval("default-v1", 1, 0)]
        assert [a.share for a in found] == [0.5, 1.0]


def test_nothing_at_all_sums_up_to_nothing(database: Database) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
    with database.read() as session:
        told = Overviews().look(session, assistant.id)[0]
        assert set(vars(told.volume).values()) == {0}
        assert told.versions == approval(session, assistant.id) == told.days == []
        assert questions(session, assistant.id) == Questions([], [])
        assert not any(told.reasons.values()) and steps([]) == []


def test_volume_counts_answers_and_not_what_was_imported(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        for rater, value in (("ann", "up"), ("bob", "down")):
            rate(session, first.id, rater=rater, value=value, any_owner=True)
            correct(session, second.id, rater=rater, text="In March.", any_owner=True)
        compare(session, first.id, second.id, rater="ann")
        imported = add_turn(session, assistant, "And ivy?", "In summer.", owner=IMPORTER)
        for say in (
            lambda: rate(session, imported.id, rater=IMPORTER, value="up"),
            lambda: correct(session, imported.id, rater=IMPORTER, text="In May."),
        ):
            say()
        told = Overviews().look(session, assistant.id)[0].volume
    assert (told.answers, told.rated, told.up, told.down, told.corrected, told.compared) == (2, 1, 1, 1, 1, 1)


def test_reasons_are_counted_for_each_thumb(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        rate(session, first.id, rater="ann", value="down", reasons=["wrong", "other"])
        rate(session, second.id, rater="ann", value="down", reasons=["wrong"])
        rate(session, second.id, rater="bob", value="up", reasons=["other"], any_owner=True)
        told = Overviews().look(session, assistant.id)[0].reasons
    assert told == {Value.down: {"wrong": 2, "other": 1}, Value.up: {"other": 1}}


def test_questions_are_told_by_their_words(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        elsewhere = add_turn(session, assistant, "when do I PRUNE roses? ", "In June.", owner="bob")
        both = add_turn(session, assistant, "And mint?", "Any time.")
        other = add_turn(session, assistant, "And mint?", "Never.", again=both)
        for reply, rater, value in (
            (first, "ann", "up"),
            (elsewhere, "bob", "down"),
            (second, "bob", "down"),
            (both, "ann", "up"),
            (other, "ann", "down"),
        ):
            rate(session, reply.id, rater=rater, value=value, any_owner=True)
        found = questions(session, assistant.id)
        [split], [bad] = found.disputed, found.worst
    assert split == bad, "of the mint, one person alone says both"
    asked = Question(id=split.id, text=split.text, answers=3, up=1, down=2)
    assert split == asked and split.id in (first.parent_id, elsewhere.parent_id)
    assert split.text.strip().lower() == "when do i prune roses?"


def test_the_questions_that_stand_out_most_come_first(database: Database) -> None:
    thumbs = {
        "Split twice?": "uudd",
        "Split once?": "uuud",
        "Liked?": "uu",
        "Bad?": "ddd",
        "Poor?": "d",
        "Worse?": "udd",
    }
    with database.write() as session:
        assistant = add_assistant(session)
        for question, given in thumbs.items():
            reply = add_turn(session, assistant, question, "An answer.")
            for n, letter in enumerate(given):
                rate(session, reply.id, rater=f"p{n}", value={"u": "up", "d": "down"}[letter], any_owner=True)
    with database.read() as session:
        found, first = questions(session, assistant.id), questions(session, assistant.id, limit=1)
    assert found.disputed[0].text == "Split twice?" and len(found.disputed) == 3
    assert [one.text for one in found.worst] == ["Bad?", "Worse?", "Poor?"]
    assert (first.disputed, first.worst) == (found.disputed[:1], found.worst[:1])


def test_thumbs_are_summed_by_version_in_the_order_in_which_those_were_rated(database: Database) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
        for adapter, values in (("default-v2", ("up", "down")), (None, ("up",)), ("default-v1", ("down", "down"))):
            reply = add_turn(session, assistant, "Mint?", "Any time.", adapter=adapter)
            for n, value in enumerate(values):
                rate(session, reply.id, rater=f"p{n}", value=value, any_owner=True)
    with database.read() as session:
        told = Overviews().look(session, assistant.id)[0]
    assert told.versions == [Approval("default-v2", 1, 1), Approval(None, 1, 0), Approval("default-v1", 0, 2)]
    assert (told.volume.rated, told.volume.up, told.volume.down) == (3, 2, 3)


def test_what_was_said_is_summed_up_again_only_after_more_was_said(
    database: Database, garden: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant, first, second = garden
    summed: list[str] = []
    sum_up = overview._said
    monkeypatch.setattr(overview, "_said", lambda session, id_: summed.append(id_) or sum_up(session, id_))
    overviews = Overviews()

    def look() -> tuple[int, int]:
        with database.read() as session:
            volume = overviews.look(session, assistant.id)[0].volume
        return volume.answers, volume.up

    with database.write() as session:
        rate(session, first.id, rater="ann", value="up")
    assert look() == look() == (2, 1) and len(summed) == 1
    with database.write() as session:
        add_turn(session, assistant, "And mint?", "Any time.")
    assert look() == (3, 1) and len(summed) == 1, "an answer is no feedback, and is counted all the same"
    with database.write() as session:
        rate(session, second.id, rater="ann", value="up")
    assert look() == (3, 2) and len(summed) == 2


def test_days_have_the_answers_and_the_thumbs_given_on_them(database: Database, garden: Answered) -> None:
    assistant, first, second = garden
    with database.write() as session:
        first.created_at = second.created_at = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
        session.add_all([first, second])
        for day, reply, value in ((2, first, Value.up), (4, second, Value.down)):
            at = datetime(2026, 3, day, 0, 1, tzinfo=UTC)
            session.add(Rating(reply_id=reply.id, rater="ann", value=value, created_at=at))
    with database.read() as session:
        assert Overviews().look(session, assistant.id)[0].days == [
            Day(day=date(2026, 3, 1), answers=2),
            Day(day=date(2026, 3, 2), up=1),
            Day(day=date(2026, 3, 4), down=1),
        ]


def test_few_days_are_drawn_one_by_one_and_without_gaps() -> None:
    drawn = steps([Day(day=date(2026, 3, 1), answers=2), Day(day=date(2026, 3, 4), down=1)])
    assert [step.day.day for step in drawn] == [1, 2, 3, 4]
    assert [(step.answers, step.down) for step in drawn] == [(2, 0), (0, 0), (0, 0), (0, 1)]


@pytest.mark.parametrize(("last", "thumbs", "length"), [(20, 1, 7), (20, 200, 1), (200, 10_000, 7)])
def test_many_days_or_few_thumbs_are_drawn_by_week(last: int, thumbs: int, length: int) -> None:
    first = date(2026, 3, 4)
    spread = [Day(day=first, up=thumbs), Day(day=date.fromordinal(first.toordinal() + last), answers=3)]
    drawn = steps(spread)
    assert (drawn[1].day - drawn[0].day).days == length
    assert drawn[0].day == (first if length == 1 else date(2026, 3, 2)), "weeks begin on Mondays"
    assert (sum(step.up for step in drawn), sum(step.answers for step in drawn)) == (thumbs, 3)
