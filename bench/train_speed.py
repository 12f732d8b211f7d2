"""How fast an update is beside TRL's own trainer: the same pairs in the same order, one way after another.

    python -m bench.train_speed [--models FOLDER] [--pairs 48] [--epochs 6] [--work FOLDER] [--json FILE]

The pairs are samples of the default model (`bench/preferences.py`). Each way trains a fresh adapter for as many rounds
of them as an update has; the time counts from the rows to the last step, the reference's log-probabilities included:
TRL computes them anew at each step, Thumbloop once. "TRL as it comes" computes activations twice to save memory, as
its settings say; without that it is "TRL, set for speed". The losses of all steps are compared in the precision that is
trained in, and in float32, where no rounding hides a difference.
"""

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from unittest.mock import patch

import torch
import typer
from peft.helpers import disable_input_dtype_casting
from rich.console import Console
from rich.progress import Progress

from assistant import models as local_models
from bench.options import Models, models_folder
from bench.preferences import rate, sample
from feedback.pairs import PairSet
from retrain.dataset import HELD_OUT, TRAIN, freeze, read
from retrain.recipe import Recipe
from retrain.training import build_trainer, encode_rows, load_trainable

WAYS = {"TRL as it comes": (False, True), "TRL, set for speed": (False, False), "Thumbloop": (True, False)}
"""Whether the update is ours, and whether activations are computed twice."""
EXACT_ROWS = 8
"""Of the comparison in float32, which is slow."""


def main(
    models: Models = None,
    pairs: Annotated[int, typer.Option(help="Train on so many pairs, at most.", min=8)] = 48,
    epochs: Annotated[int, typer.Option(help="Rounds of training.", min=1)] = Recipe().epochs,
    work: Annotated[Path | None, typer.Option(help="Keep the samples here.")] = None,
    result: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Train on the same pairs by TRL alone and by Thumbloop."""
    model = local_models.resolve(models_folder(models), "default")
    with TemporaryDirectory(prefix="thumbloop-bench-") as temporary:
        folder = Path(temporary)
        if work is not None:
            work.mkdir(parents=True, exist_ok=True)
        with Progress(console=Console(stderr=True)) as progress:
            samples = sample((work or folder) / "samples.json", model, progress, prompts=2 * pairs)
        freeze(PairSet(tuple(rate(samples)), (), {}), folder, method="dpo", seed=0)
        rows = [*read(folder / TRAIN), *read(folder / HELD_OUT)][:pairs]
        found = {
            name: train(model, rows, epochs=epochs, fast=fast, twice=twice, folder=folder)
            for name, (fast, twice) in WAYS.items()
        }
        exact = [
            train(model, rows[:EXACT_ROWS], epochs=1, fast=fast, twice=False, folder=folder, exact=True)
            for fast in (False, True)
        ]
    ours, theirs = found["Thumbloop"], found["TRL, set for speed"]
    told: dict[str, Any] = {"pairs": len(rows), "rounds": epochs, "tokens of a round": ours["tokens"]}
    told |= {f"{name}, seconds": round(each["seconds"], 1) for name, each in found.items()}
    told |= {f"{name}, times Thumbloop's": round(each["seconds"] / ours["seconds"], 2) for name, each in found.items()}
    told["largest difference of a loss"] = _furthest(theirs, ours)
    told["the same in float32"] = _furthest(*exact)
    sys.stdout.write("\n".join(f"{name:40} {value}" for name, value in told.items()) + "\n")
    if result is not None:
        result.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def train(
    model: str, rows: list[dict[str, Any]], *, epochs: int, fast: bool, twice: bool, folder: Path, exact: bool = False
) -> dict[str, Any]:
    """Rounds of the rows: their seconds, a round's tokens with each prompt counted twice, and the loss of each step.

    `fast` is all that a run does for speed, how numbers are kept included.
    """
    recipe = Recipe(epochs=epochs, edit=0.0, hold=0.0, fast=fast)
    tokenizer = local_models.load_tokenizer(model)
    trainable = load_trainable(model, None, recipe)
    encoded, _ = encode_rows(tokenizer, rows, method="dpo", max_length=recipe.max_length)
    in_float32 = patch.object(local_models, "compute_dtype", lambda: torch.float32)
    torch.set_flush_denormal(fast)
    with in_float32 if exact else nullcontext(), disable_input_dtype_casting(trainable, active=fast):
        started = time.monotonic()
        trainer = build_trainer(trainable, tokenizer, encoded, method="dpo", recipe=recipe, folder=folder)
        trainer.args.activation_checkpointing = twice
        trainer.train()
    return {
        "seconds": time.monotonic() - started,
        "tokens": sum(
            2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in encoded
        ),
        "losses": [step["loss"] for step in trainer.state.log_history if "loss" in step],
    }


def _furthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    return round(max(abs(float(a) - float(b)) for a, b in zip(one["losses"], other["losses"], strict=True)), 6)


if __name__ == "__main__":
    typer.run(main)
