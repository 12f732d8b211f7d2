"""`thumbloop export` and `import`: feedback as JSON lines."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import BadInput
from ui.commands.options import Assistant, Home, out, settings_of


def export(
    format: Annotated[str, typer.Option(help="preference, unpaired or ratings.")] = "preference",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; else it is printed.")] = None,
    assistant: Assistant = "default",
    home: Home = None,
) -> None:
    """Write an assistant's feedback as JSON lines."""
    settings = settings_of(home=home)
    from assistant import records
    from feedback.exchange import export_rows
    from ui.home import prepare_home

    database = prepare_home(settings)
    try:
        with database.read() as session:
            lines = export_rows(session, records.assistant_by_slug(session, assistant).id, format)
            text = "".join(f"{line}\n" for line in lines)
    finally:
        database.close()
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise BadInput(f"{output} cannot be written ({exc.strerror}). Choose another file.") from exc
    out.print(f"{output}: {text.count(chr(10))} lines", highlight=False)


def import_(
    file: Annotated[Path, typer.Argument(help="A file of JSON lines.")],
    assistant: Assistant = "default",
    home: Home = None,
) -> None:
    """Store preferences and ratings from JSON lines as feedback on an assistant."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # splitlines() would split at U+2028, within a text
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"{file} cannot be read as UTF-8 text. Check its name and its contents.") from exc
    settings = settings_of(home=home)
    from assistant import records
    from feedback.exchange import import_rows
    from ui.home import prepare_home

    database = prepare_home(settings)
    try:
        with database.write() as session:
            result = import_rows(session, records.assistant_by_slug(session, assistant).id, lines)
    finally:
        database.close()
    out.print(f"{result.added} added, {result.already_there} there already, {len(result.problems)} not used")
    for problem in result.problems:
        sys.stderr.write(f"{problem}\n")
    if result.problems:
        raise typer.Exit(1)
