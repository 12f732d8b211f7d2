"""The child process of a run, as its supervisor sees it: how to start it, what it told, and how it ended.

What the child does is `retrain.worker`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import retrain
from retrain.dataset import LOG, PROGRESS

GRACE_S = 3.0
"""How long a child may take to end when asked to, before it is killed."""
TUNED = {
    "GOMP_SPINCOUNT": "20000",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""How GNU's libraries wait and allocate in a child. A thread of its arithmetic that waits for another looks again so
often before it sleeps: to sleep at once makes training half as slow again, to wait much longer holds a core that chat
wants. Memory that is free again is kept for the next step, which is a tenth faster."""
REPEATABLE = {"PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""So that the same run gives the same adapter: PEFT writes the names of an adapter's modules in the order of a set, and
cuBLAS adds up in the same order each time only with a workspace of its own."""
SECRETS = ("THUMBLOOP_ADMIN_PASSWORD", "THUMBLOOP_DATABASE_URL")


class Child:
    """A training process at work in a run's folder."""

    def __init__(self, run_id: str, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.run_id = run_id
        self.folder = folder
        self.process = process

    def end(self) -> None:
        """Ask it to end, and make it."""
        self.process.terminate()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """Make it end now."""
        self.process.kill()
        self.close()

    def close(self) -> int:
        """Wait for its end; its exit status."""
        status = self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        return status


def spawn_worker(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the child of a run: it gets a pipe whose end tells it that we died, and none of our secrets."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    root = str(Path(retrain.__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = {**TUNED, **environment, **REPEATABLE}
    with (folder / LOG).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "retrain.worker", str(folder.resolve())],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )


def how_it_died(status: int) -> str:
    """Why a child left no result, from its exit status, for a person."""
    if status < 0:
        return (
            f"The training process was killed (signal {-status}); most often the machine was out of memory. "
            "Close other programs, and press Retrain again: the ratings are untouched."
        )
    return (
        f"The training process ended unexpectedly (exit status {status}). The run's log says more. "
        "Press Retrain again: the ratings are untouched."
    )


def read_progress(folder: Path) -> list[dict[str, Any]]:
    """All that the child told so far, in order."""
    path = folder / PROGRESS
    if not path.is_file():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]  # the last line may be half written
    return [json.loads(line) for line in whole.splitlines()]


def last_told(folder: Path) -> dict[str, Any]:
    """The last thing that the child told."""
    told = read_progress(folder)
    return told[-1] if told else {}


def read_json(path: Path) -> dict[str, Any] | None:
    """A file that the child may have written."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
