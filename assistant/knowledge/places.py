"""Where words of a reply's source stand in its document: the text around them, as it is stored now."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from assistant.tables import Document

AROUND_CHARACTERS = 600
"""About so much is shown before a source, and after it."""
_FIRST_BOUND = re.compile(r"\n\s*|[.!?…]\s+")
_LAST_BOUND = re.compile(r"\n|[.!?…](?=\s)")


@dataclass(frozen=True)
class Place:
    """Words between what stands before and after them. `document` is none if that is gone or replaced since."""

    document: str | None
    title: str
    heading: str
    before: str
    text: str
    after: str


def place(session: Session, source: Mapping[str, Any], *, words: tuple[int, int]) -> Place:
    """The place of some words of a source, a span of its text as `Reply.sources` has it from the reply's time."""
    start, end = int(source["start"]), int(source["end"])
    text, document = str(source["text"]), session.get(Document, source["document"])
    if document is not None and document.text[start:end] != text:
        document = None
    return Place(
        document=document.name if document else None,
        title=str(source["title"]),
        heading=str(source["heading"]),
        before=(_before(document.text, start) if document else "") + text[: words[0]],
        text=text[words[0] : words[1]],
        after=text[words[1] :] + (_after(document.text, end) if document else ""),
    )


def _before(text: str, start: int) -> str:
    if start <= AROUND_CHARACTERS:
        return text[:start]
    around = text[start - AROUND_CHARACTERS : start]
    bound = _FIRST_BOUND.search(around)
    return around[bound.end() :] if bound else around


def _after(text: str, end: int) -> str:
    around = text[end : end + AROUND_CHARACTERS]
    if end + AROUND_CHARACTERS >= len(text):
        return around
    bounds = list(_LAST_BOUND.finditer(around))
    return around[: bounds[-1].end()] if bounds else around
