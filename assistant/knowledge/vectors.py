"""The vectors of all chunks, in Chroma: one collection per assistant, cosine, embeddings given by us.

The folder belongs to one process at a time, by a file lock: two would corrupt it. All of it is a cache that can be
thrown away: a damaged database is started afresh.
"""

import logging
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import chromadb
import numpy as np
import numpy.typing as npt
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from filelock import FileLock, Timeout

from assistant.errors import Conflict

logger = logging.getLogger(__name__)

Vectors = npt.NDArray[np.float32]
"""Of length 1, one a row."""
SEARCH_BREADTH = 200
"""How many neighbours the graph search keeps in view; more finds the true nearest more surely."""


class VectorStore:
    """Owns the index folder until closed. Raises `Conflict` if another process does. Thread-safe."""

    def __init__(self, folder: Path, *, model: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / "owner.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as exc:
            raise Conflict(
                f"Another Thumbloop process is using the search index in {folder}. "
                "Stop that process first, or give this one another THUMBLOOP_HOME."
            ) from exc
        self._model = model
        try:
            self._client = _open(folder / "chroma")
        except BaseException:
            self._lock.release()
            raise
        self._batch = self._client.get_max_batch_size()
        self._collections: dict[str, Collection] = {}

    def _collection(self, key: str) -> Collection:
        """The assistant's collection; one that was made with another model is emptied."""
        if key in self._collections:
            return self._collections[key]
        name = f"assistant-{key}"
        for _ in range(2):
            collection = self._client.get_or_create_collection(
                name,
                metadata={"model": self._model},
                configuration={"hnsw": {"space": "cosine", "ef_search": SEARCH_BREADTH}},
                embedding_function=None,
            )
            if (collection.metadata or {}).get("model") == self._model:
                break
            self._client.delete_collection(name)
        self._collections[key] = collection
        return collection

    def ids(self, key: str) -> set[str]:
        """The ids of all vectors of an assistant."""
        return set(self._collection(key).get(include=[])["ids"])

    def all(self, key: str) -> dict[str, Vectors]:
        """All vectors of an assistant by id."""
        found = self._collection(key).get(include=["embeddings"])
        return dict(zip(found["ids"], np.asarray(found["embeddings"], dtype=np.float32), strict=True))

    def add(self, key: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Store vectors; one whose id is there already is replaced."""
        collection = self._collection(key)
        for first in range(0, len(ids), self._batch):
            batch = slice(first, first + self._batch)
            collection.upsert(ids=list(ids[batch]), embeddings=vectors[batch])

    def delete(self, key: str, ids: Sequence[str]) -> None:
        """Remove vectors."""
        collection = self._collection(key)
        for first in range(0, len(ids), self._batch):
            collection.delete(ids=list(ids[first : first + self._batch]))

    def drop(self, key: str) -> None:
        """Remove all vectors of an assistant."""
        self._collections.pop(key, None)
        if f"assistant-{key}" in {collection.name for collection in self._client.list_collections()}:
            self._client.delete_collection(f"assistant-{key}")

    def nearest(self, key: str, vector: Vectors, *, limit: int) -> list[str]:
        """The ids of the vectors most similar to one of shape (dimensions,), best first."""
        found = self._collection(key).query(query_embeddings=vector[np.newaxis], n_results=limit, include=[])
        return list(found["ids"][0])

    def cosines(self, key: str, vector: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """The cosine similarity of each of these vectors to one; an id that is not there is left out."""
        if not ids:
            return {}
        found = self._collection(key).get(ids=list(ids), include=["embeddings"])
        scores = np.asarray(found["embeddings"], dtype=np.float32) @ vector
        return dict(zip(found["ids"], scores.tolist(), strict=True))

    def close(self) -> None:
        """Give the folder back."""
        self._client.close()
        self._lock.release()


def _open(folder: Path) -> "chromadb.ClientAPI":
    if _is_damaged(folder / "chroma.sqlite3"):
        logger.warning("the index in %s is damaged and is built anew", folder)
        shutil.rmtree(folder)
    try:
        return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
    except Exception as exc:
        raise Conflict(
            f"The search index in {folder} could not be opened ({type(exc).__name__}). "
            "Delete that folder and start again: it is built anew from the database, and nothing is lost."
        ) from exc


def _is_damaged(file: Path) -> bool:
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(file)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError:
        return True
