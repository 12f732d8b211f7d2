"""Where a reply's source stands in its document: the text around it, as it is stored now."""

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
    """A source between what stands before and after it. `document` is none if that is gone or replaced since."""

    document: str | None
    title: str
    heading: str
    before: str
    text: str
    after: str


def place(session: Session, source: Mapping[str, Any]) -> Place:
    """The place of a source as `Reply.sources` has it; its own words are those of the reply's time."""
    title, heading, text = str(source["title"]), str(source["heading"]), str(source["text"])
    start, end = int(source["start"]), int(source["end"])
    document = session.get(Document, source["document"])
    if document is None or document.text[start:end] != text:
        return Place(None, title, heading, "", text, "")
    return Place(document.name, title, heading, _before(document.text, start), text, _after(document.text, end))


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
