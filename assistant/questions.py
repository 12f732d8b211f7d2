"""What a question is about: one that refers back to the question before it is searched for together with that one."""

import re
from collections.abc import Mapping, Sequence

_REFERS_BACK = re.compile(
    r"^\W*(?:and|but|so|what about|how about|why|since when)\b|"
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|theirs|that|those|these|this|there|then|one|ones)\b",
    re.IGNORECASE,
)


def search_query(question: str, history: Sequence[Mapping[str, str]]) -> str:
    """What to search for: the question, after the one before it where it refers back (`And how much is it?`)."""
    asked_before = [turn["content"] for turn in history if turn["role"] == "user"]
    if asked_before and _REFERS_BACK.search(question):
        return f"{asked_before[-1]}\n{question}"
    return question
