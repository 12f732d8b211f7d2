"""Runs from the queue to their end: one at a time, taken up again after a crash, and told in a sentence when they fail.

The children are real processes, but short scripts in place of training; `tests/test_worker.py` has the real one.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from errno import ENOSPC
from pathlib import Path
from threading import Barrier, Thread

import pytest

from assistant import records
from assistant.database import Database, utc_now
from assistant.errors import AdapterRefused, BadInput, Conflict, NotFound, ThumbloopError
from assistant.tables import Assistant
from feedback import people
from feedback.lessons import Lesson
from feedback.ratings import compare, correct, rate
from retrain.dataset import read
from retrain.runs import Runs
from retrain.supervisor import STOPPED_TWICE
from retrain.tables import Adapter, AdapterState, Run, RunState
from tests.builders import add_assistant, add_turn

PATIENCE_S = 20
FINISH = """
import json, sys, pathlib
folder = pathlib.Path(sys.argv[1])
(folder / "progress.jsonl").write_text(json.dumps({"state": "evaluating", "done": 1.0}) + chr(10))
(folder / "report.json").write_text(json.dumps({"verdict": {"passed": True}}))
(folder / "result.json").write_text(json.dumps({"state": "done", "error": ""}))
"""
WAIT = """
import json, os, sys, pathlib
folder = pathlib.Path(sys.argv[1])
(folder / "progress.jsonl").write_text(json.dumps({"state": "training", "step": 1}) + chr(10))
os.read(0, 1)
"""
SCRIPTED = {"finish": FINISH, "wait": WAIT, "die": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}


class Scripted:
    """Spawns scripts in place of training, and remembers their processes."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, folder: Path) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", SCRIPTED[self.script], str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.processes.append(process)
        return process


Opened = Callable[..., Runs]


@pytest.fixture
def assistant(database: Database) -> Assistant:
    """An assistant with ten preferences."""
    with database.write() as session:
        made = add_assistant(session)
        for number in range(10):
            one = add_turn(session, made, f"Question {number}?", f"Brief answer number {number} it is.")
            two = add_turn(session, made, f"Question {number}?", "Much longer and quite different.", again=one)
            compare(session, one.id, two.id, rater="ann")
    return made


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Iterator[Opened]:
    """Opens runs on the database, with scripted children, and closes them at the end."""
    every: list[Runs] = []

    def make(script: str = "wait", *, work: bool = True, **changes: object) -> Runs:
        runs = Runs(
            database,
            runs_dir=tmp_path / "runs",
            adapters_dir=tmp_path / "adapters",
            **{"resolve": str, "on_done": lambda run, _: f"adapter-of-{run}", "spawn": Scripted(script), **changes},
        )
        every.append(runs)
        if work:
            runs.open()
        return runs

    yield make
    for runs in every:
        runs.close()


def wait_until(runs: Runs, run: Run, *states: RunState) -> Run:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        now = runs.status(run.id)
        if now.state in states:
            return now
        time.sleep(0.05)
    raise AssertionError(runs.status(run.id))


def leave_behind(database: Database, run: Run, *, owner: str, attempts: int = 1) -> None:
    """Make a run look as a process left it that was killed."""
    with database.write() as session:
        row = session.get_one(Run, run.id)
        row.state, row.attempts = RunState.training, attempts
        row.lease_owner, row.lease_until = owner, utc_now() + timedelta(minutes=1)


def test_a_run_goes_from_frozen_files_to_a_registered_adapter(assistant: Assistant, opened: Opened) -> None:
    runs = opened("finish", embedding="path of the model")
    run = runs.start(assistant.id, asked_by="admin")
    done = wait_until(runs, run, RunState.done)
    assert done.adapter == f"adapter-of-{run.id}" and done.report == {"verdict": {"passed": True}}
    assert done.counts["train"] + done.counts["held_out"] == 10
    config = json.loads((runs.folder(run.id) / "config.json").read_text())
    assert config["parent"] is None and config["method"] == "dpo" and "10 preference pairs" in config["why"]
    assert config["embedding"] == "path of the model"
    assert done.lease_owner is None and done.finished_at is not None


