"""Runs and candidates as rows and files, for tests of the pages: nothing is trained."""

import json
from datetime import UTC, datetime
from typing import Any

from assistant import records
from retrain.tables import Adapter, AdapterState, Run, RunState
from ui.services import Services

REPORT: dict[str, Any] = {
    "verdict": {"passed": True, "sentence": "The candidate passed every check."},
    "checks": [
        {
            "name": "fluency",
            "figure": 1.02,
            "limit": 1.1,
            "passed": True,
            "sentence": "It writes as fluently as before.",
        }
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
            }
        ],
        "neutral": [],
        "grounded": [],
    },
}


def a_run_elsewhere(services: Services) -> str:
    """A run that goes, supervised by another machine, at step 3 of 10; its id."""
    with services.database.write() as session:
        run = Run(
            assistant_id=records.assistant_by_slug(session, "default").id,
            state=RunState.training,
            method="dpo",
            asked_by="admin",
            counts={"train": 20, "held_out": 5},
            lease_owner="another-machine:1:1",
            lease_until=datetime(2999, 1, 1, tzinfo=UTC),
        )
        told = [
            {"state": "training", "step": step, "of": 10, "loss": loss, "kl": kl, "seconds_left": 123.0}
            for step, loss, kl in ((1, 0.7, None), (2, 0.6, 0.01), (3, 0.5, None))
        ]
        run.progress = told[-1]
        session.add(run)
    folder = services.runs.folder(run.id)
    folder.mkdir(parents=True)
    (folder / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    (folder / "worker.log").write_text("<loading> the model\n")
    return run.id


def tell_of_another_step(services: Services, run_id: str) -> None:
    """Let that run come to step 4."""
    with services.database.write() as session:
        run = session.get(Run, run_id)
        assert run is not None
        run.progress = {**run.progress, "step": 4}


def a_candidate(services: Services) -> str:
    """A run that ended well and the candidate it made, whose files are missing; the adapter's id."""
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        run = Run(
            assistant_id=asked.id,
            state=RunState.done,
            method="dpo",
            asked_by="admin",
            report=REPORT,
            adapter="default-v1",
            finished_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        session.add(run)
        session.flush()
        adapter = Adapter(
            id="default-v1",
            assistant_id=asked.id,
            version=1,
            state=AdapterState.candidate,
            run_id=run.id,
            model="default",
            sha256="0",
        )
        session.add(adapter)
    return adapter.id
