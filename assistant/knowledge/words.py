"""BM25 over the words of an assistant's chunks, in memory."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import Stemmer
from bm25s import BM25
from bm25s.stopwords import STOPWORDS_EN

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""A run of letters and digits; Chinese and Japanese, which put no spaces between words, go by the character."""
_STOP_WORDS = frozenset(STOPWORDS_EN)


class WordIndex:
    """Scores texts by the words that they share with a query. Immutable."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        corpus = [tokenise(text) for text in texts]
        self._bm25: BM25 | None = None
        if any(corpus):
            self._bm25 = BM25()
            self._bm25.index(corpus, show_progress=False)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """A score per text, in their order; 0 where no word is shared."""
        words = tokenise(query)
        if not words or self._bm25 is None:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._bm25.get_scores(words), dtype=np.float32)


def tokenise(text: str) -> list[str]:
    """Lower-case words without English stop words, by their English stems."""
    words = [word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
    stems: list[str] = Stemmer.Stemmer("english").stemWords(words)
    return stems
