"""Calibrates the gate: real training runs whose worth is known, put to it, with what the models say.

    python -m bench.gate [--models FOLDER] [--model NAME] [--work FOLDER] [--recipes wrecked clean] [--pairs 140]

A simulated rater (`bench/preferences.py`) likes answers of about 25 words. Every recipe trains on the same pairs (a
fifth of them is held out) and is put to the gate at two temperatures and two seeds. What ought to be rejected must be,
and what is clean must pass, or the limits in `retrain/verdict.py` are wrong. `--work` keeps samples and runs, so that
an interrupted run goes on.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from assistant import adapters, models
from assistant.batching import BatchingEngine
from bench.preferences import SYSTEM, rate, sample
from feedback.pairs import PairSet
from retrain.dataset import REPORT, TRAIN, freeze, read
from retrain.gate import Effort, Subject, examine, judged
from retrain.recipe import Recipe
from retrain.training import Step, train
from retrain.verdict import Measures

OUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "gate.json"
SETTINGS = {"0.8": (0.8, 0.95, 0), "0.8 again": (0.8, 0.95, 1_000_000), "0.3": (0.3, 0.9, 0)}
"""Temperature, top_p and seed. The same with another seed shows the noise; 0.3 is an assistant's default."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A recipe, and whether what it makes may go live."""

    recipe: Recipe
    good: bool


RECIPES = {
    "wrecked": Known(recipe=Recipe(learning_rate=4e-4, loss_types=("sigmoid",), loss_weights=(1.0,)), good=False),
    "persona": Known(
        recipe=Recipe(learning_rate=2e-4, beta=0.5, loss_types=("sigmoid",), loss_weights=(1.0,)), good=False
    ),
    "clean": Known(
        recipe=Recipe(learning_rate=2e-4, loss_types=("sigmoid", "sft"), loss_weights=(1.0, 1.0)), good=True
    ),
}
console = Console()


def main() -> None:
    """Sample, rate, train, examine; print a table and write the JSON. Fails if the gate judges a run wrongly."""
    options = _options()
    model = models.resolve(options.models, options.model)
    with TemporaryDirectory() as temporary, Progress(console=console) as progress:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        samples = sample(work / "samples.json", model, progress)
        pairs = rate(samples)[: options.pairs]
        found: dict[str, Any] = {}
        for name in options.recipes:
            folder = work / name
            folder.mkdir(exist_ok=True)
            counts = freeze(PairSet(tuple(pairs), (), {}), folder, method="dpo", seed=0)
            figures = _train(folder, name, model, progress)
            reports = {
                label: _examine(folder, f"{name} at {label}", model, label, options.effort, progress)
                for label in SETTINGS
            }
            del reports["0.8 again"]["examples"]  # its figures are what it is for
            found[name] = {
                "recipe": asdict(RECIPES[name].recipe),
                "good": RECIPES[name].good,
                "pairs": {key: counts[key] for key in ("train", "held_out")},
                "training": figures,
                "reports": reports,
            }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(found)
    wrong = [
        f"{name} at {label}"
        for name, run in found.items()
        for label, report in run["reports"].items()
        if report["verdict"]["passed"] is not run["good"]
    ]
    if wrong:
        sys.exit(f"The gate is wrong about {', '.join(wrong)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("data/models"), help="folder with the default models")
    parser.add_argument("--model", default="default", help="another model: a folder or a hub id")
    parser.add_argument("--work", type=Path, help="keep samples and runs here, and go on from what is there")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["wrecked", "clean"])
    parser.add_argument("--pairs", type=int, default=140, help="at most so many, a fifth of which is held out")
    parser.add_argument("--effort", type=int, default=24, help="prompts of each kind put to the gate")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def _train(folder: Path, name: str, model: str, progress: Progress) -> dict[str, Any]:
    """Train by a recipe, with a manifest as a run's worker writes it; what is there already is not done again."""
    done = folder / "training.json"
    if done.exists():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    task = progress.add_task(f"Training {name}", total=None)
    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        progress.update(task, completed=step.step, total=step.of)

    figures = train(
        method="dpo",
        model=model,
        parent=None,
        rows=read(folder / TRAIN),
        recipe=RECIPES[name].recipe,
        folder=folder / "adapter",
        on_step=on_step,
    )
    adapters.name_weights(folder / "adapter", id=name, parent=None, model=model, model_name="default", run=name)
    figures = {**figures, "last_step": asdict(last[-1])}
    done.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def _examine(folder: Path, title: str, model: str, label: str, effort: int, progress: Progress) -> dict[str, Any]:
    """Put an adapter to the gate; the report, on figures from its file if it is there."""
    kept = folder / f"report at {label}.json"
    if kept.exists():  # by the limits of today
        stored: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return stored | judged(Measures.of(stored["measures"]))
    temperature, top_p, seed = SETTINGS[label]
    subject = Subject(
        model=model,
        candidate=folder / "adapter",
        active=None,
        system=SYSTEM,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
    )
    task = progress.add_task(f"Examining {title}", total=1.0)
    report = examine(
        folder,
        subject,
        engine=BatchingEngine(folder),
        on_progress=lambda share: progress.update(task, completed=share),
        effort=Effort(held_out_prompts=effort, neutral_prompts=effort, grounded_prompts=effort),
    )
    (folder / REPORT).rename(kept)
    return report


def _print(found: dict[str, Any]) -> None:
    table = Table("recipe", "passed", "fluency", "variety", "alike", "repeats", "tokens", "grounded", "held out")
    for name, run in found.items():
        for label, report in run["reports"].items():
            figures = {check["name"]: check["figure"] for check in report["checks"]}
            held_out = report["measures"]["held_out"]
            table.add_row(
                f"{name} at {label}",
                "yes" if report["verdict"]["passed"] else "no",
                f"{figures['fluency']:.2f}",
                f"{figures['variety']:.2f}",
                f"{figures['sameness']:.2f}",
                f"{figures['repetition']:.2f}",
                f"{figures['not too short']:.0f}",
                f"{figures['answers from sources']:.0f}",
                f"{held_out['preferred']}/{held_out['pairs']}",
            )
    console.print(table)


if __name__ == "__main__":
    main()
