"""How a trial goes: only what was answered since it began counts, and too few thumbs tell nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from assistant.database import Database
from assistant.tables import Assistant, Message
from feedback import ratings
from retrain.serving import TRIAL, clear_trial, set_trial
from retrain.tables import Adapter, Promotion
from retrain.trials import Arm, difference, look
from tests.builders import add_assistant, add_turn

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def arm(up: int, down: int) -> Arm:
    return Arm(adapter="v", answers=up + down, up=up, down=down)


def test_the_interval_is_newcombes() -> None:
    """Example (a) of the paper's table II: 56 of 70 against 48 of 80."""
    found = difference(arm(56, 14), arm(48, 32))
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_few_thumbs_leave_all_open_and_many_do_not() -> None:
    few, many = difference(arm(2, 0), arm(1, 1)), difference(arm(180, 20), arm(140, 60))
    assert few is not None and few[0] < 0 < few[1]
    assert many is not None and 0.1 < many[0] < 0.2 < many[1] < 0.3


def test_the_interval_turns_with_its_sides_and_keeps_within_bounds() -> None:
    there, back = difference(arm(9, 1), arm(3, 9)), difference(arm(3, 9), arm(9, 1))
    assert there is not None and back is not None
    assert there == pytest.approx((-back[1], -back[0]))
    extreme = difference(arm(5, 0), arm(0, 5))
    assert extreme is not None and extreme[1] <= 1


@pytest.mark.parametrize(("one", "other"), [(arm(0, 0), arm(3, 1)), (arm(3, 1), arm(0, 0))])
def test_without_thumbs_on_both_sides_there_is_none(one: Arm, other: Arm) -> None:
    assert difference(one, other) is None


def answer(session: Session, asked: Assistant, adapter: str | None, *, at: datetime, thumb: str = "") -> None:
    reply = add_turn(session, asked, "How?", "So.", adapter=adapter)
    session.get_one(Message, reply.id).created_at = at
    session.flush()
    if thumb:
        ratings.rate(session, reply.id, rater="ann", value=thumb, any_owner=True)


def test_only_answers_since_it_began_count_for_both(database: Database) -> None:
    with database.write() as session:
        asked = add_assistant(session, adapter="default-v1")
        tried = Adapter(id="default-v2", assistant_id=asked.id, version=2, model="default", sha256="0")
        session.add(tried)
        assert look(session, asked) is None
        set_trial(session, asked, of=tried, share=0.1, by="ann")
        session.flush()
        for row in session.exec(select(Promotion).where(Promotion.kind == TRIAL)):
            row.created_at = BEGAN
        before, after = BEGAN - timedelta(hours=1), BEGAN + timedelta(hours=1)
        answer(session, asked, "default-v1", at=before, thumb="down")
        answer(session, asked, "default-v1", at=after, thumb="up")
        answer(session, asked, "default-v1", at=after)
        answer(session, asked, "default-v2", at=after, thumb="down")
        answer(session, asked, None, at=after, thumb="up")
        found = look(session, asked)
        assert found is not None and (found.share, found.since) == (0.1, BEGAN)
        assert found.serving == Arm(adapter="default-v1", answers=2, up=1, down=0)
        assert found.tried == Arm(adapter="default-v2", answers=1, up=0, down=1)
        assert found.gain is not None and found.gain[0] < 0 < found.gain[1]


def test_another_share_begins_anew_and_an_ended_trial_is_none(database: Database) -> None:
    with database.write() as session:
        asked = add_assistant(session)
        tried = Adapter(id="default-v2", assistant_id=asked.id, version=2, model="default", sha256="0")
        session.add(tried)
        set_trial(session, asked, of=tried, share=0.1, by="ann")
        session.flush()
        first = look(session, asked)
        set_trial(session, asked, of=tried, share=0.5, by="ann")
        session.flush()
        second = look(session, asked)
        assert first is not None and second is not None
        assert second.share == 0.5 and second.since > first.since and second.serving.adapter is None
        clear_trial(session, asked)
        assert look(session, asked) is None
