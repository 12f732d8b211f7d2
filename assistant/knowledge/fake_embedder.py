"""A second embedder, for tests: a bag of hashed words. Deterministic; texts that share words are similar."""

import re
import zlib
from collections.abc import Sequence

import numpy as np

from assistant.knowledge.focus import Tokens
from assistant.knowledge.vectors import Vectors

_TOKEN = re.compile(r"\w{1,12}|[^\w\s]")


class HashEmbedder:
    """Texts that share words get similar vectors. A token is a word of up to 12 letters or a punctuation mark."""

    def __init__(self, *, name: str = "hash", max_tokens: int = 256, dimensions: int = 256) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.embedded: list[str] = []
        """Every text it was given, in order."""
        self._dimensions = dimensions

    def count(self, text: str) -> int:
        """How many tokens a text has, and two as a real model's special tokens."""
        return len(_TOKEN.findall(text)) + 2

    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """A vector for each token, the same for the same word in every text."""
        found = []
        for text in texts:
            places = [zlib.crc32(token.encode()) % self._dimensions for token in _TOKEN.findall(text.lower())]
            found.append(Tokens(tuple(places), np.eye(self._dimensions, dtype=np.float32)[places]))
        return found

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1. Raises `ValueError` for a text longer than `max_tokens`."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            if self.count(text) > self.max_tokens:
                raise ValueError(
                    f"a text has {self.count(text)} tokens, and this embedder reads only {self.max_tokens}"
                )
            for token in ["", *_TOKEN.findall(text.lower())]:
                row[zlib.crc32(token.encode()) % self._dimensions] += 1
            row /= np.linalg.norm(row)
        self.embedded.extend(texts)
        return vectors
