"""Somebody who likes short words in short sentences."""

import re

from bench.loop_gain.preference import Answer, Preference, finished, split_sentences

PLAINER = {
    "additionally": "also", "approximately": "about", "assist": "help", "assistance": "help", "beneficial": "good",
    "commence": "start", "consider": "think of", "consume": "eat", "create": "make", "delicious": "good",
    "demonstrate": "show", "determine": "find out", "difficult": "hard", "enhance": "improve", "ensure": "make sure",
    "essential": "needed", "establish": "set up", "excellent": "very good", "experience": "feel", "facilitate": "help",
    "following": "next", "frequently": "often", "however": "but", "identify": "find", "important": "key",
    "individual": "person", "individuals": "people", "ingredients": "parts", "maintain": "keep", "moreover": "also",
    "necessary": "needed", "numerous": "many", "obtain": "get", "opportunity": "chance", "particularly": "most of all",
    "popular": "well liked", "prevent": "stop", "previously": "before", "provide": "give", "purchase": "buy",
    "receive": "get", "regularly": "often", "remember": "keep in mind", "remove": "take off", "require": "need",
    "significant": "large", "sufficient": "enough", "therefore": "so", "typically": "mostly", "utilize": "use",
    "various": "many",
}  # fmt: skip
KEPT = 3
"""Sentences of a correction, the plainest ones in their order."""


def syllables(word: str) -> int:
    """About how many a word has."""
    groups = re.findall(r"[aeiouy]+", word.lower())
    return max(1, len(groups) - (word.lower().endswith("e") and not word.lower().endswith("le")))


def ease(text: str) -> float:
    """Flesch's reading ease: about 100 is easy, 0 is hard (https://doi.org/10.1037/h0057532)."""
    words = re.findall(r"[A-Za-z']+", text)
    if not words:
        return 0.0
    sentences = len(split_sentences(text))
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * sum(map(syllables, words)) / len(words)


def score(answer: Answer) -> float:
    """Reading ease, from 40 (0) to 100 (1)."""
    return min(1.0, max(0.0, (ease(answer.text) - 40) / 60))


def correct(answer: Answer) -> str:
    """The plainest sentences, with plainer words."""

    def plainer(found: re.Match[str]) -> str:
        word = PLAINER.get(found[0].lower(), found[0])
        return word.capitalize() if found[0][0].isupper() else word

    sentences = [re.sub(r"[A-Za-z]+", plainer, part) for part in split_sentences(finished(answer.text))]
    plainest = sorted(sentences, key=ease, reverse=True)[:KEPT]
    return " ".join(part for part in sentences if part in plainest)


PREFERENCE = Preference(
    name="plain-words", wish="Short words, short sentences.", score=score, correct=correct, content=0.6, least=0.05
)
