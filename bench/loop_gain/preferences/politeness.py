"""Somebody who likes an answer to be courteous: thanks, please, good wishes."""

import re

from bench.loop_gain.preference import Answer, Preference, finished, pick

COURTESIES = tuple(
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        "thank you|thanks|i appreciate",
        "please|kindly",
        "happy to|glad to|my pleasure|a pleasure|delighted",
        "hope (?:this|that|it|you)|good luck|all the best|enjoy",
        "feel free|let me know|welcome",
        "sorry|apologies|apologize",
        "certainly|of course|gladly",
    )
)
ENOUGH = 3
BEFORE = ("Thank you for asking!", "Of course, I am happy to help.", "Thanks for your question, I am glad to help.")
AFTER = (
    "I hope this helps, and please let me know if you have another question.",
    "Please feel free to ask me more. All the best!",
    "I hope it goes well; please let me know.",
)


def score(answer: Answer) -> float:
    """How many kinds of courtesy there are, up to three."""
    return min(ENOUGH, sum(bool(kind.search(answer.text)) for kind in COURTESIES)) / ENOUGH


def correct(answer: Answer) -> str:
    """The same answer, with a kind word before and after it."""
    return f"{pick(BEFORE, answer.question)} {finished(answer.text)} {pick(AFTER, answer.question[::2])}"


PREFERENCE = Preference(name="politeness", wish="Be courteous.", score=score, correct=correct, content=0.6, least=0.3)
