"""Finds the chunks for a question: vectors and BM25, fused by rank, with a share of what stands beside a chunk.

It is told what there is (`update`) and stores no text: the database is the truth, and all of this can be built anew.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from chromadb.errors import ChromaError
from semantic_text_splitter import TextSplitter

from assistant.knowledge.focus import Tokens
from assistant.knowledge.vectors import Vectors, VectorStore
from assistant.knowledge.words import WordIndex

logger = logging.getLogger(__name__)

CANDIDATES = 50
"""How many chunks each of the two rankings brings."""
RANK_CONSTANT = 4
"""Reciprocal rank fusion gives 1 / (constant + rank), from rank 0. A small one lets either ranking lift its first few,
which serves questions where one of them is far better than the other."""
NEIGHBOUR_SHARE = 0.2
"""How much of its neighbours' score a chunk gets: an answer goes on in the next chunk, and a chunk between two good
ones is good. Without it recall is 2 points lower (`bench/retrieval.py`)."""
EMBED_BATCH = 64


class EmbeddingModel(Protocol):
    """Turns texts into vectors: `Embedder`, or `HashEmbedder` in tests."""

    @property
    def name(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...
    def count(self, text: str) -> int: ...
    def embed(self, texts: Sequence[str]) -> Vectors: ...
    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]: ...


@dataclass(frozen=True)
class Entry:
    """A chunk as the index knows it: `text` is what is embedded, `document` tells which chunks are neighbours."""

    id: str
    document: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A chunk that was found, and the cosine similarity of its vector to the question's."""

    id: str
    score: float


@dataclass(frozen=True)
class _View:
    """One state of an assistant's chunks, replaced as a whole."""

    ids: list[str]
    documents: list[str]
    places: dict[str, int]
    words: WordIndex

    def best_by_words(self, query: str) -> list[str]:
        scores = self.words.scores(query)
        best = np.argsort(-scores, kind="stable")[:CANDIDATES]
        return [self.ids[place] for place in best if scores[place] > 0]

    def neighbours(self, id_: str) -> list[str]:
        place = self.places[id_]
        beside = (other for other in (place - 1, place + 1) if 0 <= other < len(self.ids))
        return [self.ids[other] for other in beside if self.documents[other] == self.documents[place]]


