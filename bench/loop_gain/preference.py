"""What a preference is: how much such a person likes an answer, and how they would correct one.

The preferences themselves are the files of `bench/loop_gain/preferences/`; what they ask is in `questions.py`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.loop_gain.questions import Questions, everyday
from bench.preferences import SYSTEM


@dataclass(frozen=True)
class Answer:
    """An answer as a person reads it; `sources` are what it was given, each with `n`, `title` and `text`."""

    question: str
    text: str
    sources: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Preference:
    """What one kind of person likes. Scores are from 0 to 1; a person can be wrong about them, the measures are not."""

    name: str
    wish: str
    """What such a person would say that they want."""
    score: Callable[[Answer], float]
    """How good an answer is to them."""
    correct: Callable[[Answer], str]
    """What they would have wanted to read instead."""
    questions: Callable[[], Questions] = everyday
    system: str = SYSTEM
    """The instructions of the assistant that they talk to."""
    documents: bool = False
    """Whether that assistant knows the documents."""
    content: float = 0.5
    """From this score on they are content with an answer."""
    least: float = 0.1
    """They do not see a smaller difference between two answers."""


FROM_SOURCES = "You are a helpful assistant. You answer briefly, from the sources you are given."
OverDocuments = partial(Preference, system=FROM_SOURCES, documents=True, content=0.75)
"""A preference about answers from the documents, where an answer that is half right does not content anybody."""


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; a line of its own is one, too."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]


def finished(text: str) -> str:
    """A text without a last sentence that was cut off, if there are others."""
    sentences = split_sentences(text)
    if len(sentences) > 1 and not sentences[-1].endswith((".", "!", "?", '"', "]")):
        sentences.pop()
    return " ".join(sentences)


def pick(options: Sequence[str], question: str) -> str:
    """One of several wordings, always the same for a question."""
    return options[sum(map(ord, question)) % len(options)]
