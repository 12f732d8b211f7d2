"""Feedback as a file to take away."""

from pathlib import Path

from assistant import records
from feedback.exchange import FORMATS, export_rows
from ui import exports
from ui.endpoints import inputs
from ui.services import Services
from ui.sessions import Caller


def export(services: Services, caller: Caller, assistant: str, format: str = "preference") -> Path:
    """Write an assistant's feedback to a file of JSON lines and give its path.

    `preference` and `unpaired` are TRL's conversational formats, `ratings` has every thumb.
    Raises `BadInput`, `NotFound`.
    """
    caller.require_admin()
    kind = inputs.choice(format, "format", FORMATS)
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in export_rows(session, asked.id, kind))

        return exports.make(services.settings, f"{asked.slug}-{kind}.jsonl", write)