class Index:
    """Owns the index folder. Raises `Conflict` if another process does. Searches may run beside an update."""

    def __init__(self, folder: Path, *, embedder: EmbeddingModel) -> None:
        self._embedder = embedder
        self._vectors = VectorStore(folder, model=embedder.name)
        self._views: dict[str, _View] = {}

    def knows(self, key: str) -> bool:
        """Whether an assistant has been updated since this process opened the index."""
        return key in self._views

    def update(self, key: str, entries: Sequence[Entry], *, progress: Callable[[int, int], None] | None = None) -> None:
        """Make the index hold exactly these chunks, in document order; embeds only those that it lacks.

        Vectors that turn out to be damaged are made anew. Raises `ValueError` for a text that the embedding model
        cannot read whole.
        """
        try:
            self._update_vectors(key, entries, progress=progress)
        except ChromaError:
            logger.warning("the vectors of assistant %s are damaged and are made anew", key, exc_info=True)
            self._vectors.drop(key)
            self._update_vectors(key, entries, progress=progress)
        self._views[key] = _View(
            ids=[entry.id for entry in entries],
            documents=[entry.document for entry in entries],
            places={entry.id: place for place, entry in enumerate(entries)},
            words=WordIndex([entry.text for entry in entries]),
        )

    def _update_vectors(
        self, key: str, entries: Sequence[Entry], *, progress: Callable[[int, int], None] | None
    ) -> None:
        there = self._vectors.ids(key)
        self.embed(key, [entry for entry in entries if entry.id not in there], progress=progress)
        if stale := there.difference(entry.id for entry in entries):
            self._vectors.delete(key, sorted(stale))

    def embed(self, key: str, entries: Sequence[Entry], *, progress: Callable[[int, int], None] | None = None) -> None:
        """Store the vectors of some chunks ahead of the `update` that makes them findable."""
        for first in range(0, len(entries), EMBED_BATCH):
            batch = entries[first : first + EMBED_BATCH]
            self._vectors.add(key, [entry.id for entry in batch], self._embedder.embed([entry.text for entry in batch]))
            if progress:
                progress(first + len(batch), len(entries))

    def kept(self, key: str) -> dict[str, Vectors]:
        """The vectors stored under a key, by id; none if they are damaged."""
        try:
            return self._vectors.all(key)
        except ChromaError:
            logger.warning("the vectors of %s are damaged and are made anew", key, exc_info=True)
            self._vectors.drop(key)
            return {}

    def keep(self, key: str, texts: Mapping[str, str]) -> dict[str, Vectors]:
        """Embed texts of any length, and store their vectors under a key."""
        if not texts:
            return {}
        short = [id_ for id_, text in texts.items() if self._embedder.count(text) <= self._embedder.max_tokens]
        vectors = dict(zip(short, self._embedder.embed([texts[id_] for id_ in short]), strict=True))
        vectors |= {id_: self.embed_query(text) for id_, text in texts.items() if id_ not in vectors}
        self._vectors.add(key, list(vectors), np.stack(list(vectors.values())))
        return vectors

    def discard(self, key: str, ids: Collection[str]) -> None:
        """Remove vectors that `keep` stored."""
        if ids:
            self._vectors.delete(key, sorted(ids))

    def drop(self, key: str) -> None:
        """Forget all that is stored under a key, as the chunks of an assistant."""
        self._views.pop(key, None)
        self._vectors.drop(key)

    def search(self, key: str, query: str) -> list[Hit]:
        """The chunks for a question, best first by fused rank; their scores are cosines and need not fall."""
        view, vector = self._views[key], self.embed_query(query)
        dense, words = self._nearest(key, view, vector), view.best_by_words(query)
        scores = {hit.id: hit.score for hit in dense}
        missing = [id_ for id_ in words if id_ not in scores]
        scores |= self._vectors.cosines(key, vector, missing)
        order = fuse([[hit.id for hit in dense], words], neighbours=view.neighbours)
        return [Hit(id_, scores[id_]) for id_ in order if id_ in scores]

    def search_among(self, key: str, query: str, ids: Sequence[str]) -> list[Hit]:
        """The best of these chunks by meaning alone; those that are not in the index are left out."""
        cosines = self._vectors.cosines(key, self.embed_query(query), ids)
        return sorted((Hit(*each) for each in cosines.items()), key=lambda hit: -hit.score)[:CANDIDATES]

    def by_meaning(self, key: str, query: str) -> list[Hit]:
        """The chunks whose vectors are the most similar to the question's, best first."""
        return self._nearest(key, self._views[key], self.embed_query(query))

    def by_words(self, key: str, query: str) -> list[str]:
        """The ids of the chunks that share the most telling words with the question, best first."""
        return self._views[key].best_by_words(query)

    def close(self) -> None:
        """Give the index folder back."""
        self._vectors.close()

    def _nearest(self, key: str, view: _View, vector: Vectors) -> list[Hit]:
        found = [id_ for id_ in self._vectors.nearest(key, vector, limit=CANDIDATES) if id_ in view.places]
        cosines = self._vectors.cosines(key, vector, found)
        return sorted((Hit(*each) for each in cosines.items()), key=lambda hit: (-hit.score, view.places[hit.id]))

    def embed_query(self, query: str) -> Vectors:
        """A question's vector, of shape (dimensions,); one longer than the model reads is the mean of its pieces."""
        embedder = self._embedder
        pieces = [query]
        if embedder.count(query) > embedder.max_tokens:
            pieces = TextSplitter.from_callback(embedder.count, embedder.max_tokens).chunks(query)
        mean = embedder.embed(pieces).mean(axis=0)
        vector: Vectors = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return vector


def fuse(rankings: Sequence[Sequence[str]], *, neighbours: Callable[[str], list[str]]) -> list[str]:
    """Reciprocal rank fusion (Cormack et al., SIGIR 2009), then each chunk gets a share of its neighbours' scores."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking):
            scores[id_] = scores.get(id_, 0.0) + 1 / (RANK_CONSTANT + rank)
    shared = {
        id_: score + NEIGHBOUR_SHARE * sum(scores.get(other, 0.0) for other in neighbours(id_))
        for id_, score in scores.items()
    }
    return sorted(shared, key=lambda id_: -shared[id_])
