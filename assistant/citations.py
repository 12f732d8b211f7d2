"""What a reply cites, checked against its sources: a mark such as `[2]` stays only where claim and source agree.

Pure functions of text that never raise: a reply may be checked while it is written, and may say anything. How it is
taken apart is in `assistant.claims`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

from assistant.claims import Claim, Content, Said, content, normalise, parts, read, spell_numbers
from assistant.knowledge.sentences import Sentence, split_sentences

ENOUGH = 0.6
"""This share of a claim's content words must stand in a source, where nothing is quoted; and all of its numbers."""
FACT_WORDS = 4
"""A sentence with fewer content words, and with neither a number nor a name, is talk."""
TALK = ("i ", "i'", "i’", "sorry", "thank", "hello", "please", "let me", "let's")


@dataclass(frozen=True)
class Checked:
    """A reply with only the marks that hold, and the numbers of the sources that it still cites."""

    text: str
    cited: frozenset[int]


@dataclass(frozen=True)
class _Source:
    words: str
    content: Content


def check(reply: str, sources: Sequence[Mapping[str, Any]]) -> Checked:
    """Keep, correct or remove each mark of a reply; `sources` are as in `Reply.sources`.

    A quotation before a mark must stand in the source; one that stands in exactly one other source gets that one's
    number. A claim without a quotation must share its numbers and enough of its words with the source. What is removed
    goes with the white space before it; a mark or a quotation that is still being written stays.
    """
    known = _known(sources)
    kept, cited, at = [], set[int](), 0
    for claim in read(reply):
        held = _holding(claim, known)
        cited.update(held)
        if claim.marks is not None and held != claim.numbers:
            start, end, marks = _edit(reply, *claim.marks, held)
            kept += [reply[at:start], marks]
            at = end
    return Checked("".join([*kept, reply[at:]]), frozenset(cited))


def unsupported(reply: str, sources: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, int], ...]:
    """Spans of a reply that state something which neither a mark that holds nor any source bears out."""
    known = _known(sources)
    return tuple(
        (claim.start, claim.end)
        for claim in read(reply)
        if _states_something(claim, reply) and not _holding(claim, known) and not _is_borne_out(claim.said, known)
    )


def cited_sentence(reply: str, sources: Sequence[Mapping[str, Any]], n: int) -> tuple[int, int]:
    """The span in source n's text of the sentence that the reply cites it for first; all of it, if none is."""
    known = _known(sources)
    text = next(str(source["text"]) for source in sources if source["n"] == n)
    said = next((claim.said for claim in read(reply) if n in _holding(claim, known)), None)
    sentences = split_sentences(text)
    if said is None or not sentences:
        return 0, len(text)
    sought = _together(map(content, said.quotations or [said.text]))

    def shared(sentence: Sentence) -> int:
        found = content(sentence.text)
        return len(sought.terms & found.terms) + len(sought.numbers & found.numbers)

    best = max(sentences, key=shared)
    return best.start, best.end


def _holding(claim: Claim, known: Mapping[int, _Source]) -> tuple[int, ...]:
    """The numbers that the claim's marks should have."""
    if claim.marks is None:
        return ()
    given = [n for n in claim.numbers if n in known]
    if claim.said.quotations:
        return _quoted_from(claim.said.quotations, given, known)
    said = content(claim.said.text)
    alone = tuple(n for n in given if _agrees(said, known[n].content))
    if alone or not _agrees(said, _together(known[n].content for n in given)):
        return alone
    return tuple(n for n in given if said.terms & known[n].content.terms)


def _quoted_from(quotations: Iterable[str], given: Sequence[int], known: Mapping[int, _Source]) -> tuple[int, ...]:
    """Where quotations stand: each in a given source, or in exactly one other; nowhere, if one of them does not."""
    found: set[int] = set()
    for quotation in quotations:
        places = {n for n, source in known.items() if _stands(quotation, source)}
        if places.isdisjoint(given) and len(places) != 1:
            return ()
        found |= places.intersection(given) or places
    return tuple(n for n in dict.fromkeys([*given, *known]) if n in found)


def _stands(quotation: str, source: _Source) -> bool:
    """Whether all parts of a quotation stand in a source in their order; single words between cuts are no evidence."""
    sought, at = parts(quotation), 0
    for part in sought:
        at = source.words.find(part, at)
        if at < 0 or (len(sought) > 1 and part.count(" ") < 3):
            return False
        at += len(part) - 1
    return bool(sought)


def _agrees(said: Content, source: Content) -> bool:
    """Whether a source has all numbers and enough words of a claim; a claim that says nothing agrees with any."""
    return said.numbers <= source.numbers and len(said.terms & source.terms) >= ENOUGH * len(said.terms)


def _states_something(claim: Claim, reply: str) -> bool:
    words = reply[claim.start : claim.end]
    if words.endswith("?") or words.lower().startswith(TALK):
        return False
    said = content(words)
    names = any(word[:1].isupper() and word[1:2].isalpha() for word in words.split()[1:])
    return bool(said.numbers or claim.said.quotations) or len(said.terms) >= FACT_WORDS or names


def _is_borne_out(said: Said, known: Mapping[int, _Source]) -> bool:
    """Whether quotations all stand somewhere; without any, whether a source or two of them together agree."""
    if said.quotations:
        return all(any(_stands(each, source) for source in known.values()) for each in said.quotations)
    sought = content(said.text)
    shared = [Content(sought.terms & of.content.terms, sought.numbers & of.content.numbers) for of in known.values()]
    return any(_agrees(sought, _together(two)) for two in combinations_with_replacement(shared, 2))


def _together(contents: Iterable[Content]) -> Content:
    each = list(contents)
    return Content(frozenset().union(*(of.terms for of in each)), frozenset().union(*(of.numbers for of in each)))


def _known(sources: Sequence[Mapping[str, Any]]) -> dict[int, _Source]:
    fields = ("title", "heading", "text")
    return {int(source["n"]): _source(*(str(source.get(name) or "") for name in fields)) for source in sources}


@lru_cache(maxsize=512)
def _source(title: str, heading: str, text: str) -> _Source:
    return _Source(normalise(text), spell_numbers(content(f"{title}\n{heading}\n{text}")))


def _edit(reply: str, start: int, end: int, numbers: Sequence[int]) -> tuple[int, int, str]:
    """What to put where marks stand: the right marks; or nothing, with the white space before."""
    if numbers:
        return start, end, f"[{', '.join(map(str, numbers))}]"
    while start > 0 and reply[start - 1] in " \t":
        start -= 1
    if start == 0 or reply[start - 1] == "\n":
        while end < len(reply) and reply[end] in " \t":
            end += 1
    return start, end, ""
