"""How a version fares: only answers of its time count, a person votes once a day, and nobody decides alone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from assistant.database import Database
from assistant.tables import Assistant, Message
from feedback.shares import Thumbs
from feedback.tables import Rating, Value
from retrain.serving import end_trial, set_trial, switch
from retrain.tables import Adapter, Change, Promotion
from retrain.trials import RECENT, Arm, look, rivals, why_it_goes
from tests.builders import add_assistant, add_turn

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE, AFTER = BEGAN - HOUR, BEGAN + HOUR


@pytest.fixture
def asked(database: Database) -> Assistant:
    """An assistant that serves v1, with a v2."""
    with database.write() as session:
        found = add_assistant(session, adapter="default-v1")
        for number in (1, 2):
            name = f"default-v{number}"
            session.add(Adapter(id=name, assistant_id=found.id, version=number, model="default", sha256="0"))
        return found


def answer(
    session: Session,
    asked: Assistant,
    adapter: str | None,
    *,
    at: datetime,
    thumb: str = "",
    by: str = "ann",
    rated: datetime | None = None,
) -> None:
    reply = add_turn(session, asked, "How?", "So.", adapter=adapter)
    session.get_one(Message, reply.id).created_at = at
    session.flush()
    if thumb:
        session.add(Rating(reply_id=reply.id, rater=by, value=Value(thumb), created_at=rated or at))
        session.flush()


def decided_at(session: Session, kind: Change, at: datetime) -> None:
    for row in session.exec(select(Promotion).where(Promotion.kind == kind)):
        row.created_at = at
    session.flush()


def try_v2(session: Session, asked: Assistant) -> None:
    set_trial(session, asked, of=session.get_one(Adapter, "default-v2"), share=0.1, by="ann")
    session.flush()
    decided_at(session, Change.trial, BEGAN)


def promote_v2(session: Session, asked: Assistant) -> None:
    switch(session, asked, to=session.get_one(Adapter, "default-v2"), kind=Change.promote, by="ann")
    session.flush()
    decided_at(session, Change.promote, BEGAN)


def vote(session: Session, asked: Assistant, adapter: str | None, *, at: datetime, up: int, down: int) -> None:
    """Thumbs of as many people."""
    for number in range(up + down):
        answer(session, asked, adapter, at=at, thumb="up" if number < up else "down", by=f"{adapter}-{number}")


def test_of_a_trial_only_answers_since_it_began_count_for_both(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        assert look(session, asked) is None
        try_v2(session, asked)
        answer(session, asked, "default-v1", at=BEFORE, thumb="down")
        answer(session, asked, "default-v1", at=AFTER, thumb="up")
        answer(session, asked, "default-v1", at=AFTER)
        answer(session, asked, "default-v2", at=AFTER, thumb="down")
        answer(session, asked, None, at=AFTER, thumb="up")
        found = look(session, asked)
        assert found is not None and (found.share, found.since, found.promoted) == (0.1, BEGAN, False)
        assert found.other == Arm(adapter="default-v1", answers=2, up=1, down=0, votes=Thumbs(1, 0))
        assert found.tried == Arm(adapter="default-v2", answers=1, up=0, down=1, votes=Thumbs(0, 1))
        assert found.gain is not None and found.gain[0] < 0 < found.gain[1] and not found.fell


def test_another_share_begins_anew_and_an_ended_trial_is_none(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        try_v2(session, asked)
        first = look(session, asked)
        set_trial(session, asked, of=session.get_one(Adapter, "default-v2"), share=0.5, by="ann")
        session.flush()
        second = look(session, asked)
        assert first is not None and second is not None
        assert second.share == 0.5 and second.since > first.since and second.gain is None
        end_trial(session, asked, by="ann")
        assert look(session, asked) is None


def test_a_promotion_is_compared_with_the_recent_past_of_what_was_before(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        answer(session, asked, "default-v1", at=BEGAN - RECENT - HOUR, thumb="down")
        promote_v2(session, asked)
        assert look(session, asked) is None, "nobody rated what was before, so there is nothing to compare with"
        answer(session, asked, "default-v1", at=BEFORE, thumb="up")
        answer(session, asked, "default-v2", at=BEFORE, thumb="down")
        answer(session, asked, "default-v2", at=AFTER, thumb="up")
        found = look(session, asked)
        assert found is not None and found.promoted and found.since == BEGAN
        assert (found.tried.votes, found.other.votes) == (Thumbs(1, 0), Thumbs(1, 0))


def test_what_was_rolled_back_to_is_not_compared(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        answer(session, asked, "default-v1", at=BEFORE, thumb="up")
        promote_v2(session, asked)
        switch(session, asked, to=session.get_one(Adapter, "default-v1"), kind=Change.rollback, by="ann")
        session.flush()
        assert look(session, asked) is None


def test_a_fall_is_seen_and_told_in_words(database: Database, asked: Assistant) -> None:
    with database.write() as session:
        vote(session, asked, "default-v1", at=BEFORE, up=27, down=3)
        promote_v2(session, asked)
        vote(session, asked, "default-v2", at=AFTER, up=5, down=5)
        found = look(session, asked)
        assert found is not None and not found.fell, "10 votes may be chance"
        for number in range(10, 30):
            answer(session, asked, "default-v2", at=AFTER, thumb="down", by=f"default-v2-{number}")
        found = look(session, asked)
        assert found is not None and found.fell and found.gain is not None and found.gain[1] <= 0
        two = rivals(session, asked)
        assert two is not None and two.fell
        assert why_it_goes(two) == (
            "People like v2 less than v1: 17% of 30 votes for it were up, and 90% of 30 votes for v1. Where nothing is "
            "worse, so large a fall is seen at most once in 20 versions, however often one looks."
        )


@pytest.mark.parametrize("days", [1, 40])
def test_one_person_decides_nothing_alone(database: Database, asked: Assistant, days: int) -> None:
    """Neither by many thumbs on a day, which are one vote, nor by one on each of many days."""
    with database.write() as session:
        vote(session, asked, "default-v1", at=BEFORE, up=30, down=2)
        promote_v2(session, asked)
        vote(session, asked, "default-v2", at=AFTER, up=3, down=0)
        for number in range(80):
            rated = AFTER + timedelta(days=number % days)
            answer(session, asked, "default-v2", at=AFTER, thumb="down", by="carl", rated=rated)
        found = look(session, asked)
        assert found is not None and found.tried.votes == Thumbs(3, days) and not found.fell
        if days > 1:
            assert found.gain is not None and found.gain[1] <= 0, "but for whose thumbs they are, it would go"


def test_the_rivals_are_found_by_their_votes_alone(
    database: Database, asked: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looks after each thumb counts no answers."""
    with database.write() as session:
        vote(session, asked, "default-v1", at=BEFORE, up=3, down=1)
        promote_v2(session, asked)
        vote(session, asked, "default-v2", at=AFTER, up=1, down=0)
        whole = look(session, asked)
        monkeypatch.delattr("retrain.trials.approval")
        monkeypatch.delattr("retrain.trials.replies_by_adapter")
        two = rivals(session, asked)
    assert whole is not None and two is not None and two.promoted
    assert (two.tried.votes, two.other.votes) == (whole.tried.votes, whole.other.votes) == (Thumbs(1, 0), Thumbs(3, 1))
