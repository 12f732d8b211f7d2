"""What an assistant knows: documents, their chunks, and the index that finds the passages for a question."""
