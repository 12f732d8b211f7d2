"""`thumbloop retrain` and `thumbloop teach`: a run started here and watched to its end, also while the app is running.

Where the app runs, its supervisor takes the run up; else this process supervises it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assistant.errors import BadInput, Conflict
from ui.commands.adapters import COMMAND_LINE
from ui.commands.options import Assistant, Home, out, settings_of

if TYPE_CHECKING:
    from assistant.database import Database
    from assistant.engine import Engine
    from assistant.tables import Assistant as Asked
    from feedback.lessons import Lesson
    from retrain.runs import Runs
    from retrain.tables import Run
    from ui.home import HomeLock
    from ui.settings import Settings

    Start = Callable[[Runs, Asked, Database, Engine], Run]

LOOK_EVERY_S = 0.5
APP_HAS_THE_DOCUMENTS = (
    "The app is running and has the documents open, so the examples cannot be composed here. "
    "Teach them on its Retrain page, or stop it first."
)


def retrain(
    assistant: Assistant = "default",
    anew: Annotated[bool, typer.Option("--anew", help="From what it began with, on all feedback.")] = False,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Train again what this run trained, and tell if that gives the same adapter; keep nothing.",
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Train on the feedback so far, test the candidate, and wait for the result."""
    settings = settings_of(home=home)
    if replay is not None:
        _replay(settings, replay)
        return
    _carry_out(settings, assistant, lambda runs, asked, *_: runs.start(asked.id, asked_by=COMMAND_LINE, anew=anew))


def teach(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Examples, JSONL; none: corrections and approved answers.", show_default=False),
    ] = None,
    assistant: Assistant = "default",
    then_dpo: Annotated[bool, typer.Option("--then-dpo", help="Go on with DPO on the preferences.")] = False,
    variant: Annotated[Literal["lora", "dora", "rslora"], typer.Option(help="What a first adapter is.")] = "lora",
    home: Home = None,
) -> None:
    """Teach answers by examples, test the candidate, and wait for the result."""
    settings = settings_of(home=home)

    def start(runs: "Runs", asked: "Asked", database: "Database", engine: "Engine") -> "Run":
        runs.require_idle(asked.id)
        method = "sft+dpo" if then_dpo else "sft"
        examples = _composed(settings, asked, files, database=database, engine=engine) if files else None
        return runs.start(
            asked.id, asked_by=COMMAND_LINE, method=method, examples=examples, recipe={"variant": variant}
        )

    _carry_out(settings, assistant, start)


def _replay(settings: "Settings", run: str) -> None:
    """Train a run again from its folder; it and the app are left alone."""
    with out.status("Starting"):
        from retrain.replay import find_folder, replay
        from ui.launch import progress_bar
    folder = find_folder(settings.runs_dir, run)
    with progress_bar(out) as bar:
        done = replay(folder, on_share=lambda share: bar(f"Replaying run {folder.name[:8]}", share))
    out.print(done.sentence, highlight=False)
    if not done.same:
        raise typer.Exit(1)


def _composed(
    settings: "Settings", asked: "Asked", files: list[Path], *, database: "Database", engine: "Engine"
) -> "list[Lesson]":
    """The examples of the files, each with the prompt that the assistant would be given."""
    from assistant.grounding import Grounding
    from assistant.knowledge import Knowledge, Upload
    from retrain.examples import compose_lesson, read_examples
    from ui.launch import progress_bar
    from ui.services import fetch_models, open_embedder

    try:
        lines = read_examples([Upload(name=path.name, data=path.read_bytes()) for path in files])
    except OSError as exc:
        raise BadInput(f"{exc.filename} cannot be read: {exc.strerror}. Check its name and permissions.") from exc
    with progress_bar(out) as bar:
        fetch_models(settings, progress=bar)
        knowledge = Knowledge(database, index_dir=settings.index_dir, embedder=open_embedder(settings))
        grounding = Grounding(engine=engine, knowledge=knowledge)
        lessons = []
        try:
            for number, line in enumerate(lines, 1):
                lessons.append(compose_lesson(line, grounding=grounding, assistant=asked))
                bar("Composing the prompts", number / len(lines))
        except Conflict as exc:
            raise Conflict(APP_HAS_THE_DOCUMENTS) from exc
        finally:
            knowledge.close()
    return lessons


def _carry_out(settings: "Settings", assistant: str, start: "Start") -> None:
    """Start a run and watch it; where no app runs, this process supervises it."""
    with out.status("Starting"):
        from assistant import records
        from retrain.tables import RunState
        from ui.home import HomeLock, prepare_home
        from ui.launch import progress_bar
        from ui.services import open_engine, open_registry, open_runs
    database, lock = prepare_home(settings), HomeLock(settings.home)
    engine = open_engine(settings)
    runs = open_runs(settings, database, open_registry(settings, database, engine))
    alone = _taken(lock)
    try:
        with database.read() as session:
            asked = records.assistant_by_slug(session, assistant)
        run = start(runs, asked, database, engine)
        if alone:
            runs.open()
        with progress_bar(out) as bar:
            while run.state.active:
                time.sleep(LOOK_EVERY_S)
                run = runs.status(run.id)
                bar(f"Run {run.id[:8]} of {assistant}", float(run.progress.get("share") or 0))
    except KeyboardInterrupt:
        out.print("The run goes on in the app." if not alone else "Stopped; the app or the next run takes it up.")
        raise typer.Exit(130) from None
    finally:
        runs.close()
        engine.close()
        if alone:
            lock.release()
        database.close()
    out.print(f"Run {run.id} is {run.state}. {run.error or f'Its adapter is {run.adapter}.'}", highlight=False)
    if run.state is not RunState.done:
        raise typer.Exit(1)


def _taken(lock: "HomeLock") -> bool:
    try:
        lock.take()
    except Conflict:
        return False
    return True
