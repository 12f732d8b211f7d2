"""What people like, learned from a run's ratings: a small model that scores replies which nobody has rated yet.

A preference says that one reply is better than another (Bradley and Terry 1952, https://doi.org/10.2307/2334029), a
thumb that a reply is better or worse than most: a logistic model of the difference between two replies, or of one reply
and a level common to all. It looks at `retrain.manner`, at single words, and at an embedding, as linear reward models
do (https://arxiv.org/abs/1706.03741 has the larger kind). Each weight has a normal prior, so that few and partly wrong
ratings teach little too much. Whom it is used for is not known here.
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray

from assistant.prompt import ChatMessage
from feedback.claims import Kind
from retrain.manner import LONGER, SHORTER, TRAITS, Reading, traits, wording

Floats = NDArray[numpy.float64]

MANNER, WORDS, MEANING, LENGTH = 0.5, 0.3, 1.0, 2.0
"""Standard deviations of the prior of a weight: of a trait, a single word, a place of an embedding, and of how many
doublings a reply is from the usual length of those that people like. Ratings seldom show what is too short where most
replies are too long, but corrections and liked replies show what is right."""
LEVEL = 5.0
"""That of the level from which on a reply gets a thumb up."""
THUMB = 0.5
"""How much a single thumb counts beside a preference: people rate a reply by more than what they like of it."""
STRENGTHS = (0.3, 1.0, 3.0)
"""By what the priors' variances are multiplied; the one that foretells ratings best from the rest is taken."""
FOLDS = 5
KNOWN_FROM = 3
"""Questions in whose answers a word must stand for a weight of its own."""
STEPS = 40
SURE = 1.96
"""Standard deviations to either side within which 95% lie."""
CHOSEN_WORDS = ("choose words that people like better", "choose words that people like less")
NAMED = (*((trait.more, trait.less) for trait in TRAITS), (LONGER, SHORTER))
"""How people say that answers have more or less of the first places of what is looked at."""


class Embedding(Protocol):
    """What is needed of an embedding model, such as `assistant.knowledge.embedding.Embedder`."""

    @property
    def max_tokens(self) -> int: ...
    def count(self, text: str) -> int: ...
    def embed(self, texts: Sequence[str]) -> NDArray[numpy.float32]: ...


@dataclass(frozen=True)
class Hits:
    """How many preferences it was tested on that it had not learned from, and on how many it was right."""

    of: int
    right: int

    @property
    def low(self) -> float:
        """The share that is right at least, with 97.5% certainty (Wilson 1927, https://doi.org/10.2307/2276774)."""
        if not self.of:
            return 0.0
        share, spread = self.right / self.of, SURE**2 / self.of
        around = SURE * math.sqrt(share * (1 - share) / self.of + spread / (4 * self.of))
        return (share + spread / 2 - around) / (1 + spread)

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(self.of + other.of, self.right + other.right)


