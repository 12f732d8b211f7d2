"""`thumbloop adapters`: the versions of an assistant, and which one serves. Works while the app is running too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import Assistant, Home, out, settings_of

if TYPE_CHECKING:
    from assistant.database import Database
    from retrain.registry import Registry

app = typer.Typer(no_args_is_help=True, help="List an assistant's adapters, promote one, or roll back.")
COMMAND_LINE = "command line"
"""Who promoted or rolled back, in the history."""


@app.command("list")
def list_(assistant: Assistant = "default", home: Home = None) -> None:
    """List an assistant's adapters, newest first; the one that serves is active."""
    with _registry(home) as (database, registry):
        found = registry.adapters(_assistant_id(database, assistant))
    for adapter in found:
        parent = adapter.parent or "the base model"
        out.print(f"{adapter.id}  {adapter.state}  {adapter.created_at:%Y-%m-%d %H:%M}  from {parent}", highlight=False)
    if not found:
        out.print(f"{assistant} has no adapters yet: the base model serves.", highlight=False)


@app.command()
def promote(adapter: Annotated[str, typer.Argument(help="The adapter's id.")], home: Home = None) -> None:
    """Let an adapter serve from the next reply on."""
    with _registry(home) as (_, registry), out.status("Checking and loading it"):
        promoted = registry.promote(adapter, by=COMMAND_LINE)
    out.print(f"{promoted.id} serves.", highlight=False)


@app.command()
def rollback(assistant: Assistant = "default", home: Home = None) -> None:
    """Let an assistant serve what it served before."""
    with _registry(home) as (database, registry), out.status("Checking and loading it"):
        active = registry.rollback(_assistant_id(database, assistant), by=COMMAND_LINE)
    out.print(f"{active.id if active else 'The base model'} serves.", highlight=False)


@contextmanager
def _registry(home: Home) -> Iterator[tuple["Database", "Registry"]]:
    settings = settings_of(home=home)
    with out.status("Starting"):
        from ui.home import prepare_home
        from ui.services import open_engine, open_registry
    database = prepare_home(settings)
    engine = open_engine(settings)
    try:
        yield database, open_registry(settings, database, engine)
    finally:
        engine.close()
        database.close()


def _assistant_id(database: "Database", slug: str) -> str:
    from assistant import records

    with database.read() as session:
        return records.assistant_by_slug(session, slug).id
