"""What the rows say that taught an adapter, in the order they are asked for."""

from assistant.database import Database
from feedback import lineage, ratings
from feedback.lineage import Meaning
from feedback.tables import Comparison, Correction, Outcome, Rating
from tests.builders import add_assistant, add_turn


def test_rows_are_told_with_question_reply_words_and_whether_they_count(database: Database) -> None:
    with database.write() as session:
        asked = add_assistant(session)
        first = add_turn(session, asked, "When does it bloom?", "In June.")
        second = add_turn(session, asked, "", "In May.", again=first)
        ratings.rate(session, first.id, rater="ann", value="down", reasons=["wrong"], comment="No.", any_owner=True)
        ratings.correct(session, first.id, rater="ann", text="In April.", any_owner=True)
        ratings.compare(session, second.id, first.id, rater="bob", any_owner=True)
        ratings.rate(session, second.id, rater="cid", value="up", any_owner=True)
        ratings.rate(session, second.id, rater="cid", value="none", any_owner=True)
        session.flush()
        rows = ("comparison:1", "correction:1", "rating:1", "rating:2")
        compared, corrected, disliked, taken_back = lineage.said(session, rows)
        assert (compared.meaning, compared.reply, compared.counts) == (Meaning.better, second.id, True)
        assert (corrected.meaning, corrected.text, corrected.reply) == (Meaning.corrected, "In April.", first.id)
        assert (disliked.meaning, disliked.reasons, disliked.text) == (Meaning.down, ("wrong",), "No.")
        assert (taken_back.meaning, taken_back.counts) == (Meaning.up, False)
        assert {one.question for one in (compared, corrected, disliked, taken_back)} == {"When does it bloom?"}
        assert [one.row for one in lineage.said(session, rows[::-1])] == list(rows[::-1])


def test_a_tie_is_told_and_what_was_deleted_is_left_out(database: Database) -> None:
    with database.write() as session:
        asked = add_assistant(session)
        first = add_turn(session, asked, "When?", "In June.")
        second = add_turn(session, asked, "", "In May.", again=first)
        for row in (
            Comparison(winner_id=first.id, loser_id=second.id, rater="ann", outcome=Outcome.tie),
            Rating(reply_id=first.id, rater="ann", value="up"),
            Correction(reply_id=first.id, rater="ann", text="In May, too."),
        ):
            session.add(row)
        session.flush()
        session.delete(session.get_one(Rating, 1))
        session.flush()
        told = lineage.said(session, ("rating:1", "comparison:1", "correction:1"))
        assert [one.row for one in told] == ["comparison:1", "correction:1"]
        assert told[0].meaning is Meaning.tie
        assert lineage.said(session, ()) == ()
