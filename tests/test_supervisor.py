"""Who may supervise a run: leases that were lost, runs that are gone, and children that cannot be started."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assistant.database import Database, utc_now
from assistant.tables import Assistant
from retrain.supervisor import Supervisor
from retrain.tables import Run, RunState
from tests.builders import add_assistant

HOST = socket.gethostname()
DEAD = f"{HOST}:999999999:0"
ELSEWHERE = "another-machine:1:0"
Made = Callable[..., Supervisor]


class Sleepers:
    """Spawns processes that wait for the end of their input, in place of training."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def __call__(self, _folder: Path) -> "subprocess.Popen[bytes]":
        self.started.append(
            subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        )
        return self.started[-1]


@pytest.fixture
def sleepers() -> Iterator[Sleepers]:
    made = Sleepers()
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


@pytest.fixture
def supervisor(database: Database, tmp_path: Path, sleepers: Sleepers) -> Made:
    """Makes supervisors without a thread of their own: a test looks for them."""

    def make(
        spawn: Callable[[Path], "subprocess.Popen[bytes]"] = sleepers, now: Callable[[], datetime] = utc_now
    ) -> Supervisor:
        return Supervisor(database, runs_dir=tmp_path, on_done=lambda run, _: run, spawn=spawn, now=now)

    return make


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """A queued run with its folder."""
    with database.write() as session:
        queued = Run(assistant_id=add_assistant(session).id, asked_by="ann", counts={"train": 5})
        session.add(queued)
    (tmp_path / queued.id).mkdir()
    return queued


def change(database: Database, run: Run, **values: object) -> None:
    with database.write() as session:
        row = session.get_one(Run, run.id)
        for name, value in values.items():
            setattr(row, name, value)


def now_of(database: Database, run: Run) -> Run:
    with database.read() as session:
        return session.get_one(Run, run.id)


def lose(database: Database, run: Run, *, owner: str = DEAD, until: timedelta = timedelta(minutes=1)) -> None:
    change(database, run, state=RunState.training, attempts=1, lease_owner=owner, lease_until=utc_now() + until)


def test_of_two_that_find_a_lost_run_one_takes_it_and_the_other_leaves_it_alone(
    database: Database, supervisor: Made, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(database, run)
    slow, quick = supervisor(), supervisor()
    take_over = slow._take_over

    def late(run_id: str) -> bool:
        quick.recover()
        quick._look()  # has claimed it and trains by the time that the slow one writes
        return take_over(run_id)

    monkeypatch.setattr(slow, "_take_over", late)
    slow.recover()
    found = now_of(database, run)
    assert (found.state, found.attempts) == (RunState.training, 2)


def test_a_supervisor_that_lost_its_lease_ends_its_child_and_touches_nothing(
    database: Database, supervisor: Made, run: Run, sleepers: Sleepers
) -> None:
    slept = supervisor()
    slept._look()
    assert now_of(database, run).lease_owner
    change(database, run, lease_owner=ELSEWHERE, attempts=2)
    slept._look()
    assert sleepers.started[0].poll() is not None
    found = now_of(database, run)
    assert (found.state, found.attempts, found.lease_owner) == (RunState.training, 2, ELSEWHERE)


def test_a_run_that_was_deleted_takes_its_child_with_it(
    database: Database, supervisor: Made, run: Run, sleepers: Sleepers
) -> None:
    watching = supervisor()
    watching._look()
    with database.write() as session:
        session.delete(session.get_one(Assistant, run.assistant_id))
    watching._look()
    assert sleepers.started[0].poll() is not None
    watching._look()
    assert len(sleepers.started) == 1


def test_a_child_that_cannot_be_started_fails_its_run_at_once(database: Database, supervisor: Made, run: Run) -> None:
    def refuse(_folder: Path) -> "subprocess.Popen[bytes]":
        raise OSError(12, "Cannot allocate memory")

    supervisor(refuse)._look()
    failed = now_of(database, run)
    assert failed.state is RunState.failed
    assert "could not be started (Cannot allocate memory)" in failed.error
    assert failed.lease_owner is None


def test_an_ending_that_could_not_be_stored_is_stored_at_the_next_look(
    database: Database, supervisor: Made, run: Run, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = supervisor()
    watching._look()
    sleepers.started[0].kill()
    sleepers.started[0].wait()
    with monkeypatch.context() as broken:
        broken.setattr(watching, "_finish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watching._look()
    assert now_of(database, run).state is RunState.training
    watching._look()
    assert now_of(database, run).state is RunState.failed


def test_the_lease_is_renewed_while_the_child_goes_on(database: Database, supervisor: Made, run: Run) -> None:
    clock = [utc_now()]
    watching = supervisor(now=lambda: clock[0])
    watching._look()
    clock[0] += timedelta(seconds=50)
    watching._look()
    until = now_of(database, run).lease_until
    assert until is not None and until > clock[0] + timedelta(seconds=55)


def test_figures_of_the_training_are_counted_while_the_gate_works(
    database: Database, supervisor: Made, run: Run, tmp_path: Path
) -> None:
    watching = supervisor()
    watching._look()
    told = '{"state": "evaluating", "trained": {"too_long": 2}}\n{"state": "evaluating", "sha'
    (tmp_path / run.id / "progress.jsonl").write_text(told)
    watching._look()
    found = now_of(database, run)
    assert found.state is RunState.evaluating
    assert found.counts == {"train": 5, "too_long": 2}


def test_two_runs_wait_for_each_other_on_one_machine(
    database: Database, supervisor: Made, run: Run, tmp_path: Path, sleepers: Sleepers
) -> None:
    with database.write() as session:
        other = Run(assistant_id=add_assistant(session, slug="other").id, asked_by="ann")
        session.add(other)
    (tmp_path / other.id).mkdir()
    first, second = supervisor(), supervisor()
    first._look()
    second._look()
    assert len(sleepers.started) == 1
    assert now_of(database, run).state is RunState.training
    assert now_of(database, other).state is RunState.queued
