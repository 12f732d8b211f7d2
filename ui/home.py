"""The home folder: made, locked by the one app that serves it, and its database brought up to date."""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from assistant.database import Database, open_database
from assistant.errors import BadInput, Conflict
from ui.settings import Settings


def prepare_home(settings: Settings) -> Database:
    """Make the home folder and its database, brought up to date. Raises `BadInput` where nothing can be written."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.uploads_dir.mkdir(exist_ok=True)
        database = open_database(settings.database)
    except OSError as exc:
        raise BadInput(
            f"The folder {settings.home} cannot be written ({exc.strerror}). "
            "Set THUMBLOOP_HOME to a folder of your own."
        ) from exc
    database.migrate()
    return database


class HomeLock:
    """Lets one app at a time serve a home folder; freed when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self._pid = home / "app.pid"
        self._lock = FileLock(home / "app.lock")

    def take(self) -> None:
        """Raises `Conflict` where another process has it."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout as exc:
            raise Conflict(
                f"Thumbloop already runs on {self._pid.parent} (process {self.holder()}). Open its page, stop it, "
                "or set THUMBLOOP_HOME to another folder."
            ) from exc
        self._pid.write_text(str(os.getpid()), encoding="ascii")

    def holder(self) -> str:
        """The id of the process that took it last."""
        try:
            return self._pid.read_text(encoding="ascii").strip() or "unknown"
        except OSError:
            return "unknown"

    def release(self) -> None:
        self._pid.unlink(missing_ok=True)
        self._lock.release()
