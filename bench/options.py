"""What several benchmarks are told in the same way on their command line."""

import os
from pathlib import Path
from typing import Annotated

import typer

Models = Annotated[Path | None, typer.Option(help="Folder of the models; default THUMBLOOP_HOME/models.")]


def models_folder(given: Path | None) -> Path:
    """The folder that was given, or that of the home folder."""
    return given or Path(os.environ.get("THUMBLOOP_HOME", "data")) / "models"