class Taste:
    """What people like, as far as the ratings of a run tell it."""

    def __init__(self, look: "_Look", weights: Floats, *, tested: Hits, thumbs: Hits) -> None:
        self._look = look
        self._weights = weights
        self.tested = tested
        """On the preferences that it learned from, by fifths, each foretold from what is on other questions."""
        self.thumbs = thumbs
        """The same on single thumbs: how often a liked reply came before a disliked one, each in one comparison."""

    @classmethod
    def learn(cls, rows: Sequence[Mapping[str, Any]], *, embedding: Embedding | None) -> "Taste":
        """Learn from frozen rows, preferences and single thumbs alike (`retrain.dataset`); without any, all is alike.

        Without an embedding, manner and words must do. The same rows give the same taste.
        """
        look = _Look(rows, embedding)
        seen = _Seen.of(rows, look)
        tried = [(strength, seen.foretold(strength)) for strength in STRENGTHS]
        strength, foretold = max(tried, key=lambda each: seen.likelihood(each[1]))
        preferences = foretold[~seen.single]
        tested = Hits(len(preferences), int((preferences > 0).sum()))
        thumbs = _told_apart(*(foretold[seen.single & (seen.liked == label)] for label in (1, -1)))
        weights, _ = _fit(seen.rows, seen.liked, seen.single, strength=strength)
        return cls(look, weights, tested=tested, thumbs=thumbs)

    def score(self, prompt: Sequence[ChatMessage], replies: Sequence[str]) -> list[float]:
        """How well replies to one prompt are liked: only the differences between them mean anything."""
        found: list[float] = (self._look.at([(prompt, reply) for reply in replies]) @ self._weights).tolist()
        return found

    def gains(self, answers: Sequence[tuple[Sequence[ChatMessage], str, str]]) -> list[float]:
        """By how much the second of two replies to a prompt is liked better than the first."""
        found: list[float] = (self._differences(answers) @ self._weights).tolist()
        return found

    def test(self, rows: Sequence[Mapping[str, Any]]) -> Hits:
        """How often it is right about preferences that it did not learn from."""
        if not rows:
            return Hits(0, 0)
        placed = self._look.at([reply for row in rows for reply in _replies(row)])
        gains = (placed[0::2] - placed[1::2]) @ self._weights
        return Hits(len(gains), int((gains > 0).sum()))

    def reasons(self, answers: Sequence[tuple[Sequence[ChatMessage], str, str]]) -> list[tuple[str, float]]:
        """In what the second replies differ, in words, by how much better liked they are for that; the most first."""
        means = self._differences(answers).mean(axis=0)
        parts = means * self._weights
        total: defaultdict[tuple[str, str], float] = defaultdict(float)
        way: dict[tuple[str, str], float] = {}
        for both, mean, part in zip(NAMED, means, parts, strict=False):
            total[both] += float(part)
            way.setdefault(both, float(mean))
        total[CHOSEN_WORDS] = way[CHOSEN_WORDS] = float(parts[len(NAMED) :].sum())
        found = [(both[0] if way[both] > 0 else both[1], gain) for both, gain in total.items()]
        return sorted(found, key=lambda each: -each[1])

    def _differences(self, answers: Sequence[tuple[Sequence[ChatMessage], str, str]]) -> Floats:
        placed = self._look.at([(prompt, text) for prompt, *both in answers for text in both])
        return placed[1::2] - placed[0::2]


_Reply = tuple[Sequence[ChatMessage], str]


def _replies(row: Mapping[str, Any]) -> list[_Reply]:
    """The replies of a frozen row: chosen and rejected, or one."""
    if "completion" in row:
        return [(row["prompt"], row["completion"][-1]["content"])]
    other = row.get("rejected_prompt") or row["prompt"]
    return [(row["prompt"], row["chosen"][-1]["content"]), (other, row["rejected"][-1]["content"])]


def _is_liked(row: Mapping[str, Any]) -> bool:
    """Whether people wrote a reply, or liked it, and did not only like another less."""
    return bool(row["label"]) if "completion" in row else row.get("kind") == Kind.correction


class _Look:
    """What is looked at in a reply, as numbers that are scaled by how much is expected of them."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], embedding: Embedding | None) -> None:
        replies = [reply for row in rows for reply in _replies(row)]
        asked: defaultdict[str, set[str]] = defaultdict(set)
        for prompt, text in replies:
            for word in wording(text):
                asked[word].add(_question(prompt))
        known = sorted(word for word, questions in asked.items() if len(questions) >= KNOWN_FROM)
        self._places = {word: place for place, word in enumerate(known)}
        self._embedding = embedding
        liked = [Reading(*_replies(row)[0]).length for row in rows if _is_liked(row)]
        self._usual = float(numpy.median(liked)) if len(liked) >= KNOWN_FROM else None

    def at(self, replies: Sequence[_Reply]) -> Floats:
        """A row for each reply."""
        manner = numpy.array([traits(*reply) for reply in replies], dtype=numpy.float64).reshape(-1, len(TRAITS))
        lengths = numpy.array([Reading(*reply).length for reply in replies]).reshape(-1, 1)
        words = numpy.zeros((len(replies), len(self._places)))
        for row, (_, text) in zip(words, replies, strict=True):
            row[[self._places[word] for word in wording(text) if word in self._places]] = 1.0
        beside = -LENGTH * abs(lengths - self._usual) if self._usual is not None else 0.0 * lengths
        parts = [MANNER * manner, beside, WORDS * words]
        if self._embedding is not None:
            parts.append(MEANING * _embedded([text for _, text in replies], self._embedding))
        return numpy.concatenate(parts, axis=1)


def _embedded(texts: Sequence[str], embedding: Embedding) -> Floats:
    """The embeddings of texts, of each as much as the model reads."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    vectors = embedding.embed([_shortened(text, embedding) for text in places])
    return vectors[[places[text] for text in texts]].astype(numpy.float64)


