"""The sample assistant of the first start, and the few documents of the project's own that it knows."""

from importlib.resources import files
from typing import Any

from sqlmodel import select

from assistant import records
from assistant.database import Database
from assistant.knowledge import Knowledge, Upload
from assistant.tables import Assistant, Conversation, Document

SLUG = "default"
SAMPLE: dict[str, Any] = {
    "name": "Thumbloop guide",
    "system_prompt": "You are a helpful assistant. You answer briefly, from the sources you are given.",
    "temperature": 0.2,
    "greeting": "Hello! I know a few documents about Thumbloop. Ask me something, and rate what I say.",
    "example_questions": [
        "What is Thumbloop?",
        "Which files does Thumbloop read?",
        "Where are my documents kept?",
        "Who can see what I write?",
    ],
}


def ensure_sample(database: Database, knowledge: Knowledge) -> None:
    """Make the sample assistant in a database without any, and give it its documents unless somebody has used it.

    An interrupted first start is completed by the next one; documents deleted later do not come back.
    """
    with database.write() as session:
        if not records.assistants(session):
            records.create_assistant(session, slug=SLUG, **SAMPLE)
        sample = session.exec(select(Assistant).where(Assistant.slug == SLUG)).first()
        used = session.exec(select(Conversation.id)).first() or session.exec(select(Document.id)).first()
    if sample is not None and not used:
        knowledge.ingest(sample.id, sample_documents())


def sample_documents() -> list[Upload]:
    """The sample documents, by name."""
    folder = files(__name__)
    texts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md")), key=lambda entry: entry.name)
    return [Upload(name=entry.name, data=entry.read_bytes()) for entry in texts]
