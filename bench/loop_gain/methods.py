"""The same feedback through other methods of training: the product's own worker, with another recipe."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assistant import records
from assistant.database import open_database
from assistant.errors import ThumbloopError
from bench.loop_gain.app import SLUG
from feedback.evidence import gather
from feedback.pairs import build_pairs
from retrain.child import Child, read_json, spawn_worker
from retrain.dataset import ADAPTER, CONFIG, REPORT, RESULT, freeze
from retrain.recipe import Recipe

FREE: dict[str, Any] = {"hold": 0.0, "rehearsal": 0, "own_replies": 0, "drift": None}
PLAIN = FREE | {"loss_types": ["sigmoid"], "loss_weights": [1.0], "edit": 0.0}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpo": ("dpo", PLAIN),
    "dpo+nll": ("dpo", PLAIN | {"loss_types": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]}),
    "robust": ("dpo", PLAIN | {"loss_types": ["robust"], "label_smoothing": 0.15}),
    "edits": ("dpo", FREE),
    "pairs-only": ("dpo", {"own_replies": 0}),
    "kto": ("kto", {"drift": None}),
}
"""By what it is called here: the method of a run, and what is changed in its recipe."""


def train_by(name: str, *, home: Path, run: str, folder: Path) -> dict[str, Any]:
    """Train on what people said in a home folder, as a run of it was trained; the report. Nothing of the home changes.

    Raises `ThumbloopError` where the worker failed.
    """
    method, changes = METHODS[name]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = json.loads((home / "runs" / run / CONFIG).read_text(encoding="utf-8"))
    database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
    try:
        with database.read() as session:
            pair_set = build_pairs(gather(session, records.assistant_by_slug(session, SLUG).id))
    finally:
        database.close()
    freeze(pair_set, folder, method=method, seed=config["seed"])
    recipe = Recipe.of({"seed": config["seed"], **changes}, method=method)
    config |= {"method": method, "recipes": {method: asdict(recipe)}}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    Child(run, folder, spawn_worker(folder)).close()
    result = read_json(folder / RESULT) or {"state": "failed", "error": "The worker left no result."}
    if result["state"] != "done" or not (folder / ADAPTER).is_dir():
        raise ThumbloopError(f"Training by {name} failed: {result['error']} {folder}/worker.log says more.")
    return read_json(folder / REPORT) or {}