def _shortened(text: str, embedding: Embedding) -> str:
    while (tokens := embedding.count(text)) > embedding.max_tokens:
        text = text[: min(len(text) - 1, len(text) * embedding.max_tokens // tokens)]
    return text


@dataclass(frozen=True)
class _Seen:
    """Ratings as rows to fit: the difference between two replies, or one reply against the mean of all."""

    rows: Floats
    liked: Floats
    """1, or -1 for a thumb down; a preference is turned so that it is 1."""
    single: NDArray[numpy.bool_]
    fold: NDArray[numpy.int64]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], look: _Look) -> "_Seen":
        placed = look.at([reply for row in rows for reply in _replies(row)])
        mean = placed.mean(axis=0) if len(placed) else 0.0
        found, at = [], 0
        for row in rows:
            one = "completion" in row
            found.append(placed[at] - mean if one else placed[at] - placed[at + 1])
            at += 1 if one else 2
        return cls(
            rows=numpy.array(found).reshape(len(rows), placed.shape[1]),
            liked=numpy.array([1.0 if row.get("label", True) else -1.0 for row in rows]),
            single=numpy.array(["completion" in row for row in rows], dtype=bool),
            fold=numpy.array([_fold(row) for row in rows], dtype=numpy.int64),
        )

    def foretold(self, strength: float) -> Floats:
        """What is foretold of each rating by all that are on other questions: above 0 that it is liked."""
        found = numpy.zeros(len(self.rows))
        for fold in numpy.unique(self.fold):
            out = self.fold == fold
            weights, level = _fit(self.rows[~out], self.liked[~out], self.single[~out], strength=strength)
            found[out] = self.rows[out] @ weights + level * self.single[out]
        return found

    def likelihood(self, foretold: Floats) -> float:
        return float(-(_counts(self.single) * numpy.logaddexp(0, -self.liked * foretold)).sum())


def _told_apart(liked: Floats, disliked: Floats) -> Hits:
    """Of as many comparisons as the fewer replies allow, how many are right: the share is that of all comparisons.

    That is the area under the ROC curve (Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747).
    """
    of = min(len(liked), len(disliked))
    if not of:
        return Hits(0, 0)
    gaps = liked[:, None] - disliked[None, :]
    return Hits(of, round(of * float(((numpy.sign(gaps) + 1) / 2).mean())))


def _counts(single: NDArray[numpy.bool_]) -> Floats:
    return numpy.where(single, THUMB, 1.0)


def _fit(rows: Floats, liked: Floats, single: NDArray[numpy.bool_], *, strength: float) -> tuple[Floats, float]:
    """The likeliest weights and level, by Newton's method on the ratings instead of the weights, which are more.

    Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 3.1. A step that makes it worse
    is halved.
    """
    counts, alone = _counts(single), single.astype(numpy.float64)
    kernel = strength * rows @ rows.T + LEVEL**2 * numpy.outer(alone, alone)

    def badness(dual: Floats, value: Floats) -> float:
        return float((counts * numpy.logaddexp(0, -liked * value)).sum() + dual @ value / 2)

    dual = value = numpy.zeros(len(rows))
    best = badness(dual, value)
    for _ in range(STEPS):
        chance = 1 / (1 + numpy.exp(-value))
        slope = counts * ((liked + 1) / 2 - chance)
        curve = numpy.maximum(counts * chance * (1 - chance), 1e-6)
        step = numpy.linalg.solve(kernel + numpy.diag(1 / curve), value + slope / curve) - dual
        before = best
        for share in (1.0, 0.5, 0.25, 0.125):
            tried = dual + share * step
            if (now := badness(tried, kernel @ tried)) < best:
                dual, value, best = tried, kernel @ tried, now
                break
        if before - best < 1e-6:
            break
    return strength * (dual @ rows), LEVEL**2 * float(dual @ alone)


def _question(prompt: Sequence[ChatMessage]) -> str:
    """What a conversation began with."""
    return next((message["content"] for message in prompt if message["role"] == "user"), json.dumps(prompt))


def _fold(row: Mapping[str, Any]) -> int:
    return int(hashlib.sha256(_question(row["prompt"]).encode()).hexdigest(), 16) % FOLDS
