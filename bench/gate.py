"""Calibrates the gate: real training runs whose worth is known, put to it, with what the models say.

    python -m bench.gate [--home FOLDER] [--models FOLDER] [--work FOLDER] [--runs flipped sane-0] [--pairs 140]

The runs are those of `bench/planted.py`: planted bad ones, and sane ones with different seeds. They learn from what
people said in the home folder of a study of `bench/loop_gain`, or from a simulated rater of samples
(`bench/preferences.py`), who likes answers of about 25 words; a fifth of the pairs is held out. What ought to be
rejected must be, and what is sane must pass, or the limits in `retrain/verdict.py` are wrong. Poison is kept out by the
rules of `feedback/phrases.py`; only if they fail it is trained on. With `--work`, what is done is not done again, and
the JSON has all runs that are there.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from assistant import models, records
from assistant.batching import BatchingEngine
from assistant.database import open_database
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.knowledge.embedding import Embedder
from bench.loop_gain.app import SLUG
from bench.planted import KNOWN, Known, as_evidence, poison, pushed_pairs
from bench.preferences import SYSTEM, rate, sample
from feedback.evidence import Evidence, gather
from feedback.pairs import PairSet, build_pairs
from retrain.dataset import ADAPTER, REPORT, TRAIN, freeze, read, write
from retrain.gate import Effort, Subject, examine, judged
from retrain.learning import Learning, sign
from retrain.training import Step, train
from retrain.verdict import Measures

OUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "gate.json"
SETTINGS = {"0.8": (0.8, 0.95, 0), "0.8 again": (0.8, 0.95, 1_000_000), "0.3": (0.3, 0.9, 0)}
"""Temperature, top_p and seed. The same with another seed shows the noise; 0.3 is an assistant's default."""
DONE = "run.json"
ONE_VOICE = 1
"""So many pairs with a pushed phrase may stay: what several push counts once."""
console = Console()


@dataclass(frozen=True, kw_only=True)
class Source:
    """What all runs begin with: what people said, and of which model with which adapter (none: the base model)."""

    evidence: Evidence
    model: str
    start: Path | None
    system: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where runs are made, and of how many pairs at most."""

    work: Path
    pairs: int
    progress: Progress
    effort: Effort = field(default_factory=Effort)
    embedding: Callable[[], str | None] = lambda: None
    """The folder of the model by which replies are read, beside their words; looked for once it is needed."""


def main() -> None:
    """Make the runs, put them to the gate, print a table and write the JSON. Fails if the gate judges one wrongly."""
    options = _options()
    with TemporaryDirectory() as temporary, Progress(console=console) as progress:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        place = Place(
            work=work,
            pairs=options.pairs,
            progress=progress,
            embedding=lambda: str(require(options.models, DEFAULT_EMBEDDING)),
        )
        source = _of_home(options) if options.home else _of_samples(options, work, progress)
        found = {
            name: make(name, known, source=source, place=place)
            for name, known in KNOWN.items()
            if name in options.runs or (work / name / DONE).exists()
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(found)
    wrong = [name for name, run in found.items() if wrongly_judged(run)]
    if wrong:
        sys.exit(f"The gate is wrong about {', '.join(wrong)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="learn from what people said in this home folder of bench/loop_gain")
    parser.add_argument("--models", type=Path, default=Path("data/models"), help="folder with the default models")
    parser.add_argument("--model", default="default", help="another model: a folder or a hub id")
    parser.add_argument("--work", type=Path, help="keep samples and runs here, and go on from what is there")
    parser.add_argument("--runs", nargs="+", choices=KNOWN, default=list(KNOWN), help="only these; default: all")
    parser.add_argument("--pairs", type=int, default=140, help="at most so many, a fifth of which is held out")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def _of_home(options: argparse.Namespace) -> Source:
    database = open_database(f"sqlite:///{options.home / 'thumbloop.db'}")
    try:
        with database.read() as session:
            assistant = records.assistant_by_slug(session, SLUG)
            evidence = gather(session, assistant.id)
    finally:
        database.close()
    return Source(
        evidence=evidence,
        model=models.resolve(options.models, options.model),
        start=options.home / "adapters" / assistant.adapter if assistant.adapter else None,
        system=assistant.system_prompt,
    )


def _of_samples(options: argparse.Namespace, work: Path, progress: Progress) -> Source:
    model = models.resolve(options.models, options.model)
    pairs = rate(sample(work / "samples.json", model, progress))
    return Source(evidence=as_evidence(pairs), model=model, start=None, system=SYSTEM)


def make(name: str, known: Known, *, source: Source, place: Place) -> dict[str, Any]:
    """Make a run and put it to the gate, as far as that is not done; what became of it."""
    kept = place.work / name / DONE
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(_run(name, known, source=source, place=place)), encoding="utf-8")
    run: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    settings = () if run["kept_out"] else known.settings
    run["reports"] = {each: _examine(name, known, each, source=source, place=place) for each in settings}
    run["reports"].get("0.8 again", {}).pop("examples", None)  # its figures are what it is for
    return run


def _run(name: str, known: Known, *, source: Source, place: Place) -> dict[str, Any]:
    """Plant what is planted and train, unless the rules of feedback keep it out."""
    folder = place.work / name
    built = build_pairs(poison(source.evidence) if known.poisoned else source.evidence)
    pushed = pushed_pairs(built)
    run = {"good": known.good, "recipe": asdict(known.recipe), "bounded": known.bounded, "left_out": built.left_out}
    if known.poisoned and pushed <= ONE_VOICE:
        return run | {"kept_out": True, "pushed_pairs": pushed}
    said = PairSet(built.pairs[: place.pairs], built.singles)
    held_out = freeze(said, folder, method="dpo", seed=known.recipe.seed)["held_out"]
    write(folder / TRAIN, known.plant(read(folder / TRAIN)))
    figures = _train(name, known, source=source, place=place)
    return run | {
        "kept_out": False,
        "pairs": {"train": len(read(folder / TRAIN)), "held_out": held_out},
        "training": figures,
    }


def _train(name: str, known: Known, *, source: Source, place: Place) -> dict[str, Any]:
    """Train by a recipe, with a manifest as a run's worker writes it."""
    folder, task = place.work / name, place.progress.add_task(f"Training {name}", total=None)
    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        place.progress.update(task, completed=step.step, total=step.of)

    if known.bounded:
        config = _config(name, known, source=source, place=place)
        learning = Learning(folder, config, tell=lambda step, *_: on_step(step))
        return learning.run(source.start) | {"last_step": asdict(last[-1])}
    figures = train(
        method="dpo",
        model=source.model,
        parent=source.start,
        serves=source.start,
        origin=source.start,
        rows=read(folder / TRAIN),
        held_out=(),
        recipe=known.recipe,
        folder=folder / ADAPTER,
        on_step=on_step,
    )
    sign(folder / ADAPTER, _config(name, known, source=source, place=place))
    return {**figures, "last_step": asdict(last[-1])}


