"""An assistant with its registry and finished runs, for tests of what becomes of versions; weights are tiny."""

import json
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from assistant.database import Database
from assistant.fake_engine import FakeEngine
from assistant.tables import Assistant
from retrain.registry import Registry
from retrain.tables import Promotion, Run, RunState
from tests.builders import add_assistant
from tests.tiny import save_tiny_adapter

PASSED = {"passed": True, "sentence": "The candidate passed every check."}
FAILED = {"passed": False, "sentence": "The candidate must not go live."}


class House:
    """An assistant with its registry, and finished runs to register."""

    def __init__(self, database: Database, folder: Path, base: str) -> None:
        self.database = database
        self.folder = folder
        self.base = base
        self.engine = FakeEngine()
        self.adapters_dir = folder / "adapters"
        self.registry = Registry(database, self.engine, adapters_dir=self.adapters_dir, resolve=lambda _name: base)
        with database.write() as session:
            self.assistant_id = add_assistant(session).id

    def finish_run(
        self, *, verdict: dict[str, Any] = PASSED, parent: str | None = None, rows: tuple[str, ...] = ()
    ) -> str:
        """A run that is done, with its folder; its id."""
        with self.database.write() as session:
            run = Run(assistant_id=self.assistant_id, asked_by="ann", state=RunState.done, report={"verdict": verdict})
            session.add(run)
        folder = self.run_folder(run.id)
        save_tiny_adapter(folder / "adapter", self.base, seed=len(list(self.folder.glob("run-*"))))
        (folder / "adapter" / "manifest.json").unlink()
        checks = [{"name": "fluency", "figure": 1.02, "limit": 1.1, "passed": True, "sentence": "Fine."}]
        (folder / "report.json").write_text(json.dumps({"verdict": verdict, "checks": checks}), encoding="utf-8")
        (folder / "config.json").write_text(json.dumps({"model": self.base, "parent": parent}), encoding="utf-8")
        lines = [json.dumps({"rows": [row]}) + "\n" for row in rows]
        (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "held_out.jsonl").write_text(json.dumps({"rows": ["rating:999"]}) + "\n", encoding="utf-8")
        return run.id

    def run_folder(self, run_id: str) -> Path:
        return self.folder / f"run-{run_id}"

    def add(self, **changes: Any) -> str:
        """Register a finished run; the adapter's id."""
        run_id = self.finish_run(**changes)
        return self.registry.register(run_id, self.run_folder(run_id)).id

    @property
    def serves(self) -> str | None:
        with self.database.read() as session:
            return session.get_one(Assistant, self.assistant_id).adapter

    @property
    def states(self) -> dict[str, str]:
        return {adapter.id: adapter.state.value for adapter in self.registry.adapters(self.assistant_id)}

    @property
    def history(self) -> list[tuple[str, str | None, str | None]]:
        with self.database.read() as session:
            rows = session.exec(select(Promotion).order_by(col(Promotion.id))).all()
        return [(row.kind, row.before, row.after) for row in rows]
