"""Tells whether two answers are too alike for their difference to teach anything. Pure."""

import re
from difflib import SequenceMatcher

MEANT = re.compile(r"""\w+|[^\w\s.,;:!?…'"“”\u2018\u2019]""")
WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


def normal(text: str) -> str:
    """A text with its white space made single spaces, so that layout makes no difference."""
    return " ".join(text.split())


def likeness(first: str, second: str, *, near: float) -> str | None:
    """Why two answers teach nothing: `identical`, `white_space`, `truncated`, `near_identical`; None if they do.

    Truncated is when one is the beginning of the other; near-identical, when `near` or more of the words and signs, as
    difflib's ratio counts them and whatever their case, are the same.
    """
    if same := _same(first, second):
        return same
    one, other = normal(first), normal(second)
    if one.startswith(other) or other.startswith(one):
        return "truncated"
    words = (WORD_OR_SIGN.findall(one.casefold()), WORD_OR_SIGN.findall(other.casefold()))
    lengths = sorted(map(len, words))
    # How many could be the same at most spares nearly all pairs the quadratic count.
    if 2 * lengths[0] < near * sum(lengths):
        return None
    matcher = SequenceMatcher(None, *words, autojunk=False)
    return "near_identical" if matcher.quick_ratio() >= near and matcher.ratio() >= near else None


def likeness_of_correction(correction: str, answer: str) -> str | None:
    """Why a correction teaches nothing: `identical`, `white_space`, `near_identical`; None if it does.

    A correction is meant, so that a few words or bullets teach something where of two answers they would not. Only case
    and the marks of sentences and quotations do not.
    """
    if same := _same(correction, answer):
        return same
    return "near_identical" if MEANT.findall(correction.casefold()) == MEANT.findall(answer.casefold()) else None


def _same(first: str, second: str) -> str | None:
    if first == second:
        return "identical"
    return "white_space" if normal(first) == normal(second) else None
