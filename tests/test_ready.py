"""What is ready is gathered anew when feedback changed, in whatever process, and only then."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import Session, col, select

from assistant import records
from assistant.database import Database, open_database
from assistant.tables import Assistant
from feedback import people
from feedback.exclusion import leave_out, use_again
from feedback.pairs import PairSet, build_pairs
from feedback.ratings import compare, correct, rate
from feedback.tables import Comparison
from retrain.ready import Readiness, Ready
from tests.builders import add_assistant, add_turn

RATE = """
import sys
from assistant.database import open_database
from feedback.ratings import rate
database = open_database(sys.argv[1])
with database.write() as session:
    rate(session, sys.argv[2], rater="ann", value="up")
database.close()
"""


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs were built, each time."""
    counts: list[int] = []

    def build(evidence: Any) -> PairSet:
        pair_set = build_pairs(evidence)
        counts.append(len(pair_set.pairs))
        return pair_set

    monkeypatch.setattr("retrain.ready.build_pairs", build)
    return counts


@pytest.fixture
def assistant(database: Database) -> Assistant:
    """An assistant with three preferences of ann's."""
    with database.write() as session:
        made = add_assistant(session)
        for number in range(3):
            _prefer(session, made, number)
    return made


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Database]:
    """The same file, opened once more."""
    opened = open_database(str(database.engine.url))
    yield opened
    opened.close()


def _prefer(session: Session, asked: Assistant, number: int) -> None:
    one = add_turn(session, asked, f"Question {number}?", f"Brief answer number {number} it is.")
    two = add_turn(session, asked, f"Question {number}?", "Much longer and quite different.", again=one)
    compare(session, one.id, two.id, rater="ann")


def _looking(database: Database, asked: Assistant) -> Callable[..., Ready]:
    readiness = Readiness()

    def look(**seen: int) -> Ready:
        with database.read() as session:
            return readiness.look(session, asked.id, seen=seen)

    return look


def test_a_second_look_builds_nothing(database: Database, assistant: Assistant, built: list[int]) -> None:
    look = _looking(database, assistant)
    assert look() == look() == _looking(database, assistant)()
    assert built == [3, 3]


def test_what_is_no_feedback_leaves_what_is_kept(
    database: Database, elsewhere: Database, assistant: Assistant, built: list[int]
) -> None:
    look = _looking(database, assistant)
    before = look()
    with elsewhere.write() as session:
        add_turn(session, assistant, "And mint?", "Any time.")
    assert look() is before and built == [3]


def test_each_assistant_has_its_own(database: Database, assistant: Assistant, built: list[int]) -> None:
    with database.write() as session:
        other = add_assistant(session, slug="other")
    readiness = Readiness()
    with database.read() as session:
        told = [readiness.look(session, each.id, seen={}).pairs for each in (assistant, other, assistant, other)]
    assert told == [3, 0, 3, 0] and built == [3, 0]


def _another(session: Session, asked: Assistant) -> None:
    _prefer(session, asked, 3)


def _corrected(session: Session, asked: Assistant) -> None:
    reply = add_turn(session, asked, "Mended?", "Wrong.")
    correct(session, reply.id, rater="ann", text="Right, and in a sentence.")


def _retried(session: Session, asked: Assistant) -> None:
    one = add_turn(session, asked, "Again?", "Brief it is.")
    two = add_turn(session, asked, "Again?", "Much longer and quite different.", again=one)
    for reply, value in ((one, "up"), (two, "down")):
        rate(session, reply.id, rater="ann", value=value)


def _taken_back(session: Session, _asked: Assistant) -> None:
    last = _last(session)
    compare(session, last.winner_id, last.loser_id, rater="ann", outcome="none")


def _left_out(session: Session, _asked: Assistant) -> None:
    leave_out(session, f"comparison:{_last(session).id}", admin="admin", reason="A joke.")


def _forgotten(session: Session, _asked: Assistant) -> None:
    people.forget_everything(session, "ann")


def _last(session: Session) -> Comparison:
    return session.exec(select(Comparison).order_by(col(Comparison.id).desc())).all()[0]


@pytest.mark.parametrize(
    ("change", "pairs"),
    [(_another, 4), (_corrected, 4), (_retried, 4), (_taken_back, 2), (_left_out, 2), (_forgotten, 0)],
)
def test_what_somebody_says_elsewhere_is_seen_at_once(
    database: Database, elsewhere: Database, assistant: Assistant, change: Callable[..., None], pairs: int
) -> None:
    look = _looking(database, assistant)
    assert look().pairs == 3
    with elsewhere.write() as session:
        change(session, assistant)
    assert look() == _looking(database, assistant)() and look().pairs == pairs


def test_what_another_process_says_is_seen_at_once(database: Database, assistant: Assistant) -> None:
    with database.write() as session:
        reply = add_turn(session, assistant, "And mint?", "Any time.")
    look = _looking(database, assistant)
    assert look().singles == 0
    subprocess.run([sys.executable, "-c", RATE, str(database.engine.url), reply.id], check=True)
    assert (look().singles, look().liked) == (1, 4)


def test_what_is_used_again_counts_again(database: Database, elsewhere: Database, assistant: Assistant) -> None:
    look = _looking(database, assistant)
    with elsewhere.write() as session:
        _left_out(session, assistant)
    without = look()
    with elsewhere.write() as session:
        use_again(session, f"comparison:{_last(session).id}", admin="admin")
    assert (without.pairs, look().pairs) == (2, 3)


def test_one_row_that_goes_and_one_that_comes_are_a_change(
    database: Database, elsewhere: Database, assistant: Assistant
) -> None:
    look = _looking(database, assistant)
    before = look(comparison=3)
    with elsewhere.write() as session:
        records.delete_conversations(session, owner="ann")
        for number in range(3):
            _prefer(session, assistant, number)
    assert (before.new_pairs, look(comparison=3).new_pairs) == (0, 3)


def test_what_was_learned_from_since_is_new_no_more(database: Database, assistant: Assistant) -> None:
    look = _looking(database, assistant)
    assert (look().new_pairs, look(comparison=2).new_pairs, look(comparison=3).new_pairs) == (3, 1, 0)
