"""Files for admins to take away: each is whole once it has its name, and all go when somebody is forgotten."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ui.settings import Settings


def make(settings: Settings, name: str, write: Callable[[Path], object]) -> Path:
    """Let a file of this name be written, in place of an earlier one, and give its path."""
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        part = Path(scratch, name)
        write(part)
        os.replace(part, folder / name)
    return folder / name


def remove_all(settings: Settings) -> None:
    """Remove what was made, since it may hold the words of somebody who is forgotten."""
    shutil.rmtree(_folder(settings), ignore_errors=True)


def _folder(settings: Settings) -> Path:
    return settings.uploads_dir / "exports"
