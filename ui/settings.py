"""The one settings object: read once from `THUMBLOOP_*` variables and flags, checked, frozen, and passed on from there.

`python -m ui.settings` prints the table that the README shows. Nothing else reads the environment for settings.
"""

import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from assistant.errors import BadInput

PREFIX = "THUMBLOOP_"
MARKERS = ("<!-- settings -->", "<!-- /settings -->")
"""What the README has around the table of settings."""


class Settings(BaseSettings):
    """Everything that can be set from outside. Build it with `load_settings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    home: Path = Field(
        Path("data"), description="The one folder for all state: database, models, index, adapters, runs, logs."
    )
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; `0.0.0.0` lets others in (a Space does so by itself).",
    )
    port: int = Field(7860, ge=1, le=65535, description="Port to listen on.")
    admin_password: SecretStr | None = Field(
        None,
        description="Password of `admin`, set at each start; without it the first start makes one up and prints it.",
    )
    model: str = Field("default", min_length=1, description="Chat model: `default`, a hub id, or a local folder.")
    embedding_model: str = Field(
        "default", min_length=1, description="Embedding model: `default`, a hub id, or a local folder."
    )
    database_url: str = Field("", description="SQLAlchemy URL of the database; empty: SQLite in the home folder.")
    guests: bool = Field(True, description="Whether people may chat and rate without signing in.")
    threads: int | None = Field(
        None, ge=1, description="CPU threads the chat model computes with; empty: as many as fit."
    )
    max_upload_mb: int = Field(50, ge=1, description="Largest file that may be uploaded, in megabytes.")
    space_id: str = Field("", validation_alias="SPACE_ID", exclude=True)
    """Set where this runs as a Hugging Face Space."""

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.database_url or str(URL.create("sqlite", database=str(self.home / "thumbloop.db")))

    @property
    def models_dir(self) -> Path:
        return self.home / "models"

    @property
    def index_dir(self) -> Path:
        return self.home / "index"

    @property
    def adapters_dir(self) -> Path:
        return self.home / "adapters"

    @property
    def runs_dir(self) -> Path:
        return self.home / "runs"

    @property
    def uploads_dir(self) -> Path:
        return self.home / "uploads"

    @property
    def logs_dir(self) -> Path:
        return self.home / "logs"

    @property
    def secret_key(self) -> Path:
        return self.home / "secret.key"


def load_settings(**flags: Any) -> Settings:
    """The settings from the environment, with flags (those that are not None) over it. Raises `BadInput`."""
    for variable in os.environ:
        if variable.startswith(PREFIX):
            _check_known(variable)
    given = {name: value for name, value in flags.items() if value is not None}
    if os.environ.get("SPACE_ID"):
        given = _space_defaults() | given
    try:
        settings = Settings(**given)
    except ValidationError as exc:
        raise BadInput(_sentence(exc)) from exc
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def _space_defaults() -> dict[str, Any]:
    """A Space is reached from outside, and may have no write access to where it starts."""
    defaults: dict[str, Any] = {}
    if not os.environ.get("THUMBLOOP_HOST"):
        defaults["host"] = "0.0.0.0"
    here = Path("data")
    if not os.environ.get("THUMBLOOP_HOME") and not os.access(here if here.exists() else ".", os.W_OK):
        defaults["home"] = Path(tempfile.gettempdir(), "thumbloop")
    return defaults


def settings_table() -> str:
    """The table of settings in Markdown, as the README shows it between its markers."""
    lines = ["| variable | flag | default | what it is |", "| --- | --- | --- | --- |"]
    for name in _public_fields():
        field = Settings.model_fields[name]
        flag = "" if name == "admin_password" else f"`{flag_of(name)}`"
        default = "" if field.default in (None, "") else f"`{_shown(field.default)}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {flag} | {default} | {field.description} |")
    return "\n".join(lines)


def flag_of(name: str) -> str:
    """The command line's flag for a setting."""
    return "--" + name.replace("_", "-")


def _public_fields() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if not field.exclude]


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"./{default}" if isinstance(default, Path) else str(default)


def _check_known(variable: str) -> None:
    names = [PREFIX + name.upper() for name in _public_fields()]
    if variable not in names:
        near = difflib.get_close_matches(variable, names, n=1, cutoff=0.0)[0]
        raise BadInput(f"There is no setting {variable}. Did you mean {near}? Correct it, or unset it.")


def _sentence(exc: ValidationError) -> str:
    problem = exc.errors(include_url=False)[0]
    name = str(problem["loc"][0]).lower()
    shown = "" if name == "admin_password" else f" = {str(problem['input'])!r}"
    reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{PREFIX}{name.upper()}{shown} cannot be used: {reason}. Change it, or leave it out."


if __name__ == "__main__":
    sys.stdout.write(settings_table() + "\n")
