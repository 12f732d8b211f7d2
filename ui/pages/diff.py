"""What changed between two texts, word by word, as HTML: `<del>` for what is gone, `<ins>` for what is new."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from ui.pages.markup import lines

LEAST_LIKENESS = 0.3
"""Texts less alike than this are other texts: marking nearly every word would only make them hard to read."""


def sides(before: str, after: str) -> tuple[str, str, bool]:
    """Both texts, the first with what is gone and the second with what is new marked, and whether they are marked."""
    old, new = _words(before), _words(after)
    matcher = SequenceMatcher(None, [word.strip() for word in old], [word.strip() for word in new], autojunk=False)
    if matcher.ratio() < LEAST_LIKENESS:
        return lines(before), lines(after), False
    gone, come = [], []
    for tag, i, j, k, m in matcher.get_opcodes():
        gone.append(_marked(old[i:j], "" if tag == "equal" else "del"))
        come.append(_marked(new[k:m], "" if tag == "equal" else "ins"))
    return "".join(gone), "".join(come), True


def _words(text: str) -> list[str]:
    """Each with the white space after it."""
    return re.findall(r"\S+\s*", text)


def _marked(words: Sequence[str], tag: str) -> str:
    text = "".join(words)
    inside = text.rstrip()
    if not tag or not inside:
        return lines(text)
    return f"<{tag}>{lines(inside)}</{tag}>{lines(text[len(inside) :])}"
