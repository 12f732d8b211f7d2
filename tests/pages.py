"""Runs, versions and what taught them as rows and files, for tests and pictures of the pages: nothing is trained."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from assistant import records
from assistant.tables import Assistant, Message
from feedback import ratings
from feedback.tables import Rating
from retrain.serving import set_trial
from retrain.tables import Adapter, AdapterState, Promotion, Run, RunState
from tests.builders import add_turn
from ui.services import Services

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def check(name: str, figure: float, limit: float, sentence: str, *, at_least: bool = False) -> dict[str, Any]:
    """A check of the gate, as a report stores it."""
    passed = figure >= limit if at_least else figure <= limit
    return {
        "name": name,
        "figure": figure,
        "limit": limit,
        "at_least": at_least,
        "passed": passed,
        "sentence": sentence,
    }


REPORT: dict[str, Any] = {
    "verdict": {"passed": True, "sentence": "The new version passed every check."},
    "checks": [
        check("fluency", 1.02, 1.1, "It writes as fluently as before."),
        check("variety", 0.97, 0.6, "Its words are 97% as varied as before.", at_least=True),
        check("loops", 0.0, 0.1, "0% of its replies end in a loop (before: 0%)."),
        check("preference", 4, 4, "On 4 of 5 preferences kept for the test it leans towards the answer that people "
              "preferred; 4 are needed to be more than chance.", at_least=True),
    ],
    "method": {"against": None},
    "examples": {
        "held_out": [
            {
                "prompt": "Where is it?",
                "before": "Somewhere, or elsewhere. <script>alert(1)</script>",
                "after": "In one folder [1].",
                "chosen": "In one folder.",
                "rejected": "Somewhere.",
            },
            {
                "prompt": "What does a late power tool cost?",
                "before": "It costs one euro for each day that it is late, and a fee.",
                "after": "It costs three euros for each day that it is late [1].",
                "chosen": "Three euros a day [1].",
                "rejected": "One euro.",
            },
        ],
        "neutral": [{"prompt": "Name three fruits.", "before": "Apple, pear, plum.", "after": "Apple, pear, plum."}],
        "grounded": [],
    },
}  # fmt: skip
SAID = (
    ("How long may I keep a drill?", "As long as you like.", "Four days [1]."),
    ("Is there a discount for students?", "I don't find that.", "Yes: 12 euros a year instead of 24 [1]."),
    ("When are you open on Saturdays?", "From nine until noon.", ""),
    ("Who pays for a worn saw blade?", "You do.", ""),
)
"""Question, answer, and what it should have said, if somebody said so."""


def a_run_elsewhere(services: Services) -> str:
    """A run that goes, supervised by another machine, at step 3 of 10; its id."""
    told: list[dict[str, Any]] = [{"at": BEGAN.isoformat(), "state": "training"}]
    told += [_step(step, 10) for step in (1, 2, 3)]
    return run_that_told(services, told, log="<loading> the model\n", counts={"train": 20, "held_out": 5})


def run_that_told(services: Services, told: list[dict[str, Any]], *, log: str, **columns: Any) -> str:
    """A run that another machine supervises, so that nothing here takes it up, and that told this so far; its id."""
    with services.database.write() as session:
        run = Run(
            assistant_id=records.assistant_by_slug(session, "default").id,
            state=RunState.training,
            method="dpo",
            asked_by="admin",
            progress=told[-1],
            lease_owner="another-machine:1:1",
            lease_until=datetime(2999, 1, 1, tzinfo=UTC),
            **columns,
        )
        session.add(run)
    folder = services.runs.folder(run.id)
    folder.mkdir(parents=True)
    (folder / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told), encoding="utf-8")
    (folder / "worker.log").write_text(log, encoding="utf-8")
    return run.id


def _step(step: int, of: int) -> dict[str, Any]:
    """What a child tells of a step; each takes 8 seconds."""
    return {
        "at": (BEGAN + timedelta(seconds=8 * step)).isoformat(),
        "state": "training",
        "share": round(step / of / 2, 3),
        "step": step,
        "of": of,
        "loss": round(0.8 - 0.1 * step, 3),
        "margin": round(0.06 * step, 3),
        "accuracy": round(min(0.5 + step / 15, 1.0), 3),
        "kl": round(0.005 * step, 4) if step % 2 == 0 else None,
        "kl_budget": 0.5,
        "seconds_left": 8.0 * (of - step),
    }


def tell_of_another_step(services: Services, run_id: str) -> None:
    """Let that run come to step 4."""
    told = _step(4, 10)
    with services.database.write() as session:
        session.get_one(Run, run_id).progress = told
    with (services.runs.folder(run_id) / "progress.jsonl").open("a") as file:
        file.write(json.dumps(told) + "\n")


def a_candidate(services: Services) -> str:
    """A run that ended well and the candidate it made, whose files are missing; the adapter's id."""
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        return _version(session, asked, 1, parent=None, state=AdapterState.candidate)