def _config(name: str, known: Known, *, source: Source, place: Place) -> dict[str, Any]:
    """What the product tells a run of what it is to do."""
    temperature, top_p, _ = SETTINGS["0.8"]
    return {
        "run": name,
        "method": "dpo",
        "recipes": {"dpo": asdict(known.recipe)},
        "model": source.model,
        "model_name": "default",
        "parent": source.start.name if source.start else None,
        "origin": str(source.start) if source.start else None,
        "system": source.system,
        "focus": "auto",
        "temperature": temperature,
        "top_p": top_p,
        "embedding": place.embedding(),
        "threads": None,
    }


def _examine(name: str, known: Known, setting: str, *, source: Source, place: Place) -> dict[str, Any]:
    """Put an adapter to the gate; the report, on figures from its file if it is there."""
    folder, progress = place.work / name, place.progress
    kept = folder / f"report at {setting}.json"
    if kept.exists():  # by the limits of today
        stored: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return stored | judged(Measures.of(stored["measures"]))
    embedding, (temperature, top_p, seed) = place.embedding(), SETTINGS[setting]
    subject = Subject(
        model=source.model,
        candidate=folder / ADAPTER,
        active=source.start,
        system=source.system,
        temperature=temperature,
        top_p=top_p,
        seed=seed + 10_000 * known.recipe.seed,
    )
    task = progress.add_task(f"Examining {name} at {setting}", total=1.0)
    report = examine(
        folder,
        subject,
        engine=BatchingEngine(folder),
        embedding=Embedder(embedding) if embedding else None,
        on_progress=lambda share: progress.update(task, completed=share),
        effort=place.effort,
    )
    (folder / REPORT).rename(kept)
    return report


def wrongly_judged(run: dict[str, Any]) -> bool:
    """Whether what must not go live passed somewhere, or what should go live did not."""
    return any(report["verdict"]["passed"] is not run["good"] for report in run["reports"].values())


def _print(found: dict[str, Any]) -> None:
    table = Table("run", "passed", "should", "fluency", "95%", "variety", "alike", "tokens", "grounded", "held out")
    for name, run in found.items():
        if run["kept_out"]:
            table.add_row(name, "kept out", "no", *[""] * 7)
        for label, report in run["reports"].items():
            figures = {check["name"]: check["figure"] for check in report["checks"]}
            measures = report["measures"]
            held_out = measures["held_out"]
            table.add_row(
                f"{name} at {label}",
                "yes" if report["verdict"]["passed"] else "no",
                "yes" if run["good"] else "no",
                f"{figures['fluency']:.2f}",
                "–".join(f"{bound:.2f}" for bound in measures["fluency"] or ()),
                f"{figures['variety']:.2f}",
                f"{figures['sameness']:.2f}",
                f"{measures['candidate']['tokens']:.0f}",
                f"{measures['candidate']['grounded']:.0f}",
                f"{held_out['preferred']}/{held_out['pairs']}",
            )
    console.print(table)


if __name__ == "__main__":
    main()
