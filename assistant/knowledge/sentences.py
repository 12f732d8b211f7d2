"""Where the sentences of a text begin and end. Headings are none; a list item or a table row is one of its own."""

import re
from dataclasses import dataclass

from sentencex import get_sentence_boundaries

_BLOCK = re.compile(r"(?:[^\n]|\n(?!\s*\n))+")
_LINE_OF_ITS_OWN = re.compile(r"\n(?=\s*(?:[-*+|]|\d+[.)]\s|#{1,6}\s))")
_SKIPPED = re.compile(r"\s*(?:#{1,6}\s[^\n]*|(?:[-*+]|\d+[.)])\s+)")
"""A heading line, or the bullet of a list item."""
_RULER = re.compile(r"[\s|:=_*-]+")


@dataclass(frozen=True)
class Sentence:
    """A sentence and its place: `text == whole[start:end]`."""

    start: int
    end: int
    text: str


def split_sentences(whole: str) -> list[Sentence]:
    """The sentences of a text in their order, without the bullets of lists, headings and lines without a word."""
    found: list[Sentence] = []
    for block in _BLOCK.finditer(whole):
        begin = block.start()
        for line in _LINE_OF_ITS_OWN.split(block.group()):
            found += _of_line(line, begin)
            begin += len(line) + 1
    return found


def _of_line(line: str, offset: int) -> list[Sentence]:
    before = _SKIPPED.match(line)
    skipped = before.end() if before else 0
    found = []
    for boundary in get_sentence_boundaries("en", line[skipped:]):
        raw = boundary["text"]
        text = raw.strip()
        if text and not _RULER.fullmatch(text):
            start = offset + skipped + boundary["start_index"] + raw.index(text)
            found.append(Sentence(start, start + len(text), text))
    return found
