"""The child process of one run: `python -m retrain.worker FOLDER` trains, puts the candidate to the gate, and ends.

A run's method is one or two methods of training, such as `sft+dpo`; the second goes on from what the first made.

All it knows is in the run's folder (`config.json` and the frozen rows), and all it tells goes there: `progress.jsonl`
and `worker.log` as it goes, `adapter/`, `made.json`, `influence.jsonl` and `report.json`, and `result.json` last, in
one step. It opens no database. It ends at once when asked to (SIGTERM), and when whoever started it dies (its standard
input closes). A replay (`retrain.replay`) ends once it has trained.
"""

import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from assistant import adapters
from assistant.batching import BatchingEngine
from assistant.database import utc_now
from assistant.errors import ThumbloopError
from assistant.knowledge.embedding import Embedder
from retrain import gate
from retrain.dataset import (
    ADAPTER,
    CONFIG,
    HELD_OUT,
    INFLUENCE,
    PROGRESS,
    REPORT,
    RESULT,
    ROWS_OF,
    read,
    write_synced,
)
from retrain.influence import weigh
from retrain.learning import LEARNED, TAUGHT, Learning
from retrain.made import MADE, record
from retrain.recipe import Recipe
from retrain.training import Step

log = logging.getLogger(__name__)

ORPHANED = 3
"""Exit status of a child whose parent died; no result is written, so that the run can be taken up again."""
NICENESS = 10
LOCK_TIMEOUT_S = 60
TRAINING_SHARE = 0.5
"""Of a run's time, about; the rest is the gate's."""


def main(folder: Path) -> None:
    """Work through a run's folder and write its result there. Never raises for what goes wrong in the run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    signal.signal(signal.SIGTERM, lambda *_: _end_cancelled(folder))
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _give_way()
    torch.set_flush_denormal(True)  # or a tenth of the time goes into numbers next to nothing; new threads do so, too
    with FileLock(folder / ".lock", timeout=LOCK_TIMEOUT_S):  # an orphan of an earlier attempt may still be ending
        _clear(folder)
        try:
            _work(folder, json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        except Exception as exc:
            log.exception("run %s failed", folder.name)
            _write_result(folder, {"state": "failed", "error": in_a_sentence(exc)})
        else:
            _write_result(folder, {"state": "done", "error": ""})


def _give_way() -> None:
    """Let chat go first. Linux may weigh sessions before it looks at processes, and this one has its own."""
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")


def in_a_sentence(exc: Exception) -> str:
    """What happened, why and what to do, for a person."""
    if isinstance(exc, ThumbloopError):
        return str(exc)
    if isinstance(exc, MemoryError | torch.OutOfMemoryError):
        return "Training ran out of memory. Close other programs, or choose a smaller model, and start again."
    if isinstance(exc, OSError) and exc.errno == ENOSPC:
        return "The disk is full, so training could not go on. Free some space and start again."
    return "Training failed unexpectedly. The run's log says where; the ratings are untouched, so you can start again."


def _work(folder: Path, config: Mapping[str, Any]) -> None:
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    start = Path(config["start"]) if config["start"] else None
    if start is not None:
        adapters.check(start, model=config["model"])

    _tell(folder, {"state": "training"})
    figures = Learning(folder, config, tell=partial(_tell_step, folder, config)).run(start)
    record(folder)
    if config.get("replay"):
        return
    _tell_examined(folder, 0.0, trained=figures)
    _weigh(folder, config)
    _examine(folder, config, trained=figures)


def _tell_step(folder: Path, config: Mapping[str, Any], step: Step, share: float, kl_budget: float | None) -> None:
    share = round((1 if config.get("replay") else TRAINING_SHARE) * share, 3)
    _tell(folder, {"state": "training", "share": share, "kl_budget": kl_budget, **asdict(step)})


def _weigh(folder: Path, config: Mapping[str, Any]) -> None:
    """Find which rows pulled the candidate where."""
    methods = config["method"].split("+")
    weigh(
        folder,
        model=config["model"],
        adapter=folder / ADAPTER,
        rows=[row for method in methods for row in read(folder / ROWS_OF[method])],
        held_out=read(folder / HELD_OUT),
        recipe=Recipe.of(config["recipes"][methods[-1]]),
    )


def _examine(folder: Path, config: Mapping[str, Any], *, trained: Mapping[str, Any]) -> None:
    subject = gate.Subject(
        model=config["model"],
        candidate=folder / ADAPTER,
        active=Path(config["adapter"]) if config["adapter"] else None,
        system=config["system"],
        temperature=config["temperature"],
        top_p=config["top_p"],
        seed=config["seed"],
        taught="sft" in config["method"],
    )
    told = 0.0

    def tell_share(share: float) -> None:
        nonlocal told
        if share - told >= 0.02:
            told = share
            _tell_examined(folder, share, trained=trained)

    engine = BatchingEngine(folder, threads=config["threads"])
    try:
        gate.examine(
            folder,
            subject,
            engine=engine,
            embedding=Embedder(config["embedding"]) if config["embedding"] else None,
            on_progress=tell_share,
            effort=gate.Effort(**config.get("effort", {})),
        )
    finally:
        engine.close()


def _tell_examined(folder: Path, done: float, *, trained: Mapping[str, Any]) -> None:
    share = TRAINING_SHARE + (1 - TRAINING_SHARE) * done
    _tell(folder, {"state": "evaluating", "share": round(share, 3), "done": round(done, 3), "trained": trained})


def _tell(folder: Path, said: Mapping[str, Any]) -> None:
    with (folder / PROGRESS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": utc_now().isoformat(), **said}) + "\n")


def _clear(folder: Path) -> None:
    """Remove what an earlier attempt left."""
    for name in (ADAPTER, TAUGHT, *LEARNED):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (PROGRESS, RESULT, MADE, INFLUENCE, REPORT):
        (folder / name).unlink(missing_ok=True)


def _write_result(folder: Path, result: Mapping[str, str]) -> None:
    write_synced(folder / RESULT, json.dumps(result).encode())


def _end_cancelled(folder: Path) -> None:
    _write_result(folder, {"state": "cancelled", "error": ""})
    os._exit(0)


def _die_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through the buffer, whose lock would disturb an orderly end
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
