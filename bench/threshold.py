"""Where a question is taken to have no answer in the documents: the least match that is learned on data.

    python -m bench.threshold [--models FOLDER]

Questions of `teaching/` are asked of its documents by the product's own retrieval. For some shares of answerable
questions that a threshold on the best match would refuse, it prints that threshold, and the share of the unanswerable
(`none`) that it refuses: for sentences and for passages.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from assistant import records
from assistant.database import open_database
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.knowledge import Knowledge, Passage, Upload
from assistant.knowledge.embedding import Embedder
from bench.options import Models, models_folder

TEACHING = Path(__file__).parents[1] / "teaching"
ANSWERABLE = ("fact", "number", "list", "two", "disagree")
REFUSED = (0.005, 0.01, 0.02, 0.03, 0.05)


def main(models: Models = None) -> None:
    """Print thresholds for the best match and what each refuses."""
    rows = [row for name in ("examples", "held_out") for row in _rows(TEACHING / f"{name}.jsonl")]
    with TemporaryDirectory(prefix="thumbloop-bench-") as home:
        database = open_database(f"sqlite:///{home}/thumbloop.db")
        database.migrate()
        with database.write() as session:
            asked = records.create_assistant(session, slug="bench", name="Bench", system_prompt="Bench.").id
        embedder = Embedder(str(require(models_folder(models), DEFAULT_EMBEDDING)))
        knowledge = Knowledge(database, index_dir=Path(home) / "index", embedder=embedder)
        files = sorted((TEACHING / "documents").glob("*.md"))
        knowledge.ingest(asked, [Upload(file.name, file.read_bytes()) for file in files])
        for name, search in (("sentences", knowledge.sentences), ("passages", knowledge.search)):
            known, unknown = (
                [
                    _best(search, asked, row["question"])
                    for row in track(rows, description=name, console=Console(stderr=True))
                    if row["kind"] in kinds
                ]
                for kinds in (ANSWERABLE, ("none",))
            )
            sys.stdout.write(f"{name}: {len(known)} answerable, {len(unknown)} unanswerable questions\n")
            for share in REFUSED:
                threshold = float(np.quantile(known, share))
                refused = float(np.mean(np.array(unknown) < threshold))
                sys.stdout.write(
                    f"  {threshold:.3f} refuses {share:6.1%} of the answerable, {refused:.1%} of the others\n"
                )
        knowledge.close()
        database.close()


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _best(search: Callable[..., Sequence[Passage]], assistant: str, question: str) -> float:
    return max((found.score for found in search(assistant, question, limit=4, min_score=0.0)), default=0.0)


if __name__ == "__main__":
    typer.run(main)
