"""A run done again from its frozen folder, to see whether it gives the same adapter; nothing of it is kept.

It is trained by the same child process as the run, with as many threads; the gate is left out.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from assistant.database import new_id
from assistant.errors import BadInput, Conflict, NotFound, ThumbloopError
from retrain.child import Child, how_it_died, last_told, read_json, spawn_worker
from retrain.dataset import CONFIG, FROZEN, KEPT, REHEARSAL, RESULT, STAYING, write_synced
from retrain.made import MADE, differences
from retrain.supervisor import Spawn

LOOK_EVERY_S = 0.5
SHOWN = 12
"""Digits of a hash."""
NOTHING_TO_COMPARE = "Run {run} has not made an adapter, so there is nothing to compare with. Choose one that is done."
UNKNOWN = "nothing that is recorded differs, so this machine does not compute the same twice"


@dataclass(frozen=True)
class Replayed:
    """Whether the adapter is the same, and that in a sentence, with what else differs."""

    same: bool
    sentence: str


def find_folder(runs_dir: Path, run: str) -> Path:
    """The folder of the run whose id begins so. Raises `NotFound`, and `Conflict` if several do."""
    found = [path for path in runs_dir.glob("*") if path.is_dir() and run and path.name.startswith(run)]
    if not found:
        raise NotFound(f"There is no folder of a run {run!r}. Its id is on the Retrain page and was told by `retrain`.")
    if len(found) > 1:
        raise Conflict(f"The ids of {len(found)} runs begin with {run!r}. Give more of the id.")
    return found[0]


def replay(folder: Path, *, on_share: Callable[[float], None], spawn: Spawn = spawn_worker) -> Replayed:
    """Train again what a run trained, in a folder beside it that is removed at the end.

    Raises `BadInput` for a run that made no adapter, and `ThumbloopError` if training fails now.
    """
    before = read_json(folder / MADE)
    if before is None:
        raise BadInput(NOTHING_TO_COMPARE.format(run=folder.name))
    fresh = folder.with_name(new_id())
    try:
        fresh.mkdir()
        for name in (*FROZEN, REHEARSAL, STAYING, KEPT):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, fresh / name)
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config |= {"threads": before["by"]["threads"], "replay": True}
        write_synced(fresh / CONFIG, json.dumps(config).encode())
        _train(fresh, spawn=spawn, on_share=on_share)
        after = json.loads((fresh / MADE).read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    hashes = [each["sha256"][:SHOWN] for each in (after, before)]
    different = differences(before, after)
    if before["sha256"] == after["sha256"]:
        beside = f", although {'; '.join(different)}" if different else ""
        return Replayed(True, f"The same adapter: its hash begins with {hashes[0]} again{beside}.")
    return Replayed(
        False,
        f"Another adapter: its hash begins with {hashes[0]}, and that of the run's with {hashes[1]}; "
        f"{'; '.join(different) or UNKNOWN}.",
    )


def _train(folder: Path, *, spawn: Spawn, on_share: Callable[[float], None]) -> None:
    """Let a child work through the folder, and wait for it."""
    child = Child(folder.name, folder, spawn(folder))
    try:
        while child.process.poll() is None:
            sleep(LOOK_EVERY_S)
            os.utime(folder)  # an app that starts meanwhile takes a folder without a row for a leftover if it is old
            on_share(float(last_told(folder).get("share") or 0))
    finally:
        child.end()
        status = child.close()
    result = read_json(folder / RESULT)
    if result is None:
        raise ThumbloopError(how_it_died(status))
    if result["state"] != "done":
        raise ThumbloopError(result["error"] or "The replay was cancelled.")
