"""An assistant's documents, for admins."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assistant import records
from assistant.errors import BadInput
from assistant.knowledge import Upload
from ui.endpoints import inputs
from ui.services import Services
from ui.sessions import Caller


def ingest(services: Services, caller: Caller, assistant: str, files: Sequence[Upload]) -> dict[str, Any]:
    """Add files to an assistant's documents, or replace those of the same name; a bad file leaves the others be.

    Answers with each file's state, chunks and error, and the totals of the assistant. Raises `BadInput`, `NotFound`.
    """
    caller.require_admin()
    assistant_id = _assistant_id(services, assistant)
    if not files:
        raise BadInput("No file was sent. Choose at least one text, Markdown, HTML, PDF or Word file.")
    done = services.knowledge.ingest(assistant_id, files)
    return {"assistant": assistant, "files": [asdict(each) for each in done], **_totals(services, assistant_id)}


def documents(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """List an assistant's documents. Raises `NotFound`."""
    caller.require_admin()
    return {"assistant": assistant, **_totals(services, _assistant_id(services, assistant))}


def delete_document(services: Services, caller: Caller, assistant: str, name: str) -> dict[str, Any]:
    """Delete one of an assistant's documents by its name. Raises `NotFound`."""
    caller.require_admin()
    assistant_id = _assistant_id(services, assistant)
    services.knowledge.delete(assistant_id, inputs.text(name, "document's name", max_chars=1_000))
    return {"assistant": assistant, **_totals(services, assistant_id)}


def _assistant_id(services: Services, slug: str) -> str:
    with services.database.read() as session:
        return records.assistant_by_slug(session, inputs.name(slug, "assistant's name")).id


def _totals(services: Services, assistant_id: str) -> dict[str, Any]:
    held = services.knowledge.documents(assistant_id)
    listed = [asdict(document) | {"created_at": document.created_at.isoformat()} for document in held]
    return {"documents": listed, "chunks": sum(document.chunks for document in held)}
