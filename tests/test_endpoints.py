"""The endpoints as plain functions, without a server: runs, adapters and schedules for admins, refusals for guests."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from assistant import records
from assistant.database import utc_now
from assistant.errors import BadInput, Conflict, NotAllowed, NotFound
from assistant.knowledge import Upload
from assistant.tables import ReplyState
from retrain.dataset import read
from retrain.tables import Run, RunState, Schedule
from tests.serving import eventually, open_services
from tests.tiny import save_tiny, save_tiny_adapter
from ui import endpoints
from ui.endpoints import inputs
from ui.services import Services, take_in
from ui.sessions import Caller

ADMIN = Caller("a1", "admin", "admin")
GUEST = Caller("guest-1", "guest", "guest")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture
def services(home: Path, base: Path) -> Iterator[Services]:
    with open_services(home, model=str(base)) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """For tests that change nothing."""
    with open_services(tmp_path_factory.mktemp("home"), model=str(base)) as opened:
        yield opened


def finish_run(services: Services, base: Path, *, passed: bool = True) -> str:
    """A run that is done, with its folder as a worker leaves it; its id."""
    asked = endpoints.status(services, ADMIN, "default")
    verdict = {"passed": passed, "sentence": "So it is."}
    with services.database.write() as session:
        assistant_id = records.assistant_by_slug(session, "default").id
        run = Run(assistant_id=assistant_id, asked_by="a1", state=RunState.done, report={"verdict": verdict})
        session.add(run)
    folder = services.runs.folder(run.id)
    save_tiny_adapter(folder / "adapter", str(base), seed=len(run.id))
    (folder / "report.json").write_text(json.dumps({"verdict": verdict, "checks": []}))
    (folder / "config.json").write_text(json.dumps({"model": str(base), "parent": asked["adapter"]}))
    return run.id


def candidate(services: Services, base: Path, *, passed: bool = True) -> str:
    run = finish_run(services, base, passed=passed)
    return take_in(run, services.runs.folder(run), database=services.database, registry=services.registry)


def test_a_fresh_home_tells_how_it_stands(shared: Services) -> None:
    told = endpoints.status(shared, ADMIN, "default")
    assert (told["assistant"], told["adapter"], told["run"], told["pairs_ready"]) == ("default", None, None, 0)
    assert told["documents"] > 0 and told["chunks"] >= told["documents"]
    assert told["missing"].startswith("There is too little feedback")


def test_too_little_feedback_starts_no_run(shared: Services) -> None:
    with pytest.raises(BadInput, match="too little feedback"):
        endpoints.retrain(shared, ADMIN, "default")
    assert endpoints.runs(shared, ADMIN, "default")["runs"] == []


def test_teaching_composes_the_examples_and_starts_a_run(services: Services) -> None:
    lines = [{"question": f"Where are my documents, number {n}?", "answer": f"In folder {n}."} for n in range(10)]
    file = Upload(name="a.jsonl", data=b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    services.runs.close()  # nothing trains here
    started = endpoints.teach(services, ADMIN, "default", [file], variant="dora")
    assert (started["method"], started["state"], started["counts"]["lessons"]) == ("sft", "queued", 7)
    row = read(services.runs.folder(started["run"]) / "train_lessons.jsonl")[0]
    assert "[1] " in row["prompt"][-1]["content"], "with sources from the assistant's own documents"
    with pytest.raises(Conflict, match="already being retrained"):
        endpoints.teach(services, ADMIN, "default", [Upload(name="b.jsonl", data=b"not even read")])
    endpoints.cancel(services, ADMIN, started["run"])
    for arguments, sentence in (
        (([Upload(name="b.jsonl", data=b"{}")],), "Line 1 of b.jsonl"),
        (([file], True), "0 of 8 preference pairs"),
        (([file], "yes"), "must be true or false"),
        (([file], False, "qlora"), "must be one of lora, dora, rslora"),
        (((),), "0 of 8 corrections and approved answers"),
        (([Upload(name="empty.jsonl", data=b"")],), "0 of 8 examples"),
    ):
        with pytest.raises(BadInput, match=sentence):
            endpoints.teach(services, ADMIN, "default", *arguments)


def test_a_candidate_is_promoted_answers_and_is_rolled_back(services: Services, base: Path) -> None:
    name = candidate(services, base)
    assert endpoints.adapters(services, ADMIN, "default")["adapters"][0]["state"] == "candidate"
    promoted = endpoints.promote(services, ADMIN, name)
    assert (promoted["adapter"], promoted["version"], promoted["state"]) == ("default-v1", 1, "active")
    *_, last = endpoints.chat(services, GUEST, "Where are my documents?")
    assert last["adapter"] == "default-v1"
    assert endpoints.rollback(services, ADMIN, "default") == {"assistant": "default", "adapter": None, "version": None}
    *_, last = endpoints.chat(services, GUEST, "Where are my documents?")
    assert last["adapter"] is None
    with pytest.raises(Conflict, match="nothing to roll back to"):
        endpoints.rollback(services, ADMIN, "default")


def test_a_candidate_is_rejected_for_good(services: Services, base: Path) -> None:
    name = candidate(services, base)
    assert endpoints.reject(services, ADMIN, name)["state"] == "rejected"
    with pytest.raises(Conflict, match="rejected"):
        endpoints.promote(services, ADMIN, name)


def test_a_candidate_goes_live_by_itself_only_by_rule_and_gate(services: Services, base: Path) -> None:
    candidate(services, base)
    assert endpoints.status(services, ADMIN, "default")["adapter"] is None
    endpoints.set_schedule(services, ADMIN, "default", min_new_pairs=5, auto_promote=True)
    candidate(services, base, passed=False)
    assert endpoints.status(services, ADMIN, "default")["adapter"] is None
    assert candidate(services, base) == endpoints.status(services, ADMIN, "default")["adapter"] == "default-v3"
    endpoints.set_schedule(services, ADMIN, "default", min_new_pairs=5, auto_promote=True, enabled=False)
    candidate(services, base)
    assert endpoints.status(services, ADMIN, "default")["adapter"] == "default-v3"


def test_runs_are_told_and_one_that_ended_stays_as_it_is(services: Services, base: Path) -> None:
    run = finish_run(services, base)
    assert endpoints.run(services, ADMIN, run)["report"]["verdict"]["passed"]
    assert endpoints.cancel(services, ADMIN, run)["state"] == "done"
    assert [each["run"] for each in endpoints.runs(services, ADMIN, "default")["runs"]] == [run]
    for call in (endpoints.run, endpoints.cancel):
        with pytest.raises(NotFound):
            call(services, ADMIN, "0" * 32)


def test_a_schedule_is_kept_and_told_in_words(services: Services) -> None:
    assert not endpoints.schedule(services, ADMIN, "default")["enabled"]
    kept = endpoints.set_schedule(services, ADMIN, "default", cron="30 3 * * 1", min_new_pairs=12)
    assert kept == endpoints.schedule(services, ADMIN, "default")
    assert "12 new preferences" in kept["says"] and kept["next_due_at"]


@pytest.mark.parametrize(
    "changes",
    [
        {"cron": "sometimes"},
        {"cron": 7},
        {"min_new_pairs": -1},
        {"min_new_pairs": 2.5},
        {"min_new_pairs": "many"},
        {"min_new_pairs": float("nan")},
        {"cron": "", "min_new_pairs": 0},
        {"auto_promote": "yes"},
        {"enabled": None},
    ],
)
def test_a_schedule_that_cannot_work_is_refused(shared: Services, changes: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        endpoints.set_schedule(shared, ADMIN, "default", **changes)  # type: ignore[arg-type]
    assert str(refused.value).endswith(".")
    assert not endpoints.schedule(shared, ADMIN, "default")["enabled"]


@pytest.mark.parametrize("caller", [GUEST, Caller("m1", "ann", "member")])
def test_only_admins_read_or_change_what_is_not_theirs(shared: Services, caller: Caller) -> None:
    guarded = set(endpoints.__all__) - {"chat", "retry", "rate", "correct", "compare", "source", "my_data", "forget"}
    guarded -= {"assistants"}
    second = {"ingest": ([],), "update_assistant": ({},)}
    second |= dict.fromkeys(("delete_document", "leave_out", "reword", "import_assistant"), ("x",))
    for name in guarded:
        with pytest.raises(NotAllowed):
            getattr(endpoints, name)(shared, caller, "default", *second.get(name, ()))


def test_the_stream_of_a_reply_ends_when_it_is_closed(services: Services) -> None:
    stream = endpoints.chat(services, GUEST, "Where are my documents?")
    first = next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    with services.database.read() as session:
        assert records.reply(session, first["reply"])[1].state is ReplyState.stopped


def test_the_admin_rates_the_answers_of_others(services: Services) -> None:
    *_, last = endpoints.chat(services, GUEST, "Where are my documents?")
    assert endpoints.rate(services, ADMIN, last["reply"], "up")["value"] == "up"
    with pytest.raises(NotFound):
        endpoints.rate(services, Caller("guest-2", "guest", "guest"), last["reply"], "up")


def test_the_admin_leaves_a_rating_out_and_words_a_correction_better(services: Services) -> None:
    *_, last = endpoints.chat(services, GUEST, "Where are my documents?")
    endpoints.rate(services, GUEST, last["reply"], "up")
    endpoints.correct(services, GUEST, last["reply"], "in one folder")

    def pairs() -> tuple[int, dict[str, int]]:
        told = endpoints.status(services, ADMIN, "default")
        return told["pairs_ready"], told["left_out"]

    assert endpoints.leave_out(services, ADMIN, "rating:1", " Not serious ") == {
        "row": "rating:1",
        "left_out": True,
        "reason": "Not serious",
    }
    assert pairs() == (1, {"by_admin": 1})
    assert endpoints.reword(services, ADMIN, "correction:1", "In one folder.")["text"] == "In one folder."
    assert pairs() == (1, {"by_admin": 2})
    assert endpoints.take_back_rewording(services, ADMIN, last["reply"])["taken_back"]
    assert not endpoints.use_again(services, ADMIN, "rating:1")["left_out"]
    assert pairs() == (1, {})
    for call, arguments, sentence in (
        (endpoints.leave_out, ("rating:1", ""), "reason is empty"),
        (endpoints.leave_out, ("rating:1", "x" * 501), "at most 500"),
        (endpoints.leave_out, (None, "x"), "row must be text"),
        (endpoints.use_again, ("person:1",), "names nothing that people said"),
        (endpoints.reword, ("correction:1", {}), "correction must be text"),
    ):
        with pytest.raises(BadInput, match=sentence):
            call(services, ADMIN, *arguments)  # type: ignore[operator]
    with pytest.raises(NotFound):
        endpoints.take_back_rewording(services, ADMIN, "gone")


def test_whole_numbers_are_whole() -> None:
    assert inputs.whole_number(20.0, "number", low=0, high=30) == 20
    with pytest.raises(BadInput):
        inputs.whole_number(True, "number", low=0, high=30)


def test_what_fell_due_while_nothing_ran_is_looked_at_by_the_next_start(home: Path, base: Path) -> None:
    with open_services(home, model=str(base)) as services:
        endpoints.set_schedule(services, ADMIN, "default", cron="0 4 * * *", min_new_pairs=1)
        with services.database.write() as session:
            session.exec(update(Schedule).values(next_due_at=utc_now() - timedelta(days=3)))
    with open_services(home, model=str(base)) as services:

        def is_looked_at() -> bool:
            return bool(endpoints.schedule(services, ADMIN, "default")["last_due_at"])

        eventually(is_looked_at)
