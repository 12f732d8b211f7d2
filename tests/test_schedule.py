import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from assistant.database import Database, open_database, utc_now
from assistant.errors import BadInput, Conflict, NotFound
from retrain.schedule import STARTING, STARTING_LOST_AFTER, Scheduler, claim, describe, next_due, set_schedule
from retrain.tables import Schedule
from tests.builders import add_assistant

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Starts:
    """Counts the runs asked for, and the pairs that are said to be ready."""

    def __init__(self, *, pairs: int = 0) -> None:
        self.pairs = pairs
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.called = threading.Event()

    def start_run(self, assistant_id: str) -> None:
        self.asked.append(assistant_id)
        self.called.set()
        if self.error:
            raise self.error

    def pairs_ready(self, _assistant_id: str) -> int:
        return self.pairs


@pytest.fixture
def rule(database: Database) -> Callable[..., str]:
    """Makes an assistant with a rule; its id."""

    def make(
        *, now: datetime = NOON, slug: str = "default", enabled: bool = True, cron: str = "", pairs: int = 0
    ) -> str:
        with database.write() as session:
            assistant_id = add_assistant(session, slug=slug).id
            set_schedule(
                session,
                assistant_id,
                cron=cron,
                min_new_pairs=pairs,
                auto_promote=False,
                enabled=enabled,
                now=now,
                timezone=UTC,
            )
        return assistant_id

    return make


def scheduler(database: Database, starts: Starts) -> Scheduler:
    return Scheduler(database, start_run=starts.start_run, pairs_ready=starts.pairs_ready, timezone=UTC)


def row(database: Database, assistant_id: str) -> Schedule:
    with database.read() as session:
        return session.get_one(Schedule, assistant_id)


def test_a_cron_line_starts_a_run_at_its_time_and_not_before(database: Database, rule: Callable[..., str]) -> None:
    assistant_id, starts = rule(cron="0 15 * * *"), Starts()
    clock = scheduler(database, starts)
    assert clock.tick(NOON + timedelta(hours=2, minutes=59)) == []
    assert clock.tick(NOON + timedelta(hours=3)) == [assistant_id]
    assert clock.tick(NOON + timedelta(hours=3, minutes=1)) == []
    assert clock.tick(NOON + timedelta(hours=27)) == [assistant_id]
    assert starts.asked == [assistant_id, assistant_id]


def test_new_pairs_alone_start_a_run_as_soon_as_they_are_enough(database: Database, rule: Callable[..., str]) -> None:
    assistant_id, starts = rule(pairs=20), Starts(pairs=19)
    clock = scheduler(database, starts)
    clock.tick(NOON + MINUTE)
    assert starts.asked == []
    assert row(database, assistant_id).last_result == "Not started: 19 of 20 new preferences are there."
    starts.pairs = 20
    clock.tick(NOON + 2 * MINUTE)
    assert starts.asked == [assistant_id]
    assert row(database, assistant_id).last_result == "Started a run; 20 new preferences were there."


def test_with_both_the_cron_time_comes_first_and_the_pairs_must_be_there(
    database: Database, rule: Callable[..., str]
) -> None:
    rule(cron="0 15 * * *", pairs=5)
    starts = Starts(pairs=9)
    clock = scheduler(database, starts)
    clock.tick(NOON + MINUTE)
    assert starts.asked == []
    starts.pairs = 4
    clock.tick(NOON + timedelta(hours=3))
    assert starts.asked == []
    starts.pairs = 5
    clock.tick(NOON + timedelta(hours=4))
    assert starts.asked == [], "the pairs came after the cron time: they wait for the next one"
    clock.tick(NOON + timedelta(hours=27))
    assert len(starts.asked) == 1


def test_times_missed_while_off_happen_once(database: Database, rule: Callable[..., str]) -> None:
    assistant_id, starts = rule(cron="0 15 * * *"), Starts()
    week_later = NOON + timedelta(days=7)
    clock = scheduler(database, starts)
    assert clock.tick(week_later) == [assistant_id]
    assert clock.tick(week_later) == []
    assert row(database, assistant_id).next_due_at == week_later + timedelta(hours=3)
    assert row(database, assistant_id).last_due_at == week_later


