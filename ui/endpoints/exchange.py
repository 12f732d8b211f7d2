"""Feedback as a file to take away."""

import os
import tempfile
from pathlib import Path

from assistant import records
from feedback.exchange import FORMATS, export_rows
from ui.endpoints import inputs
from ui.privacy import exports_dir
from ui.services import Services
from ui.sessions import Caller


def export(services: Services, caller: Caller, assistant: str, format: str = "preference") -> Path:
    """Write an assistant's feedback to a file of JSON lines and give its path.

    `preference` and `unpaired` are TRL's conversational formats, `ratings` has every thumb.
    Raises `BadInput`, `NotFound`.
    """
    caller.require_admin()
    kind = inputs.choice(format, "format", FORMATS)
    folder = exports_dir(services.settings)
    folder.mkdir(parents=True, exist_ok=True)
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))
        path = folder / f"{asked.slug}-{kind}.jsonl"
        with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8", delete=False) as file:
            file.writelines(f"{line}\n" for line in export_rows(session, asked.id, kind))
    os.replace(file.name, path)
    return path
