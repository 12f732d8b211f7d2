"""A version that people like less is taken back: soon after the thumb that proves it, by whoever looks first, once."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from assistant.database import Database, utc_now
from assistant.errors import NotFound
from assistant.tables import Assistant
from feedback.tables import Rating, Value
from retrain.schedule import set_schedule
from retrain.tables import Change, Promotion
from retrain.watch import AUTOMATIC, Watch
from tests.builders import add_turn
from tests.house import House
from tests.serving import eventually
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture
def house(database: Database, tmp_path: Path, base: str) -> House:
    """v1 serves and is liked; v2 is there."""
    found = House(database, tmp_path, base)
    first, _ = found.add(), found.add()
    found.registry.promote(first, by="ann")
    vote(found, first, "up", people=24)
    return found


@pytest.fixture
def watch(house: House) -> Iterator[Watch]:
    opened = Watch(house.database, house.registry)
    opened.open()
    yield opened
    opened.close()


def vote(house: House, adapter: str | None, value: str, *, people: int) -> str:
    """Answers of a version, each rated by somebody else; the last one's id."""
    with house.database.write() as session:
        asked = session.get_one(Assistant, house.assistant_id)
        for number in range(people):
            reply = add_turn(session, asked, "How?", "So.", adapter=adapter)
            session.add(Rating(reply_id=reply.id, rater=f"{value}-{number}", value=Value(value)))
    return reply.id


def last(house: House) -> Promotion:
    with house.database.read() as session:
        found = session.exec(select(Promotion).order_by(col(Promotion.id).desc())).first()
    assert found is not None
    return found


def switch_off(house: House) -> None:
    with house.database.write() as session:
        set_schedule(
            session, house.assistant_id, cron="", min_new_pairs=20, auto_promote=False, enabled=False, roll_back=False,
            now=utc_now(),
        )  # fmt: skip


def settle(house: House) -> bool:
    return Watch(house.database, house.registry).settle(house.assistant_id)


def test_a_promotion_that_people_dislike_is_rolled_back_once_with_a_reason(house: House) -> None:
    house.registry.promote("default-v2", by="ann")
    vote(house, "default-v2", "down", people=2)
    assert not settle(house) and house.serves == "default-v2", "two may be chance"
    vote(house, "default-v2", "down", people=16)
    assert settle(house) and house.serves == "default-v1"
    decided = last(house)
    assert (decided.kind, decided.before, decided.after) == (Change.rollback, "default-v2", "default-v1")
    assert decided.by == AUTOMATIC and decided.why.startswith("People like v2 less than v1: 0% of 16 votes")
    told = len(house.history)
    assert not settle(house) and len(house.history) == told and house.serves == "default-v1"


def test_a_trial_that_people_dislike_ends_and_what_serves_stays(house: House) -> None:
    house.registry.try_out("default-v2", share=0.5, by="ann")
    vote(house, "default-v1", "up", people=24)
    vote(house, "default-v2", "down", people=20)
    assert settle(house) and house.serves == "default-v1"
    assert (last(house).kind, last(house).by) == (Change.end_trial, AUTOMATIC) and "v2 less than v1" in last(house).why
    assert house.states["default-v2"] == "candidate" and not settle(house)
    house.registry.try_out("default-v2", share=0.5, by="ann")
    assert not settle(house), "an admin who tries it again begins anew"


def test_the_base_model_can_be_what_people_liked_better(house: House) -> None:
    house.registry.rollback(house.assistant_id, by="ann")
    vote(house, None, "up", people=24)
    house.registry.promote("default-v2", by="ann")
    vote(house, "default-v2", "down", people=20)
    assert settle(house) and house.serves is None and "less than original model" in last(house).why


def test_switched_off_it_stays_until_it_is_switched_on(house: House) -> None:
    switch_off(house)
    house.registry.promote("default-v2", by="ann")
    vote(house, "default-v2", "down", people=20)
    assert not settle(house) and house.serves == "default-v2"
    with house.database.write() as session:
        session.connection().exec_driver_sql("UPDATE schedule SET roll_back = 1")
    assert settle(house)


def test_two_processes_take_it_back_once(house: House) -> None:
    house.registry.promote("default-v2", by="ann")
    vote(house, "default-v2", "down", people=20)
    together = threading.Barrier(2)
    did: list[bool] = []

    def look() -> None:
        together.wait()
        did.append(settle(house))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, True] and house.serves == "default-v1"
    assert [kind for kind, _, _ in house.history].count(Change.rollback) == 1


def test_the_thumb_that_proves_it_is_acted_on_in_the_background(house: House, watch: Watch) -> None:
    house.registry.promote("default-v2", by="ann")
    reply = vote(house, "default-v2", "down", people=20)
    watch.rated("gone")
    watch.rated(reply)

    def rolled_back() -> bool:
        return house.serves == "default-v1"

    eventually(rolled_back)


def test_what_a_killed_process_had_no_time_for_is_done_at_the_next_start(house: House) -> None:
    house.registry.promote("default-v2", by="ann")
    vote(house, "default-v2", "down", people=20)
    started = Watch(house.database, house.registry)
    started.open()
    started.close()
    assert house.serves == "default-v1"


def test_a_version_before_that_is_damaged_is_told_once_a_look_and_the_next_thumb_is_looked_at(
    house: House, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    house.registry.promote("default-v2", by="ann")
    (house.adapters_dir / "default-v1" / "adapter_config.json").write_text("{}")
    reply = vote(house, "default-v2", "down", people=20)
    for times in (1, 2):
        watch.rated(reply)

        def told(times: int = times) -> bool:
            return sum(record.levelno == logging.ERROR for record in caplog.records) == times

        eventually(told)
    assert house.serves == "default-v2" and "could not be taken back" in caplog.text


def test_an_assistant_that_is_gone_is_none(house: House) -> None:
    with pytest.raises(NotFound):
        Watch(house.database, house.registry).settle("gone")
