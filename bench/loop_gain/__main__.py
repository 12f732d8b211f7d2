"""Whether feedback makes the assistant better, measured through the running product.

    python -m bench.loop_gain --quick --preferences bullets     (`make bench-quick`; fails where feedback does not help)
    python -m bench.loop_gain --table 1 --work FOLDER [--models FOLDER] [--seeds 3]

Simulated people (`people.py`) with one preference (`preferences/`) chat with a running app and give feedback through
its public endpoints; it is retrained, and both adapters answer questions that nobody asked before. Table 1 is every
preference beside plain TRL on the same pairs, 2 amounts of feedback, 3 signals, 4 methods of training, 5 rounds in a
row, 6 people who mean harm. With `--work`, what was interrupted goes on where it was.
"""

import json
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from assistant.errors import BadInput, ThumbloopError
from bench.loop_gain import at_once, tables
from bench.loop_gain.measures import WANTED, WANTED_OF_EACH, shortcomings
from bench.loop_gain.preferences import preferences
from bench.loop_gain.study import QUICK, Place, Study, run_study
from bench.options import Models, models_folder
from retrain.dataset import write_synced

OUT = Path(__file__).parents[2] / "docs" / "benchmarks"
QUICK_EVENTS = 40


def main(
    table: Annotated[list[int] | None, typer.Option(help="Make this table; may be repeated. Default: 1.")] = None,
    preference: Annotated[
        list[str] | None, typer.Option("--preferences", help="Only this preference; may be repeated.")
    ] = None,
    events: Annotated[list[int] | None, typer.Option(help="So many pieces of feedback; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(help="So many times, each with other people.", min=1)] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little feedback, few questions: minutes. Fails if it did not help.")
    ] = False,
    models: Models = None,
    work: Annotated[Path | None, typer.Option(help="Work here, and go on with what is there.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where JSON and pictures go.")] = None,
) -> None:
    """Let simulated people teach the assistant, and measure what became of it."""
    console = Console(stderr=True)
    try:
        names = _known(preference or [])
        wanted = _tables(table or [1])
        base = Study(preference="")
        if quick:
            base, names = replace(base, events=QUICK_EVENTS, effort=QUICK), names or ["bullets"]
        with ExitStack() as stack:
            folder = work or Path(stack.enter_context(TemporaryDirectory(prefix="thumbloop-bench-")))
            bar = _Bar(stack.enter_context(Progress(console=console, transient=not console.is_terminal)))
            place = Place(folder, models_folder(models).resolve(), bar)
            target = out or (folder if quick and work else None if quick else OUT)
            for number in wanted:
                chosen = names or (sorted(preferences()) if number == 1 else [])
                made = tables.studies(number, names=chosen, events=events or [], seeds=seeds, base=base)
                results = []
                for study in made:
                    results.append(run_study(study, place) | {"name": study.name})
                    if target is not None:
                        _write(number, results, target, complete=len(results) == len(made))
                _print(number, results)
                if quick:
                    _require_gain(results)
    except ThumbloopError as exc:
        console.print(str(exc), style="red", highlight=False)
        raise typer.Exit(1) from exc


class _Bar:
    """Shows what is being done; each thing has a line of its own."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: float) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=1.0)
        self._progress.update(self._tasks[what], completed=done)


def _known(names: list[str]) -> list[str]:
    for name in names:
        if name not in preferences():
            raise BadInput(f"There is no preference {name!r}. There are {', '.join(sorted(preferences()))}.")
    return names


def _tables(numbers: list[int]) -> list[int]:
    for number in numbers:
        if number not in tables.TITLES:
            raise BadInput(f"There is no table {number}. There are 1 to {len(tables.TITLES)}.")
    return numbers


def _write(number: int, results: list[dict[str, Any]], folder: Path, *, complete: bool) -> None:
    """The JSON of a table after each study, and its picture once it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"table": number, "title": tables.TITLES[number], "complete": complete, "results": results}
    file = folder / f"loop-gain-{number}.json"
    write_synced(file, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
    if complete:
        from bench.loop_gain.plots import draw  # matplotlib is for whoever develops, and tests need no picture

        draw(tables.TITLES[number], tables.rows(results), file.with_suffix(".png"))


def _print(number: int, results: list[dict[str, Any]]) -> None:
    """The table in markdown, what it amounts to, its cost, and a few replies as they came."""
    rows = [tables.HEADINGS, ["---"] * len(tables.HEADINGS), *(tables.cells(row) for row in tables.rows(results))]
    lines = [f"## {tables.TITLES[number]}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]
    gains = [tables.gain(result) for result in results if "rounds" not in result]
    if gains:
        lines.append(
            f"Gain {fmean(gains):.0%} on average (wanted: {WANTED:.0%}), "
            f"{min(gains):.0%} at least (wanted: {WANTED_OF_EACH:.0%})."
        )
    verdicts = Counter(row.verdict.partition(",")[0] for row in tables.rows(results) if row.verdict)
    lines.append(f"The gate: {', '.join(f'{times} {verdict}' for verdict, times in sorted(verdicts.items()))}.")
    for result in results:
        for told in result.get("rounds", [result]):
            spent = ", ".join(f"{name} {value}" for name, value in told["minutes"].items())
            lines += ["", f"{result['name']}: {told['feedback']}; {told['pairs']}, left out {told['left_out']}"]
            lines += [f"  minutes: {spent}, measuring {told.get('measuring_min', 0)}", *_at_once(told), *_failed(told)]
            for sample in told["samples"][:3]:
                lines += [f"  > {sample['question']}", f"    before: {sample['before']!r}"]
                lines += [f"    after:  {sample['after']!r}"]
    sys.stdout.write("\n".join(lines) + "\n")


def _require_gain(results: list[dict[str, Any]]) -> None:
    """Raise `ThumbloopError` if feedback did not help in one of the studies, or did harm."""
    wrong = []
    for result in results:
        for told in result.get("rounds", [result]):
            found = shortcomings(told["figures"]) if told["figures"] else [f"nothing was learned: {told['error']}"]
            wrong += [f"{result['name']}: {', '.join(found)}."] if found else []
    if wrong:
        raise ThumbloopError(f"Feedback did not make the assistant better as it should. {' '.join(wrong)}")


def _at_once(told: dict[str, Any]) -> list[str]:
    """What golden answers did before any training, by kind of question."""
    found = {kind: told.get("at_once", {}).get(kind, {}) for kind in at_once.KINDS}
    return [
        f"  at once: {kind}: {each['changed']} of {each['asked']} prompts changed, "
        f"gain {each['gain']:.0%} ({each['gain_low']:.0%}–{each['gain_high']:.0%})"
        for kind, each in found.items()
        if each.get("asked")
    ]


def _failed(told: dict[str, Any]) -> list[str]:
    return [f"  the gate: {sentence}" for sentence in told["failed"]]


if __name__ == "__main__":
    typer.run(main)
