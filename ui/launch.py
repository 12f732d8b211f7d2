"""From settings to a served app, for the command line and for `app.py`: models fetched, services open, address told."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from fastapi import FastAPI
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from assistant import records
from ui import endpoints
from ui.app import bind, create_app, serve
from ui.home import prepare_home
from ui.process import prepare_environment, start_logging
from ui.services import SETUP, Services, fetch_models
from ui.sessions import Caller
from ui.settings import Settings

logger = logging.getLogger(__name__)

SETUP_CALLER = Caller(SETUP, SETUP, "admin")


class Launched:
    """An app that is ready to be served."""

    def __init__(self, services: Services, app: FastAPI, listener: socket) -> None:
        self.services = services
        self.app = app
        self._listener = listener

    def run(self) -> None:
        """Serve until interrupted, then give everything back."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn sends itself again what ended it
        try:
            serve(self.app, self._listener)
        except KeyboardInterrupt:
            pass
        finally:
            self._listener.close()
            self.services.close()


def launch(settings: Settings, *, console: Console, brought: Path | None = None) -> Launched:
    """Bring the app of `settings` up to where it can be served. Raises `ThumbloopError` of several kinds.

    Where `brought`, the file of an exported assistant, exists, a home without any begins with that one, not the sample.
    """
    prepare_environment(settings)
    prepare_home(settings).close()
    start_logging(settings)
    brings = brought if brought is not None and brought.is_file() else None
    listener = bind(settings.host, settings.port)
    try:
        with progress_bar(console) as bar:
            fetch_models(settings, progress=bar)
        services = Services.open(settings, sample=brings is None)
        if brings:
            begin_with(services, brings)
        app = create_app(services)
    except BaseException:
        listener.close()
        raise
    _tell(console, settings, services)
    return Launched(services, app, listener)


def begin_with(services: Services, brought: Path) -> None:
    """Import an exported assistant where there is none. Raises `BadInput` for a file that is not whole."""
    with services.database.read() as session:
        if records.assistants(session):
            return
    for note in endpoints.import_assistant(services, SETUP_CALLER, brought, brought.name)["notes"]:
        logger.warning("%s", note)


@contextmanager
def progress_bar(console: Console) -> Iterator["Bar"]:
    """A bar on the terminal that appears with the first thing told to it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        yield Bar(progress)


class Bar:
    """Takes what is being done and how much of it, from 0 to 1; each thing gets a line of its own."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, label: str, done: float) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(label, total=1.0)
        self._progress.update(self._tasks[label], completed=done)


def _tell(console: Console, settings: Settings, services: Services) -> None:
    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    host = f"[{shown}]" if ":" in shown else shown
    if services.admin.generated:
        console.print(
            f"The account [bold]admin[/] has the password [bold]{services.admin.generated}[/] (shown only this once)."
        )
    if services.admin.changed:
        console.print("The password of admin was changed to THUMBLOOP_ADMIN_PASSWORD.")
    console.print(f"Thumbloop is at [bold]http://{host}:{settings.port}[/] and keeps its data in {settings.home}")
    sys.stdout.flush()
