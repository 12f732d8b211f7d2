"""One vote a person and day: the first thumb of each, of the version and the time asked about."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from assistant.database import Database
from assistant.tables import Assistant, Message
from feedback import ratings
from feedback.shares import Thumbs
from feedback.tables import IMPORTER, Rating
from feedback.votes import votes
from tests.builders import add_assistant, add_turn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def rate(
    session: Session,
    asked: Assistant,
    value: str,
    *,
    by: str = "ann",
    adapter: str | None = "a-v1",
    at: datetime = NOON,
    written: datetime = NOON,
) -> str:
    """A thumb for an answer of its own; the answer's id."""
    reply = add_turn(session, asked, "How?", "So.", adapter=adapter)
    session.get_one(Message, reply.id).created_at = written
    again(session, reply.id, value, by=by, at=at)
    return reply.id


def again(session: Session, reply: str, value: str, *, by: str = "ann", at: datetime = NOON) -> None:
    ratings.rate(session, reply, rater=by, value=value, any_owner=True)
    session.exec(select(Rating).order_by(col(Rating.id).desc())).first().created_at = at  # type: ignore[union-attr]
    session.flush()


@pytest.fixture
def asked(database: Database) -> Assistant:
    with database.write() as session:
        return add_assistant(session)


def test_the_first_thumb_of_a_person_on_a_day_is_the_vote(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        rate(session, asked, "up")
        for _ in range(5):
            rate(session, asked, "down")
        rate(session, asked, "down", at=NOON + DAY)
        rate(session, asked, "down", by="bob")
        assert votes(session, asked.id, "a-v1", since=NOON) == {"ann": Thumbs(1, 1), "bob": Thumbs(0, 1)}


def test_a_thumb_that_is_changed_or_taken_back_makes_room_for_the_next(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        first = rate(session, asked, "up")
        rate(session, asked, "down")
        again(session, first, "none")
        assert votes(session, asked.id, "a-v1", since=NOON) == {"ann": Thumbs(0, 1)}
        again(session, first, "up", at=NOON + DAY)
        assert votes(session, asked.id, "a-v1", since=NOON) == {"ann": Thumbs(1, 1)}


def test_only_the_version_the_time_and_people_count(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        other = add_assistant(session, slug="other")
        rate(session, asked, "up", adapter=None)
        rate(session, asked, "up", adapter="a-v2")
        rate(session, asked, "up", written=NOON - DAY)
        rate(session, asked, "up", by=IMPORTER)
        rate(session, other, "up")
        assert votes(session, asked.id, "a-v1", since=NOON) == {}
        assert votes(session, asked.id, None, since=NOON) == {"ann": Thumbs(1, 0)}
