"""A document's text to chunks: pieces that the embedding model reads whole, each with its span and its headings.

`text == document.text[start:end]` holds for every chunk. What is embedded is a chunk's text under its title and
headings; `embedding_text` puts the two together, and `split` leaves room for it.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from assistant.knowledge.documents import Heading, Parsed, headings
from assistant.tables import HEADING_SEPARATOR

CHUNK_TOKENS = 128
"""Small enough that three passages suit a small chat model, large enough for a paragraph's point."""
CONTEXT_TOKENS = 64
"""At most so many tokens of title and headings are put before a chunk for embedding."""
CHARACTERS_PER_TOKEN = 8
"""A tokenizer may read a word of any length as one unknown token: so many characters count as one token at least."""

_UNBROKEN = re.compile(r"\S{5000}")
"""The splitter's time grows with the square of a word's length, so longer ones (a base64 blob) are cut first."""

Count = Callable[[str], int]
"""Counts a text's tokens as the embedding model does, its special tokens included."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One chunk before it is stored."""

    start: int
    end: int
    text: str
    heading: str


def split(parsed: Parsed, *, count: Count, max_tokens: int) -> list[Piece]:
    """Cut a document into chunks that, with their title and headings, have at most `max_tokens` tokens.

    Every character but white space is in a chunk, except headings that are in the path of the chunk that follows.
    """
    special = count("")
    capacity = min(CHUNK_TOKENS, max_tokens - special - CONTEXT_TOKENS)

    def size(text: str) -> int:
        at_least = -(-len(text) // CHARACTERS_PER_TOKEN)
        return at_least if at_least > capacity else max(count(text) - special, at_least)

    make = MarkdownSplitter if parsed.markdown else TextSplitter
    splitter = make.from_callback(size, capacity)
    path = _Paths(parsed.text, headings(parsed.text) if parsed.markdown else [])
    pieces = []
    for offset, segment in _segments(parsed.text):
        for start, text in splitter.chunk_indices(segment):
            if text.strip():
                span = start + offset, start + offset + len(text)
                pieces.append(Piece(start=span[0], end=span[1], text=text, heading=path.at(span[0])))
    announcing = {piece for piece, after in pairwise(pieces) if _only_announces(path, piece, after)}
    pieces = [piece for piece in pieces if piece not in announcing]
    for piece in pieces:
        embedded = embedding_text(parsed.title, piece.heading, piece.text, count=count)
        assert count(embedded) <= max_tokens, "a chunk is longer than the embedding model reads"
        assert parsed.text[piece.start : piece.end] == piece.text
    return pieces


def embedding_text(title: str, heading: str, text: str, *, count: Count) -> str:
    """What is embedded for a chunk: its title and headings, cut to `CONTEXT_TOKENS`, on a line before its text."""
    parts = heading.split(HEADING_SEPARATOR) if heading else []
    context = HEADING_SEPARATOR.join(parts if title in parts else [title, *parts])
    limit = CONTEXT_TOKENS + count("")
    while count(context) > limit:
        context = context[: len(context) * 3 // 4]
    return f"{context}\n{text}"


def _only_announces(path: "_Paths", piece: Piece, after: Piece) -> bool:
    """Whether a piece is headings only, all in the path of the next one: as a passage it would say nothing."""
    return path.body(piece.start) >= piece.end and after.heading.startswith(piece.heading)


class _Paths:
    """The headings above each place of a text."""

    def __init__(self, text: str, found: list[Heading]) -> None:
        self._text = text
        self._headings = found
        self._starts = [heading.start for heading in found]
        self._paths = [""]
        stack: list[Heading] = []
        for heading in found:
            stack = [above for above in stack if above.level < heading.level] + [heading]
            self._paths.append(HEADING_SEPARATOR.join(above.text for above in stack if above.text))

    def at(self, start: int) -> str:
        """The path of a chunk that starts here; headings with which it begins belong to it."""
        return self._paths[self._walk(start)[0]]

    def body(self, start: int) -> int:
        """Where the headings end with which a chunk begins that starts here."""
        return self._walk(start)[1]

    def _walk(self, start: int) -> tuple[int, int]:
        number = bisect_right(self._starts, start)
        if number and self._starts[number - 1] == start:
            number -= 1
        while number < len(self._headings) and not self._text[start : self._starts[number]].strip():
            start = self._headings[number].end
            number += 1
        return number, start


def _segments(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for match in _UNBROKEN.finditer(text):
        yield start, text[start : match.end()]
        start = match.end()
    yield start, text[start:]
