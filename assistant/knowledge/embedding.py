"""Texts to vectors by a sentence-transformers model, which also counts the tokens by which documents are split.

The model reads only its first `max_tokens` tokens; a longer text is an error here, never cut in silence.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from cachetools import LRUCache
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from assistant.errors import ModelUnavailable
from assistant.knowledge.focus import Tokens
from assistant.knowledge.vectors import Vectors
from assistant.models import compute_dtype

BATCH = 32
KEPT_TEXTS = 2048
"""Texts whose token vectors are kept in memory, about 60 kB each: the same sentences are read for many questions."""


class Embedder:
    """A sentence-transformers model from a local folder (or the hub's cache). Thread-safe; loads in about a second."""

    def __init__(self, path: str, *, device: str = "cpu") -> None:
        try:
            self._model = SentenceTransformer(path, device=device, trust_remote_code=False)
        except Exception as exc:  # the libraries below raise errors of every kind for a folder that is no model
            raise ModelUnavailable(
                f"The embedding model at {path} could not be loaded ({type(exc).__name__}). "
                "Run `thumbloop doctor`, or set THUMBLOOP_EMBEDDING_MODEL to a sentence-transformers model."
            ) from exc
        self._half = compute_dtype() is torch.bfloat16
        self._dimensions = int(self._model.get_embedding_dimension())
        self._encoding = threading.Lock()  # fast tokenizers panic when two threads set their truncation; held per batch
        self._kept: LRUCache[str, Tokens] = LRUCache(KEPT_TEXTS)
        self._keeping = threading.Lock()
        fast = self._model.tokenizer
        fast.split_special_tokens = True  # `[SEP]` in a document is text
        self.tokenizer: Tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True
        self.max_tokens: int = self._model.max_seq_length or 256
        self.name = f"{Path(path).name}-{self._fingerprint()}"

    def count(self, text: str) -> int:
        """How many tokens the model reads for a text, its special tokens included."""
        return len(self.tokenizer.encode(text).ids)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, shape (texts, dimensions). Raises `ValueError` for a text longer than `max_tokens`."""
        self._require_fitting(texts)
        vectors = [np.zeros((0, self._dimensions), dtype=np.float32)]
        for first in range(0, len(texts), BATCH):
            batch = list(texts[first : first + BATCH])
            with self._encoding:
                vectors.append(self._model.encode(batch, normalize_embeddings=True, show_progress_bar=False))
        return np.concatenate(vectors)

    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The vectors of single tokens, without the special ones. Raises `ValueError` as `embed` does."""
        with self._keeping:
            known = {text: kept for text in texts if (kept := self._kept.get(text)) is not None}
        fresh = list(dict.fromkeys(text for text in texts if text not in known))
        self._require_fitting(fresh)
        for first in range(0, len(fresh), BATCH):
            batch = fresh[first : first + BATCH]
            known |= zip(batch, self._read_tokens(batch), strict=True)
        with self._keeping:
            self._kept.update({text: known[text] for text in fresh})
        return [known[text] for text in texts]

    def _read_tokens(self, batch: list[str]) -> Iterator[Tokens]:
        with self._encoding, torch.autocast(self._model.device.type, torch.bfloat16, enabled=self._half):
            read = self._model.encode(batch, output_value="token_embeddings", show_progress_bar=False)
        for text, states in zip(batch, read, strict=True):
            encoded = self.tokenizer.encode(text)
            plain = [at for at, special in enumerate(encoded.special_tokens_mask) if not special]
            vectors = torch.nn.functional.normalize(states[plain].float(), dim=-1).cpu().numpy()
            yield Tokens(tuple(encoded.ids[at] for at in plain), vectors)

    def _require_fitting(self, texts: Sequence[str]) -> None:
        for text in texts:
            if (tokens := self.count(text)) > self.max_tokens:
                raise ValueError(f"a text has {tokens} tokens, and the embedding model reads only {self.max_tokens}")

    def _fingerprint(self) -> str:
        """Tells models apart whatever their folders are called: a hash of their biases and norms, which are small."""
        digest = hashlib.sha256()
        for parameter in self._model.parameters():
            if parameter.ndim == 1:
                digest.update(parameter.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()[:12]