def test_a_run_anew_begins_with_what_the_assistant_began_with(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    runs = opened("finish")
    with database.write() as session:
        for version, state in ((0, AdapterState.archived), (1, AdapterState.active)):
            session.add(
                Adapter(
                    id=f"v{version}", assistant_id=assistant.id, version=version, state=state, model="m", sha256="s"
                )
            )
        session.get_one(Assistant, assistant.id).adapter = "v1"
    usual = wait_until(runs, runs.start(assistant.id, asked_by="admin"), RunState.done).config
    assert usual["parent"] == "v1" and usual["start"] == usual["adapter"]
    anew = runs.start(assistant.id, asked_by="admin", anew=True).config
    assert anew["parent"] == "v0" and anew["start"].endswith("/v0") and anew["adapter"] == usual["adapter"]


def test_what_preferences_moved_is_counted_from_what_none_of_them_made(
    assistant: Assistant, opened: Opened, database: Database, tmp_path: Path
) -> None:
    runs = opened("finish")
    line = {1: "sft+dpo", 2: "dpo", 3: "kto"}
    with database.write() as session:
        for version, method in line.items():
            run = Run(id=f"run{version}", assistant_id=assistant.id, method=method, state=RunState.done, asked_by="me")
            session.add(run)
            session.flush()
            session.add(
                Adapter(
                    id=f"v{version}", assistant_id=assistant.id, version=version, run_id=run.id, model="m", sha256="s",
                    parent=f"v{version - 1}" if version > 1 else None,
                )
            )  # fmt: skip
            (tmp_path / "adapters" / f"v{version}").mkdir(parents=True)
        session.get_one(Assistant, assistant.id).adapter = "v3"
    assert runs.start(assistant.id, asked_by="admin").config["origin"].endswith("/v1")


def test_a_run_anew_begins_with_the_base_model_where_nothing_was_shipped(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    with database.write() as session:
        session.get_one(Assistant, assistant.id).adapter = "v1"
    config = opened("finish").start(assistant.id, asked_by="admin", anew=True).config
    assert config["parent"] is None and config["start"] is None and config["adapter"].endswith("/v1")


def lessons(count: int) -> list[Lesson]:
    return [
        Lesson(prompt=({"role": "user", "content": f"Taught {n}?"},), answer=f"Answer {n}.", rows=(f"example:{n}",))
        for n in range(count)
    ]


def test_examples_are_taught_and_leave_the_preferences_new(assistant: Assistant, opened: Opened) -> None:
    runs = opened("finish")
    wait_until(runs, runs.start(assistant.id, asked_by="admin"), RunState.done)
    run = runs.start(assistant.id, asked_by="admin", examples=lessons(20), recipe={"variant": "dora", "rehearsal": 7})
    assert run.method == "sft" and run.counts["lessons"] + run.counts["held_out"] == 20
    frozen = read(runs.folder(run.id) / "train_lessons.jsonl")
    assert {row["completion"][0]["content"] for row in frozen} < {f"Answer {n}." for n in range(20)}
    assert "rejected" not in read(runs.folder(run.id) / "held_out.jsonl")[0]
    recipe = run.config["recipes"]["sft"]
    assert (recipe["variant"], recipe["rehearsal"], recipe["learning_rate"]) == ("dora", 7, 4e-4)
    wait_until(runs, run, RunState.done)
    assert runs.pairs_ready(assistant.id).new_pairs == 0  # still what DPO saw


def test_corrections_and_liked_answers_are_taught(assistant: Assistant, opened: Opened, database: Database) -> None:
    with pytest.raises(BadInput, match="0 of 8 corrections and approved answers"):
        opened(work=False).start(assistant.id, asked_by="admin", method="sft")
    with database.write() as session:
        for number in range(8):
            reply = add_turn(session, assistant, f"Mended {number}?", "Wrong.")
            correct(session, reply.id, rater="ann", text=f"Right number {number}.")
    runs = opened("finish")
    run = runs.start(assistant.id, asked_by="admin", method="sft")
    assert "8 corrections" in run.config["why"]
    wait_until(runs, run, RunState.done)
    assert runs.pairs_ready(assistant.id).new_pairs == 18  # no preference was learned


def test_teaching_before_dpo_stays_clear_of_what_is_held_out(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    with database.write() as session:
        for number in range(20):
            reply = add_turn(session, assistant, f"Mended {number}?", "Wrong.")
            correct(session, reply.id, rater="ann", text=f"Right number {number}.")
    runs = opened(work=False)
    run = runs.start(assistant.id, asked_by="admin", method="sft+dpo", recipe={"rank": 4})
    tested = {json.dumps(row["prompt"]) for row in read(runs.folder(run.id) / "held_out.jsonl")}
    taught = {json.dumps(row["prompt"]) for row in read(runs.folder(run.id) / "train_lessons.jsonl")}
    assert tested.isdisjoint(taught) and run.counts["lessons"] == len(taught) < 20
    assert len(tested) == run.counts["held_out"] == 6
    assert list(run.config["recipes"]) == ["sft", "dpo"]
    assert (run.config["recipes"]["sft"]["rank"], run.config["recipes"]["dpo"]["rank"]) == (4, 16)


def test_a_way_of_teaching_that_cannot_be_is_told(assistant: Assistant, opened: Opened, database: Database) -> None:
    with database.write() as session:
        empty = add_assistant(session, slug="empty")
    runs = opened(work=False)
    with pytest.raises(BadInput, match="0 of 8 preference pairs"):
        runs.start(empty.id, asked_by="admin", method="sft+dpo", examples=lessons(8))
    with pytest.raises(BadInput, match="7 of 8 examples"):
        runs.start(assistant.id, asked_by="admin", examples=lessons(7))
    with pytest.raises(BadInput, match="no way of teaching called 'magic'"):
        runs.start(assistant.id, asked_by="admin", method="magic", examples=lessons(8))
    with pytest.raises(BadInput, match="'qlora' is no variant"):
        runs.start(assistant.id, asked_by="admin", examples=lessons(8), recipe={"variant": "qlora"})


def test_progress_reaches_the_row_and_cancelling_ends_the_child(assistant: Assistant, opened: Opened) -> None:
    spawn = Scripted("wait")
    runs = opened(spawn=spawn)
    run = runs.start(assistant.id, asked_by="admin")
    until = time.monotonic() + PATIENCE_S
    while runs.status(run.id).progress.get("step") != 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert runs.progress(run.id) == [{"state": "training", "step": 1}]
    asked = time.monotonic()
    runs.cancel(run.id)
    assert wait_until(runs, run, RunState.cancelled).error == ""
    assert time.monotonic() - asked < 5 and spawn.processes[0].poll() is not None


def test_one_run_at_a_time_even_when_two_ask_at_once(assistant: Assistant, opened: Opened) -> None:
    first, second = opened(work=False), opened(work=False)
    together, outcomes = Barrier(2), []

    def ask(runs: Runs) -> None:
        together.wait()
        try:
            outcomes.append(runs.start(assistant.id, asked_by="admin").id)
        except Conflict as exc:
            outcomes.append(exc)

    threads = [Thread(target=ask, args=(runs,)) for runs in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(refused) == 1 and "already being retrained" in str(refused[0])
    assert len(list(first.folder("").iterdir())) == 1  # the loser leaves no folder behind


def test_a_killed_child_fails_the_run_with_its_reason(assistant: Assistant, opened: Opened) -> None:
    runs = opened("die")
    failed = wait_until(runs, runs.start(assistant.id, asked_by="admin"), RunState.failed)
    assert "signal 9" in failed.error and "press Retrain again" in failed.error


def test_a_candidate_that_cannot_be_taken_in_fails_the_run(assistant: Assistant, opened: Opened) -> None:
    def refuse(_run: str, _folder: Path) -> str:
        raise AdapterRefused("The adapter is damaged. Train again.")

    runs = opened("finish", on_done=refuse)
    failed = wait_until(runs, runs.start(assistant.id, asked_by="admin"), RunState.failed)
    assert failed.error == "The adapter is damaged. Train again."


def test_an_orderly_stop_gives_the_run_back_and_the_next_start_takes_it_up(
    assistant: Assistant, opened: Opened
) -> None:
    spawn = Scripted("wait")
    first = opened(spawn=spawn)
    run = first.start(assistant.id, asked_by="admin")
    wait_until(first, run, RunState.training)
    first.close()
    assert all(process.poll() is not None for process in spawn.processes)
    assert first.status(run.id).state is RunState.queued and first.status(run.id).attempts == 0
    assert wait_until(opened("finish"), run, RunState.done).attempts == 1


def test_a_run_of_a_killed_app_is_taken_up_once_and_then_failed(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    idle = opened(work=False)
    run = idle.start(assistant.id, asked_by="admin")
    leave_behind(database, run, owner=f"{socket.gethostname()}:999999999:0")
    second = opened("finish")
    assert wait_until(second, run, RunState.done).attempts == 2
    again = idle.start(assistant.id, asked_by="admin")
    second.close()
    leave_behind(database, again, owner=f"{socket.gethostname()}:999999999:0", attempts=2)
    assert wait_until(opened("finish"), again, RunState.failed).error == STOPPED_TWICE


def test_a_run_that_another_living_process_supervises_is_left_alone(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    run = opened(work=False).start(assistant.id, asked_by="admin")
    leave_behind(database, run, owner="another-machine:1:0")
    runs = opened("finish", work=False)
    runs._supervisor.recover()
    assert runs.status(run.id).state is RunState.training
    later = opened("finish", work=False, now=lambda: utc_now() + timedelta(minutes=2))
    later._supervisor.recover()
    assert runs.status(run.id).state is RunState.queued


def test_a_child_that_finished_while_nobody_watched_is_concluded(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    idle = opened(work=False)
    run = idle.start(assistant.id, asked_by="admin")
    leave_behind(database, run, owner=f"{socket.gethostname()}:999999999:0")
    (idle.folder(run.id) / "result.json").write_text('{"state": "done", "error": ""}')
    assert wait_until(opened("die"), run, RunState.done).adapter == f"adapter-of-{run.id}"


def test_pairs_ready_counts_what_is_new_since_the_last_run(
    assistant: Assistant, opened: Opened, database: Database
) -> None:
    runs = opened("finish")
    ready = runs.pairs_ready(assistant.id)
    assert (ready.pairs, ready.new_pairs, ready.method, ready.missing) == (10, 10, "dpo", "")
    wait_until(runs, runs.start(assistant.id, asked_by="admin"), RunState.done)
    assert runs.pairs_ready(assistant.id).new_pairs == 0
    with database.write() as session:
        one = add_turn(session, assistant, "New?", "Yes, this one is.")
        two = add_turn(session, assistant, "New?", "Perhaps it might be so.", again=one)
        rate(session, one.id, rater="ann", value="up")
        rate(session, two.id, rater="ann", value="down")
    assert (runs.pairs_ready(assistant.id).pairs, runs.pairs_ready(assistant.id).new_pairs) == (11, 1)


def test_a_rating_taken_back_is_in_no_later_run(assistant: Assistant, opened: Opened, database: Database) -> None:
    with database.write() as session:
        one = add_turn(session, assistant, "Mine?", "A word that was taken back.", owner="bob")
        two = add_turn(session, assistant, "Mine?", "Something else altogether.", owner="bob", again=one)
        compare(session, one.id, two.id, rater="bob")
        compare(session, one.id, two.id, rater="bob", outcome="none")
    runs = opened("finish")
    run = runs.start(assistant.id, asked_by="admin")
    frozen = "".join(path.read_text() for path in runs.folder(run.id).glob("*.jsonl"))
    assert "Brief answer" in frozen and "taken back" not in frozen


def test_thumbs_alone_are_new_feedback_too(opened: Opened, database: Database) -> None:
    with database.write() as session:
        made = add_assistant(session, slug="thumbs")
        for number in range(16):
            reply = add_turn(session, made, f"Question {number}?", f"Answer number {number} it is.")
            rate(session, reply.id, rater="ann", value="up" if number % 2 else "down")
    ready = opened(work=False).pairs_ready(made.id)
    assert (ready.pairs, ready.singles, ready.method, ready.new_pairs) == (0, 16, "kto", 16)


def test_a_full_disk_is_told_and_leaves_nothing(
    assistant: Assistant, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    runs = opened(work=False)
    monkeypatch.setattr("retrain.runs.freeze", full)
    with pytest.raises(ThumbloopError, match=r"could not be written \(No space left on device\)"):
        runs.start(assistant.id, asked_by="admin")
    assert runs.latest(assistant.id) is None and not list(runs.folder("").iterdir())


def test_folders_that_no_run_knows_go_at_the_next_start(assistant: Assistant, opened: Opened) -> None:
    runs = opened(work=False)
    kept = runs.start(assistant.id, asked_by="admin")
    (runs.folder("of-a-killed-start")).mkdir()
    opened(work=False)._sweep()
    assert runs.folder("of-a-killed-start").is_dir()  # it may be under way in another process
    opened(work=False, now=lambda: utc_now() + timedelta(hours=2))._sweep()
    assert [folder.name for folder in runs.folder("").iterdir()] == [kept.id]


def test_too_little_feedback_and_unknown_ids_are_told(database: Database, opened: Opened) -> None:
    with database.write() as session:
        empty = records.create_assistant(session, slug="empty", name="Empty", system_prompt="Help.")
    runs = opened(work=False)
    assert "0 of 8" in runs.pairs_ready(empty.id).missing
    with pytest.raises(BadInput, match="too little feedback"):
        runs.start(empty.id, asked_by="admin")
    with pytest.raises(NotFound):
        runs.status("nothing")
    with pytest.raises(NotFound):
        runs.start("nobody", asked_by="admin")


def test_what_is_deleted_while_a_run_goes_leaves_its_files_once_it_is_over(
    database: Database, opened: Opened, assistant: Assistant
) -> None:
    runs = opened("wait")
    run = runs.start(assistant.id, asked_by="ann")
    wait_until(runs, run, RunState.training)
    with database.write() as session:
        people.forget_everything(session, "ann")
    assert read(runs.folder(run.id) / "train.jsonl")
    runs.cancel(run.id)
    wait_until(runs, run, RunState.cancelled)
    runs.close()
    assert read(runs.folder(run.id) / "train.jsonl") == read(runs.folder(run.id) / "held_out.jsonl") == []


def test_a_start_takes_what_was_deleted_meanwhile_out_of_earlier_runs(
    database: Database, opened: Opened, assistant: Assistant
) -> None:
    runs = opened(work=False)
    run = runs.start(assistant.id, asked_by="ann")
    runs.cancel(run.id)
    with database.write() as session:
        people.forget_everything(session, "ann")
    opened()
    assert read(runs.folder(run.id) / "train.jsonl") == []
