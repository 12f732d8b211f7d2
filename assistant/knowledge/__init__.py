"""What an assistant knows: documents, their chunks, and the index that finds the passages for a question."""

from assistant.knowledge.ingest import Ingested, Knowledge, Progress, Upload
from assistant.knowledge.rows import DocumentSummary, Passage, StoredText

__all__ = ["DocumentSummary", "Ingested", "Knowledge", "Passage", "Progress", "StoredText", "Upload"]
