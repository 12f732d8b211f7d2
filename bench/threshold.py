"""Where a question is taken to have no answer in the documents: the least match that is learned on data.

    python -m bench.threshold [--models FOLDER]

The questions of `teaching/held_out.jsonl`, which nothing was trained on, are asked of `teaching/documents` by the
product's own retrieval. For some shares of answerable questions that a threshold on the best match would refuse, it
prints that threshold, and the share of the unanswerable (`none`) that it refuses: for sentences and for passages.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from assistant import records
from assistant.database import open_database
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.knowledge import Knowledge, Passage, Upload
from assistant.knowledge.embedding import Embedder

TEACHING = Path(__file__).parents[1] / "teaching"
ANSWERABLE = ("fact", "number", "list", "two")
REFUSED = (0.0, 0.005, 0.01, 0.02, 0.05)


def main(
    models: Annotated[Path | None, typer.Option(help="Folder of the models; default THUMBLOOP_HOME/models.")] = None,
) -> None:
    """Print thresholds for the best match and what each refuses."""
    models = models or Path(os.environ.get("THUMBLOOP_HOME", "data")) / "models"
    rows = [json.loads(line) for line in (TEACHING / "held_out.jsonl").read_text(encoding="utf-8").splitlines()]
    with TemporaryDirectory(prefix="thumbloop-bench-") as home:
        database = open_database(f"sqlite:///{home}/thumbloop.db")
        database.migrate()
        with database.write() as session:
            asked = records.create_assistant(session, slug="bench", name="Bench", system_prompt="Bench.").id
        embedder = Embedder(str(require(models, DEFAULT_EMBEDDING)))
        knowledge = Knowledge(database, index_dir=Path(home) / "index", embedder=embedder)
        files = sorted((TEACHING / "documents").glob("*.md"))
        knowledge.ingest(asked, [Upload(file.name, file.read_bytes()) for file in files])
        for name, search in (("sentences", knowledge.sentences), ("passages", knowledge.search)):
            best = {
                known: [
                    _best(search, asked, row["question"])
                    for row in track(rows, description=name, console=Console(stderr=True))
                    if (row["kind"] in ANSWERABLE if known else row["kind"] == "none")
                ]
                for known in (True, False)
            }
            sys.stdout.write(f"{name}: {len(best[True])} answerable, {len(best[False])} unanswerable questions\n")
            for share in REFUSED:
                threshold = float(np.quantile(best[True], share))
                refused = float(np.mean(np.array(best[False]) < threshold))
                sys.stdout.write(
                    f"  {threshold:.3f} refuses {share:6.1%} of the answerable, {refused:.1%} of the others\n"
                )
        knowledge.close()
        database.close()


def _best(search: Callable[..., Sequence[Passage]], assistant: str, question: str) -> float:
    return max((found.score for found in search(assistant, question, limit=4, min_score=0.0)), default=0.0)


if __name__ == "__main__":
    typer.run(main)