def test_of_two_processes_one_takes_what_is_due(database: Database, rule: Callable[..., str]) -> None:
    assistant_id = rule(cron="0 15 * * *")
    others = [open_database(str(database.engine.url)) for _ in range(4)]
    taken: list[str] = []
    ready = threading.Barrier(len(others))

    def take(other: Database) -> None:
        ready.wait(timeout=10)
        taken.extend(claim(other, now=NOON + timedelta(hours=3), timezone=UTC))

    threads = [threading.Thread(target=take, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    for other in others:
        other.close()
    assert taken == [assistant_id]


def test_a_start_that_died_on_the_way_is_due_again(database: Database, rule: Callable[..., str]) -> None:
    assistant_id, starts = rule(cron="0 15 * * *"), Starts()
    due = NOON + timedelta(hours=3)
    assert claim(database, now=due, timezone=UTC) == [assistant_id]  # and then the process is killed
    assert row(database, assistant_id).last_result == STARTING
    clock = scheduler(database, starts)
    assert clock.tick(due + MINUTE) == []
    assert clock.tick(due + STARTING_LOST_AFTER) == [assistant_id]
    assert clock.tick(due + 2 * STARTING_LOST_AFTER) == []
    assert starts.asked == [assistant_id]


def test_a_rule_that_is_switched_off_is_never_due(database: Database, rule: Callable[..., str]) -> None:
    rule(cron="0 15 * * *", enabled=False)
    assert scheduler(database, Starts()).tick(NOON + timedelta(days=30)) == []


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (Conflict("A run is going."), "A run is going."),
        (RuntimeError("secret words"), "because of an error in the program"),
    ],
)
def test_what_went_wrong_is_kept_and_the_next_time_comes(
    database: Database, rule: Callable[..., str], error: Exception, kept: str
) -> None:
    assistant_id, starts = rule(cron="0 15 * * *"), Starts()
    starts.error = error
    clock = scheduler(database, starts)
    clock.tick(NOON + timedelta(hours=3))
    assert kept in row(database, assistant_id).last_result
    assert "secret" not in row(database, assistant_id).last_result
    assert clock.tick(NOON + timedelta(hours=27)) == [assistant_id]


def test_the_clock_itself_starts_what_was_missed(database: Database, rule: Callable[..., str]) -> None:
    missed = rule(cron="0 15 * * *")
    waiting = rule(cron="0 15 1 1 *", slug="later", now=utc_now())
    starts = Starts()
    clock = scheduler(database, starts)
    clock.start()
    assert starts.called.wait(timeout=10)
    clock.close()
    assert starts.asked == [missed]
    assert row(database, missed).last_result.startswith("Started a run")
    assert row(database, waiting).last_result == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cron": "sometimes"}, "not a cron line"),
        ({"cron": "sometimes", "enabled": False}, "not a cron line"),
        ({"cron": "0 3 30 2 *"}, "never comes"),
        ({"min_new_pairs": -1}, "0 or more"),
        ({"cron": " ", "min_new_pairs": 0}, "neither when nor after how many"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_and_the_old_one_stays(
    database: Database, rule: Callable[..., str], changes: dict[str, object], why: str
) -> None:
    assistant_id = rule(cron="0 15 * * *")
    wanted: dict[str, object] = {"cron": "", "min_new_pairs": 20, "auto_promote": True, "enabled": True} | changes
    with pytest.raises(BadInput, match=why), database.write() as session:
        set_schedule(session, assistant_id, now=NOON, timezone=UTC, **wanted)  # type: ignore[arg-type]
    assert row(database, assistant_id).cron == "0 15 * * *"


def test_a_rule_of_nobody_is_refused(database: Database) -> None:
    with pytest.raises(NotFound, match="no assistant"), database.write() as session:
        set_schedule(session, "x", cron="", min_new_pairs=1, auto_promote=False, enabled=True, now=NOON)


def test_a_changed_rule_is_due_by_its_new_line(database: Database, rule: Callable[..., str]) -> None:
    assistant_id = rule(cron="0 15 * * *")
    with database.write() as session:
        set_schedule(
            session,
            assistant_id,
            cron="30  12 * *  *",
            min_new_pairs=0,
            auto_promote=True,
            enabled=True,
            now=NOON,
            timezone=UTC,
        )
    changed = row(database, assistant_id)
    assert (changed.cron, changed.next_due_at) == ("30 12 * * *", NOON + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (Schedule(assistant_id="a", cron="0 15 * * *"), NOON + timedelta(hours=3)),
        (Schedule(assistant_id="a", cron="", min_new_pairs=5), NOON + MINUTE),
        (Schedule(assistant_id="a", cron="0 15 * * *", enabled=False), None),
    ],
)
def test_when_a_rule_is_due_next(schedule: Schedule, due: datetime | None) -> None:
    assert next_due(schedule, after=NOON, timezone=UTC) == due


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (
            Schedule(assistant_id="a", cron="0 3 * * 0", min_new_pairs=20),
            "Every Sunday at 03:00, if 20 new preferences are there. "
            "A version that passes every check waits for an admin.",
        ),
        (
            Schedule(assistant_id="a", cron="0 3 * * *", min_new_pairs=0, auto_promote=True),
            "Every day at 03:00. A version that passes every check answers at once.",
        ),
        (
            Schedule(assistant_id="a", min_new_pairs=1),
            "As soon as 1 new preference is there. A version that passes every check waits for an admin.",
        ),
        (
            Schedule(assistant_id="a", enabled=False),
            "Switched off: retraining starts only when an admin presses the button.",
        ),
    ],
)
def test_a_rule_is_said_in_words(schedule: Schedule, words: str) -> None:
    assert describe(schedule) == words
