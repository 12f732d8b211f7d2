"""The command line `thumbloop`: what each command takes and says. The work is done elsewhere.

Commands import what they need when they run, because models and Gradio take seconds to import.
"""

import sys
from typing import Annotated

import typer

from assistant.errors import ThumbloopError
from ui import __version__
from ui.commands import adapters, documents, exchange, people, training
from ui.commands.options import Home, out, settings_of

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("ingest")(documents.ingest)
app.command("retrain")(training.retrain)
app.command("teach")(training.teach)
app.command("export")(exchange.export)
app.command("import")(exchange.import_)
app.add_typer(adapters.app, name="adapters")
app.add_typer(people.app, name="users")


@app.callback(invoke_without_command=True)
def thumbloop(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """A chat assistant on your own documents, and every thumb makes it better."""
    if version:
        out.print(f"thumbloop {__version__}", highlight=False)
        raise typer.Exit


@app.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    model: Annotated[str | None, typer.Option(help="Chat model: default, a hub id, or a local folder.")] = None,
    embedding_model: Annotated[str | None, typer.Option(help="Embedding model: as --model.")] = None,
    database_url: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the database.")] = None,
    guests: Annotated[bool | None, typer.Option(help="Whether people may chat without signing in.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of the chat model.")] = None,
    max_upload_mb: Annotated[int | None, typer.Option(help="Largest file that may be uploaded.")] = None,
) -> None:
    """Serve the app until it is interrupted."""
    settings = settings_of(
        home=home,
        host=host,
        port=port,
        model=model,
        embedding_model=embedding_model,
        database_url=database_url,
        guests=guests,
        threads=threads,
        max_upload_mb=max_upload_mb,
    )
    with out.status("Starting"):
        from ui.launch import launch
    launch(settings, console=out).run()


@app.command()
def doctor(home: Home = None) -> None:
    """Tell what works here and what does not, each with its remedy."""
    settings = settings_of(home=home)
    with out.status("Looking"):
        from ui.doctor import Level, examine
    bad = False
    marks = {Level.ok: "[green]ok  [/]", Level.warn: "[yellow]warn[/]", Level.bad: "[red]bad [/]"}
    for finding in examine(settings):
        bad = bad or finding.level is Level.bad
        out.print(f"{marks[finding.level]} [bold]{finding.what}[/]: {finding.says}", highlight=False)
        if finding.remedy:
            out.print(f"     {finding.remedy}", highlight=False)
    raise typer.Exit(1 if bad else 0)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; an error that a person may see is a sentence on the error output and the exit code 1."""
    try:
        app(args=arguments)
    except ThumbloopError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
