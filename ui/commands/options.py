"""What the commands share: options, the terminal, and the settings with a command's flags over them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ui.settings import Settings, load_settings

Home = Annotated[Path | None, typer.Option(help="The folder for all state (THUMBLOOP_HOME).")]
Assistant = Annotated[str, typer.Option(help="The assistant's short name.")]

out = Console(soft_wrap=True)


def settings_of(**flags: Any) -> Settings:
    """The settings, with the environment of libraries set by them. Raises `BadInput`."""
    from ui.process import prepare_environment

    settings = load_settings(**flags)
    prepare_environment(settings)
    return settings
