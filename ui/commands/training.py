"""`thumbloop retrain`: a run started from the command line and watched to its end, whether or not the app is running.

Where the app runs, its supervisor takes the run up; else this process supervises it.
"""

import time
from typing import TYPE_CHECKING

import typer

from assistant.errors import Conflict
from ui.commands.options import Assistant, Home, out, settings_of

if TYPE_CHECKING:
    from ui.home import HomeLock

LOOK_EVERY_S = 0.5


def retrain(assistant: Assistant = "default", home: Home = None) -> None:
    """Train on the feedback so far, test the candidate, and wait for the result."""
    settings = settings_of(home=home)
    with out.status("Starting"):
        from assistant import records
        from retrain.tables import Run, RunState
        from ui.commands.adapters import COMMAND_LINE
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
        run: Run = runs.start(asked.id, asked_by=COMMAND_LINE)
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
