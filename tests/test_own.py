"""What one said, as one sees it oneself: in pages, taken back and put back, and nobody else's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from assistant.database import Database
from assistant.errors import NotFound
from assistant.tables import Assistant, Message
from feedback import own
from feedback.evidence import gather
from feedback.ratings import compare, correct, rate
from feedback.tables import Rating, Value
from tests.builders import add_assistant, add_turn

Garden = tuple[Assistant, Message, Message]


@pytest.fixture
def garden(database: Database) -> Garden:
    """Two answers to one question of ann's; she rated, corrected and compared."""
    with database.write() as session:
        assistant = add_assistant(session, name="Gardener")
        first = add_turn(session, assistant, "When do I prune roses?", "In late winter.", adapter="default-v2")
        second = add_turn(session, assistant, "When do I prune roses?", "Ask a gardener!", again=first)
        rate(session, second.id, rater="ann", value="down", reasons=["off_topic"], comment="Tell me.")
        correct(session, second.id, rater="ann", text="In February.")
        compare(session, first.id, second.id, rater="ann")
    return assistant, first, second


def everything(database: Database, person: str = "ann", *, any_owner: bool = False) -> own.SaidPage:
    with database.read() as session:
        return own.page(session, person, limit=50, any_owner=any_owner)


def act(database: Database, what: Any, row: str, *, rater: str = "ann") -> None:
    with database.write() as session:
        what(session, row, rater=rater)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def test_all_that_one_said_is_there_the_latest_first(database: Database, garden: Garden) -> None:
    _, first, second = garden
    found = everything(database)
    chosen, judged = found.rows
    assert found.total == 2
    assert (chosen.reply, chosen.text, chosen.adapter) == (first.id, "In late winter.", "default-v2")
    assert chosen.choice == own.Choice("comparison:1", "Ask a gardener!", tie=False) and chosen.thumb is None
    assert (judged.reply, judged.question, judged.choice) == (second.id, "When do I prune roses?", None)
    assert judged.thumb == own.Thumb("rating:1", Value.down, ("off_topic",), "Tell me.")
    assert judged.correction == own.Corrected("correction:1", "In February.")
    assert (judged.assistant, judged.assistant_name, judged.own) == ("default", "Gardener", True)


def test_it_comes_in_pages(database: Database) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
        for number in range(5):
            rate(session, add_turn(session, assistant, f"Question {number}?", "Yes.").id, rater="ann", value="up")
    with database.read() as session:
        pages = [own.page(session, "ann", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [[row.question[9] for row in page.rows] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert {page.total for page in pages} == {5}


def test_a_page_costs_the_same_few_queries_whatever_is_on_it(database: Database, garden: Garden) -> None:
    assistant, *_ = garden
    with counted(database) as few:
        everything(database)
    with database.write() as session:
        for number in range(30):
            reply = add_turn(session, assistant, f"Question {number}?", "Yes.")
            rate(session, reply.id, rater="ann", value="up")
            correct(session, reply.id, rater="ann", text=f"No {number}.")
    with counted(database) as many:
        assert len(everything(database).rows) == 32
    assert len(few) == len(many) < 10


def test_only_what_counts_is_listed(database: Database, garden: Garden) -> None:
    _, first, second = garden
    with database.write() as session:
        rate(session, second.id, rater="ann", value="up")
        correct(session, second.id, rater="ann", text="")
        compare(session, second.id, first.id, rater="ann", outcome="tie")
    tied, judged = everything(database).rows
    assert tied.choice == own.Choice("comparison:2", "In late winter.", tie=True)
    assert judged.thumb == own.Thumb("rating:2", Value.up) and judged.correction is None


def test_nobody_sees_what_another_said(database: Database, garden: Garden) -> None:
    _, first, _ = garden
    with database.write() as session:
        rate(session, first.id, rater="admin", value="up", any_owner=True)
    assert everything(database, "bob").rows == ()
    assert len(everything(database).rows) == 2
    assert everything(database, "admin").rows == ()
    [judged] = everything(database, "admin", any_owner=True).rows
    assert (judged.reply, judged.own) == (first.id, False)


def counting_rows(database: Database, assistant: Assistant) -> set[str]:
    with database.read() as session:
        found = gather(session, assistant.id)
    said = {"rating": found.thumbs, "correction": found.corrections, "comparison": found.choices}
    return {f"{name}:{one.row}" for name, rows in said.items() for one in rows}


def words(page: own.SaidPage) -> set[tuple[object, ...]]:
    """What was said, without the numbers of the rows."""
    return {
        (
            one.reply,
            one.thumb and (one.thumb.value, one.thumb.reasons, one.thumb.comment),
            one.correction and one.correction.text,
            one.choice and one.choice.other,
        )
        for one in page.rows
    }


@pytest.mark.parametrize("row", ["rating:1", "correction:1", "comparison:1"])
def test_what_is_taken_back_counts_no_more_and_put_back_it_counts_again(
    database: Database, garden: Garden, row: str
) -> None:
    assistant, *_ = garden
    before, counted_before = everything(database), counting_rows(database, assistant)
    for _ in range(2):  # a double click
        act(database, own.take_back, row)
    assert row in str(before) and row not in str(everything(database))
    assert counting_rows(database, assistant) == counted_before - {row}
    for _ in range(2):
        act(database, own.put_back, row)
    assert words(everything(database)) == words(before)
    table = row.split(":")[0]
    assert counting_rows(database, assistant) == counted_before - {row} | {f"{table}:3"}


def test_what_was_changed_meanwhile_is_taken_back_as_it_is_now(database: Database, garden: Garden) -> None:
    _, _, second = garden
    with database.write() as session:
        rate(session, second.id, rater="ann", value="up")
    act(database, own.take_back, "rating:1")
    with database.read() as session:
        assert session.exec(select(Rating.value).order_by(Rating.id)).all() == [Value.down, Value.up, Value.none]


@pytest.mark.parametrize("row", ["rating:1", "rating:99", "rating:", "rating:x", "account:1", "", "rating:" + "9" * 40])
def test_what_is_anothers_or_nothing_is_not_found(database: Database, garden: Garden, row: str) -> None:
    for what in (own.take_back, own.put_back):
        with pytest.raises(NotFound, match="no longer there, or is not yours"):
            act(database, what, row, rater="bob")
    assert garden and len(everything(database).rows) == 2
