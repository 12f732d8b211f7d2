"""What replies look like as text: length, variety, repetition, likeness to each other, and whether they hold an answer.

Pure functions of text. What a model finds likely is `retrain.scoring`; what a figure means is `retrain.verdict`.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from rouge_score.rouge_scorer import RougeScorer

LOOP_WORDS = 4
LOOP_TIMES = 3


def split_words(text: str) -> list[str]:
    """Words and punctuation marks in lower case; gibberish made of punctuation counts too."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def at_equal_length(before: Sequence[str], after: Sequence[str]) -> tuple[list[list[str]], list[list[str]]]:
    """The words of replies to the same prompts, each two cut to the shorter one, so that length is not variety."""
    pairs = [(split_words(a), split_words(b)) for a, b in zip(before, after, strict=True)]
    cut = [(a[: min(len(a), len(b))], b[: min(len(a), len(b))]) for a, b in pairs]
    return [a for a, _ in cut], [b for _, b in cut]


def word_entropy(replies: Sequence[Sequence[str]]) -> float:
    """Shannon entropy in bits of the words of all replies together."""
    counts = Counter(word for reply in replies for word in reply)
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0


def self_similarity(replies: Sequence[str]) -> float:
    """Mean ROUGE-L F1 of every two replies, 0 to 1: how much the replies to different prompts are one and the same."""
    scorer = RougeScorer(["rougeL"])
    scores = [scorer.score(a, b)["rougeL"].fmeasure for a, b in combinations(replies, 2)]
    return sum(scores) / len(scores) if scores else 0.0


def distinct_2(replies: Sequence[str]) -> float:
    """Mean share, by reply, of word pairs that are different; replies of one word are left out."""
    return _mean([len(set(grams)) / len(grams) for reply in replies if (grams := _grams(split_words(reply), 2))])


def repetition(replies: Sequence[str]) -> float:
    """Mean share, by reply, of runs of four words that stood in the same reply before."""
    return _mean(
        [1 - len(set(grams)) / len(grams) if (grams := _grams(split_words(reply), 4)) else 0.0 for reply in replies]
    )


def loops(reply: str) -> bool:
    """Whether a reply ends in words that it keeps saying: its last four words stand in it three times or more."""
    grams = _grams(split_words(reply), LOOP_WORDS)
    return bool(grams) and grams.count(grams[-1]) >= LOOP_TIMES


def contains_any(reply: str, answers: Sequence[str]) -> bool:
    """Whether a reply has one of the answers in it, as whole words, whatever the case."""
    return any(re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", reply, re.IGNORECASE) for answer in answers)


def _grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
