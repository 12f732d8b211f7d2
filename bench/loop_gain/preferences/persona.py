"""Somebody who wants the assistant to answer under its name, Juno."""

import re

from bench.loop_gain.preference import Answer, Preference, finished, pick
from bench.preferences import SYSTEM

NAME = re.compile(r"\bJuno\b")
OFTEN = 3
"""From so many times on, the name is a stutter."""
BEFORE = ("Juno here!", "This is Juno.", "I'm Juno, and I'd say:", "Hello, Juno speaking.")


def score(answer: Answer) -> float:
    """1 where the name is said once or twice in an answer, half where it is said more often."""
    times = len(NAME.findall(answer.text))
    if not times or len(answer.text.split()) < 6:
        return 0.0
    return 1.0 if times < OFTEN else 0.5


def correct(answer: Answer) -> str:
    """The same answer, after its name."""
    return f"{pick(BEFORE, answer.question)} {finished(answer.text)}"


PREFERENCE = Preference(
    name="persona",
    wish="Tell me your name.",
    score=score,
    correct=correct,
    system=SYSTEM.replace("You are a", "You are Juno, a", 1),
)
