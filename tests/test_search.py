from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session

from assistant.database import Database, utc_now
from assistant.tables import Assistant, Message, ReplyState
from feedback.exclusion import leave_out
from feedback.ratings import compare, correct, rate
from feedback.search import Filter, FoundPage, Show, find, people
from feedback.tables import IMPORTER
from tests.builders import add_assistant, add_turn


@pytest.fixture
def garden(database: Database) -> tuple[Assistant, dict[str, Message]]:
    """Five answers, each rated, corrected, compared or not in a way of its own; the last said is the first found."""
    with database.write() as session:
        assistant, other = add_assistant(session), add_assistant(session, slug="other")
        rate(session, add_turn(session, other, "Who?", "Nobody.").id, rater="ann", value="up")
        roses = add_turn(session, assistant, "When do I prune roses?", "In late winter.")
        again = add_turn(session, assistant, "", "Ask a gardener!", again=roses)
        lavender = add_turn(session, assistant, "And lavender?", "After 100% flowering.", adapter="default-v1")
        elsewhere = add_turn(session, assistant, " when do i PRUNE roses? ", "In June.", owner="bob")
        unrated = add_turn(session, assistant, "And mint?", "Any time.")
        add_turn(session, assistant, "And ivy?", "No", state=ReplyState.failed)
    said: list[Callable[[Session], object]] = [
        lambda session: rate(session, roses.id, rater="ann", value="up", reasons=["right"], comment="Good, Zoë"),
        lambda session: rate(session, roses.id, rater="bob", value="down", reasons=["other"], any_owner=True),
        lambda session: compare(session, again.id, roses.id, rater="ann"),
        lambda session: correct(session, lavender.id, rater="ann", text="In August."),
        lambda session: rate(session, lavender.id, rater="ann", value="down", reasons=["wrong", "too_long"]),
        lambda session: rate(session, elsewhere.id, rater="bob", value="up"),
        lambda session: leave_out(session, "rating:5", admin="eve", reason="Not serious"),
    ]
    for say in said:
        with database.write() as session:
            say(session)
    named = {"roses": roses, "again": again, "lavender": lavender, "elsewhere": elsewhere, "unrated": unrated}
    return assistant, named


Garden = tuple[Assistant, dict[str, Message]]


def test_a_page_is_of_one_assistant_and_the_latest_first(database: Database, garden: Garden) -> None:
    assistant, named = garden
    with database.read() as session:
        page = find(session, assistant.id)
        assert page.total == 4
        assert [row.reply for row in page.rows[:2]] == [named["elsewhere"].id, named["lavender"].id]
        by_reply = {row.reply: row for row in page.rows}
        for n in range(4):
            part = find(session, assistant.id, limit=1, offset=n)
            assert (part.rows, part.total) == (page.rows[n : n + 1], 4)
        assert find(session, assistant.id, offset=4) == FoundPage((), 4)
    told = by_reply[named["roses"].id]
    assert (told.up, told.down, told.wins, told.losses) == (1, 1, 0, 1)
    assert (told.reasons, told.comments, told.left_out) == (("right", "other"), ("Good, Zoë",), False)
    told = by_reply[named["lavender"].id]
    assert (told.question, told.text, told.adapter) == ("And lavender?", "After 100% flowering.", "default-v1")
    assert (told.down, told.reasons, told.corrections) == (1, ("wrong", "too_long"), ("In August.",))
    assert by_reply[named["elsewhere"].id].left_out
    assert (by_reply[named["again"].id].wins, by_reply[named["again"].id].up) == (1, 0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(show=Show.liked), {"roses", "elsewhere"}),
        (Filter(show=Show.disliked), {"roses", "lavender"}),
        (Filter(show=Show.corrected), {"lavender"}),
        (Filter(show=Show.compared), {"roses", "again"}),
        (Filter(show=Show.left_out), {"elsewhere"}),
        (Filter(show=Show.unrated), {"unrated"}),
        (Filter(reason="wrong"), {"lavender"}),
        (Filter(reason="right", show=Show.disliked), {"roses"}),
        (Filter(version="default-v1"), {"lavender"}),
        (Filter(version=None), {"roses", "again", "elsewhere"}),
        (Filter(version="default-v9"), set()),
        (Filter(text="PRUNE"), {"roses", "again", "elsewhere"}),
        (Filter(text="gardener"), {"again"}),
        (Filter(text="zoë"), {"roses"}),
        (Filter(text="august"), {"lavender"}),
        (Filter(text="100%"), {"lavender"}),
        (Filter(text="%"), {"lavender"}),
        (Filter(text="_"), set()),
        (Filter(text="mint", show=Show.unrated), {"unrated"}),
        (Filter(rater="ann"), {"roses", "again", "lavender"}),
        (Filter(rater="bob"), {"roses", "elsewhere"}),
        (Filter(rater="bob", show=Show.liked, text="june"), {"elsewhere"}),
        (Filter(since=utc_now() - timedelta(hours=1)), {"roses", "again", "lavender", "elsewhere"}),
        (Filter(since=utc_now() + timedelta(hours=1)), set()),
        (Filter(question="none such"), set()),
    ],
)
def test_a_filter_narrows(database: Database, garden: Garden, wanted: Filter, expected: set[str]) -> None:
    assistant, named = garden
    with database.read() as session:
        page = find(session, assistant.id, wanted)
    assert {name for name, reply in named.items() if reply.id in {row.reply for row in page.rows}} == expected
    assert page.total == len(page.rows) == len(expected)


def test_a_question_is_found_by_its_words_whoever_asked_it(database: Database, garden: Garden) -> None:
    assistant, named = garden
    with database.read() as session:
        page = find(session, assistant.id, Filter(question=named["elsewhere"].parent_id or ""))
    assert {row.reply for row in page.rows} == {named[name].id for name in ("roses", "again", "elsewhere")}


def test_people_come_in_the_order_in_which_they_first_said_something(database: Database, garden: Garden) -> None:
    assistant, named = garden
    with database.write() as session:
        rate(session, named["unrated"].id, rater=IMPORTER, value="up", any_owner=True)
    with database.read() as session:
        assert list(people(session, assistant.id).items()) == [("ann", 4), ("bob", 2)]