def a_family(services: Services) -> tuple[str, ...]:
    """Five versions: v1 was replaced by v3, which answers; v2 was rejected, v4 waits, and v5 is on trial; their ids.

    Some answers of each are rated, and v5 says what taught it. Their weights are missing.
    """
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        states = AdapterState
        first = _version(session, asked, 1, parent=None, state=states.archived)
        second = _version(session, asked, 2, parent=first, state=states.rejected)
        third = _version(session, asked, 3, parent=first, state=states.active)
        fourth = _version(session, asked, 4, parent=third, state=states.candidate)
        fifth = _version(session, asked, 5, parent=third, state=states.candidate)
        for before, after in ((None, first), (first, third)):
            session.add(Promotion(assistant_id=asked.id, before=before, after=after, kind="promote", by="admin"))
        asked.adapter = third
        session.flush()
        set_trial(session, asked, of=session.get_one(Adapter, fifth), share=0.1, by="admin")
        session.flush()
        for adapter, up, down in ((None, 2, 4), (first, 3, 2), (third, 9, 3), (fifth, 4, 0)):
            _rate(session, asked, adapter, up=up, down=down)
        rows = _rows_that_teach(session, asked)
    folder = services.settings.adapters_dir / fifth
    folder.mkdir(parents=True)
    (folder / "rows.json").write_text(json.dumps(rows))
    _pulled(services, fifth, rows)
    return first, second, third, fourth, fifth


def _pulled(services: Services, adapter: str, rows: Sequence[str]) -> None:
    """Let the run of an adapter say where these ratings pulled it: the corrections against the rest, the last most."""
    with services.database.read() as session:
        run = session.get_one(Adapter, adapter).run_id
    assert run
    folder = services.runs.folder(run)
    folder.mkdir(parents=True)
    lines = [
        {"rows": [row], "pull": round((-0.4 if row.startswith("correction") else 0.02) * int(row.partition(":")[2]), 2)}
        for row in rows
    ]
    (folder / "influence.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _version(session: Session, asked: Assistant, number: int, *, parent: str | None, state: AdapterState) -> str:
    run = Run(
        assistant_id=asked.id,
        state=RunState.done,
        method="dpo",
        asked_by="admin",
        counts={"train": 20, "held_out": 5},
        report=REPORT,
        adapter=f"{asked.slug}-v{number}",
        created_at=BEGAN + timedelta(days=number),
        finished_at=BEGAN + timedelta(days=number, minutes=4),
    )
    session.add(run)
    session.flush()
    adapter = Adapter(
        id=f"{asked.slug}-v{number}",
        assistant_id=asked.id,
        version=number,
        state=state,
        parent=parent,
        run_id=run.id,
        model="default",
        sha256="0",
        created_at=BEGAN + timedelta(days=number, minutes=4),
    )
    session.add(adapter)
    session.flush()
    return adapter.id


def _rate(session: Session, asked: Assistant, adapter: str | None, *, up: int, down: int) -> None:
    for number in range(up + down):
        question, wrong, right = SAID[number % len(SAID)]
        liked = number < up
        reply = add_turn(session, asked, question, (right or wrong) if liked else wrong, adapter=adapter)
        value = "up" if liked else "down"
        ratings.rate(session, reply.id, rater=f"person-{number}", value=value, any_owner=True)


def _rows_that_teach(session: Session, asked: Assistant) -> list[str]:
    """Thumbs, some with words, and corrections; all thumbs so far come with them."""
    corrected = 0
    for question, wrong, right in SAID:
        reply: Message = add_turn(session, asked, question, wrong)
        ratings.rate(
            session, reply.id, rater="ann", value="down", reasons=["wrong"], comment="That is not so.", any_owner=True
        )
        if right:
            ratings.correct(session, reply.id, rater="ann", text=right, any_owner=True)
            corrected += 1
    session.flush()
    thumbs = session.exec(select(func.max(col(Rating.id)))).one() or 0
    return [f"rating:{row}" for row in range(1, thumbs + 1)] + [f"correction:{row}" for row in range(1, corrected + 1)]
