"""Late interaction: sentences ranked by how well each word of a question is met in them.

A small chat model answers from a few sentences far better than from whole passages. The similarity is MaxSim of
ColBERT (Khattab and Zaharia, SIGIR 2020, https://arxiv.org/abs/2004.12832), on the token vectors of the embedding
model: for each token of the question the best cosine among the tokens of the sentence, read under its title and
headings.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assistant.knowledge.chunks import embedding_text
from assistant.knowledge.rows import Passage
from assistant.knowledge.sentences import split_sentences
from assistant.knowledge.vectors import Vectors

PASSAGE_SHARE = 0.2
"""How much the passage's own similarity counts beside the sentence's."""
COMMON_TOKENS = 1500
"""So many at the head of a vocabulary are marks, single letters and words of no weight, as `the` and `what`."""


@dataclass(frozen=True)
class Tokens:
    """A text as the embedding model reads it: the ids of its tokens, and a vector of length 1 for each, a row."""

    ids: tuple[int, ...]
    vectors: Vectors


class TokenEmbedder(Protocol):
    """An embedding model that shows the vectors of single tokens."""

    @property
    def max_tokens(self) -> int: ...
    def count(self, text: str) -> int: ...
    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]: ...


def best_sentences(embedder: TokenEmbedder, query: str, found: Sequence[Passage]) -> list[Passage]:
    """Sentences, best first, each given with its passage's score; now their scores are MaxSim, about 0 to 1.

    The order weighs the tokens of the question by how rare they are among these sentences, and adds a share of the
    passage's score. The score weighs them by how rare they are in the language and adds nothing, so that a threshold
    means the same whatever else was found.
    """
    if not found:
        return []
    read = embedder.embed_tokens([query, *(_in_context(embedder, sentence) for sentence in found)])
    asked, sentences = read[0], read[1:]
    met = np.stack([_best_cosines(asked, sentence) for sentence in sentences])
    ranks = met @ _rarity(asked, sentences) + PASSAGE_SHARE * np.array([sentence.score for sentence in found])
    scores = met @ _information(asked)
    return [replace(found[at], score=float(scores[at])) for at in np.argsort(-ranks, kind="stable")]


def sentences_of(passage: Passage, around: str, offset: int) -> list[Passage]:
    """The sentences that a passage has a part of; `around` is the text about it, from `offset` of its document."""
    placed = ((offset + each.start, offset + each.end, each.text) for each in split_sentences(around))
    return [
        replace(passage, text=text, start=start, end=end)
        for start, end, text in placed
        if start < passage.end and end > passage.start
    ]


def _in_context(embedder: TokenEmbedder, sentence: Passage) -> str:
    """A sentence under its title and headings; of one that is longer than the model reads, the beginning."""
    text = sentence.text
    while embedder.count(whole := embedding_text(sentence.title, sentence.heading, text, count=embedder.count)) > (
        embedder.max_tokens
    ):
        text = text[: len(text) * 3 // 4]
    return whole


def _best_cosines(asked: Tokens, sentence: Tokens) -> npt.NDArray[np.float32]:
    best: npt.NDArray[np.float32] = (asked.vectors @ sentence.vectors.T).max(axis=1)
    return best


def _information(asked: Tokens) -> npt.NDArray[np.float64]:
    """A weight for each token of the question, all together 1: how much rarer it is than the words in every text.

    Vocabularies list their tokens by how often they occur, and by Zipf's law that is about one over the place.
    """
    weights = np.log(np.maximum(asked.ids, COMMON_TOKENS) / COMMON_TOKENS)
    return weights / weights.sum() if weights.any() else np.full(len(asked.ids), 1 / max(1, len(asked.ids)))


def _rarity(asked: Tokens, sentences: Sequence[Tokens]) -> npt.NDArray[np.float64]:
    """A weight for each token of the question, all together 1: the inverse document frequency of BM25."""
    holding = Counter(token for sentence in sentences for token in set(sentence.ids))
    weights = [math.log1p((len(sentences) - holding[token] + 0.5) / (holding[token] + 0.5)) for token in asked.ids]
    return np.array(weights) / max(sum(weights), 1e-9)
