"""`thumbloop ingest`: files into an assistant's documents, whether or not the app is running."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import BadInput
from ui.commands.options import Assistant, Home, out, settings_of


def ingest(
    files: Annotated[list[Path] | None, typer.Argument(help="Files, or folders of files.", show_default=False)] = None,
    assistant: Assistant = "default",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Rebuild the index from the database.")] = False,
    home: Home = None,
) -> None:
    """Add files to an assistant's documents, or rebuild the index."""
    paths = _files(files or [])
    if not paths and not rebuild:
        raise BadInput("There is nothing to do. Name a file or a folder, or use --rebuild.")
    settings = settings_of(home=home)
    with out.status("Starting"):
        from assistant import records
        from assistant.knowledge import Knowledge, Upload
        from ui.home import prepare_home
        from ui.launch import progress_bar
        from ui.services import fetch_models, open_embedder
    database = prepare_home(settings)
    with progress_bar(out) as bar:
        fetch_models(settings, progress=bar)
        knowledge = Knowledge(database, index_dir=settings.index_dir, embedder=open_embedder(settings))
        try:
            if rebuild:
                knowledge.rebuild(lambda name, done, of: bar(f"Rebuilding the index of {name}", done / max(of, 1)))
            failed = 0
            if paths:
                with database.read() as session:
                    assistant_id = records.assistant_by_slug(session, assistant).id
            for number, path in enumerate(paths, 1):
                try:
                    upload = Upload(name=path.name, data=path.read_bytes())
                except OSError as exc:
                    failed += 1
                    out.print(f"{path} could not be read: {exc.strerror}. Check its permissions.", highlight=False)
                    continue
                for done in knowledge.ingest(assistant_id, [upload]):
                    failed += done.state == "failed"
                    out.print(done.error or f"{done.name}: {done.state}, {done.chunks} passages", highlight=False)
                bar("Reading files", number / len(paths))
        finally:
            knowledge.close()
            database.close()
    if failed:
        raise typer.Exit(1)


def _files(named: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in named:
        if not path.exists():
            raise BadInput(f"There is no file {path}. Check its name.")
        found += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return found
