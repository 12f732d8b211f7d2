"""A reply taken apart into its claims, each with the quotations in it and the marks (`[2]`, `[1, 3]`) that follow it.

Pure functions of text, linear in it, that never raise; whether a claim is true to a source is `assistant.citations`'
business. The words of two texts are compared as `normalise` and `content` give them.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from unicodedata import normalize

from assistant.knowledge.words import tokenise

_NUMBER = r"[1-9][0-9]?"
_MARK = rf"\[{_NUMBER}(?:\s?,\s?{_NUMBER})*+\](?!\()"
MARKS = re.compile(rf"{_MARK}(?:[ \t]*{_MARK})*+")
"""One mark, or several side by side. `[1](address)` is a link."""


def _between(opening: str, closing: str, *, without: str) -> str:
    """A pattern for words between quotes, in one paragraph."""
    return rf"{opening}(?=\S)(?:[^{without}\n]|\n(?![ \t]*\n))++{closing}"


_QUOTATION = re.compile(
    "|".join(
        [
            _between(r'(?<!\w)"', r'"(?!\w)', without='"'),
            _between("[“„]", '[”“"]', without='“”„"'),
            _between("«", "»", without="«»"),
            _between("「", "」", without="「」"),
        ]
    )
)
_WORDS_OF_A_QUOTATION = 3
"""A shorter one may be a title, or irony."""
_CUT = re.compile(r"\[(?:\.{3}|…)\]|\.{3,}|…")
"""What stands for words left out of a quotation."""

_SENTENCE_END = re.compile(
    r"(?P<line>\n+)"
    rf"|(?<![.!?…])[.!?…]++[\"”»’')\]*_]*+(?:[ \t]*{_MARK})*+[.,;:!?]*+(?=\s|\Z)"
    rf"|[。\uff01\uff1f]++[」』”]*+(?:[ \t]*{_MARK})*+"
    rf"|(?P<marks>{_MARK}(?:[ \t]*{_MARK})*+)"
)
_NEXT = re.compile(r"([ \t]*+)(\S?)")
_BEFORE_ITEM = re.compile(r"\s*+(?:[-*+>#]++[ \t]++)*+(?:[0-9]{1,2}[.)](?=[ \t]++[^\s\"“„«]))?")
"""The bullet or number before an item of a list; `12. "So it says."` is none."""
_BEFORE_WORDS = re.compile(r"[\s,;:.)*_|]*+")
_AFTER_WORDS = " \t\n*_|,;:(["
_UNFINISHED_MARK = re.compile(r"\[[0-9, ]*+\Z")
_OPENING = '"“„«「'

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+|(?<!\w)[-\u2212\u2013](?=[0-9])|[%‰°$€£¥+=<>]")
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_FUNCTION_WORDS = (
    "about according also am been being can could did disagree do does document documents had has have he her him his "
    "how i its me may might more most must my only our said says see she should so some source sources stated states "
    "than them very we were what when where which who would yes you your"
)
"""Beyond those that `tokenise` leaves out: they say nothing about what is claimed."""


@dataclass(frozen=True)
class Content:
    """What of a text can be compared: stems of its content words, and its numbers."""

    terms: frozenset[str]
    numbers: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.terms or self.numbers)


@dataclass(frozen=True)
class Said:
    """Words without marks, and the quotations among them that are long enough to look for."""

    text: str
    quotations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.quotations or content(self.text))


@dataclass(frozen=True)
class Claim:
    """A part of a sentence up to its marks, or to the sentence's end where it has none."""

    start: int
    end: int
    """Its words are `reply[start:end]`."""
    said: Said
    """What its marks vouch for: its words, or its neighbour's where they say nothing ("and [2]")."""
    marks: tuple[int, int] | None = None
    """Where its marks stand."""
    numbers: tuple[int, ...] = ()


def without_marks(reply: str) -> str:
    """A reply without its marks and the white space before them, for where its sources are not at hand."""
    return re.sub(rf"[ \t]*{MARKS.pattern}", "", reply).strip()


def read(reply: str) -> list[Claim]:
    """The claims of a reply in order. Code is none, and marks in it are left alone."""
    return _Reader(reply).claims()


@lru_cache(maxsize=4096)
def content(text: str) -> Content:
    """The content words and the numbers of a text."""
    stems = {term for term in tokenise(text) if len(term) > 1 or not term.isascii()}
    numbers = {_number(found) for found in _DIGITS.findall(text)}
    return Content(frozenset(stems - _function_words() - numbers), frozenset(numbers))


def spell_numbers(of: Content) -> Content:
    """The same, where `12` is also `twelve` and `twelve` also `12`."""
    words = _number_words()
    spelt = {stem for stem, number in words.items() if number in of.numbers}
    return Content(of.terms | spelt, of.numbers | {words[term] for term in of.terms & words.keys()})


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """The words of a text between single spaces, without case, marks and punctuation: for finding one in another."""
    words = _WORD.findall(normalize("NFKC", MARKS.sub(" ", text)).casefold())
    return " ".join(["", *("-" if word in "\u2212\u2013" else word for word in words), ""])


@lru_cache(maxsize=4096)
def parts(quotation: str) -> tuple[str, ...]:
    """What of a quotation must stand in a source, in this order, normalised: it is cut where it leaves words out."""
    return tuple(part for part in map(normalise, _CUT.split(quotation)) if part.strip())


class _Spans:
    """Spans in order that do not overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = spans
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def around(self, place: int) -> int | None:
        """The number of the span that holds this place."""
        number = bisect_right(self._starts, place) - 1
        return number if number >= 0 and place < self._ends[number] else None

    def ending(self, start: int, end: int) -> range:
        """The numbers of the spans that end after `start`, and by `end`."""
        return range(bisect_right(self._ends, start), bisect_right(self._ends, end))


class _Reader:
    """One reading of a reply."""

    def __init__(self, reply: str) -> None:
        self._reply = reply
        self._code = _Spans(_code(reply))
        self._words = [match.start() for match in re.finditer(r"\w+", reply)]
        self._quotes = _Spans([match.span() for match in _QUOTATION.finditer(reply)])
        self._quotations = [MARKS.sub(" ", reply[start + 1 : end - 1]) for start, end in self._quotes.spans]
        self._marks = [match for match in MARKS.finditer(reply) if self._code.around(match.start()) is None]

    def claims(self) -> list[Claim]:
        claims: list[Claim] = []
        place, before = 0, Said("")
        for start, end in self._sentences():
            at, own, sentence = start, Said(""), Said(MARKS.sub(" ", self._reply[start:end]))
            while place < len(self._marks) and self._marks[place].start() < end:
                marks = self._marks[place]
                claim = self._claim(at, marks.start(), marks=marks, neighbours=(own, sentence, before))
                claims.append(claim)
                at, own, place = marks.end(), claim.said, place + 1
            rest = self._claim(at, end)
            if rest.said and self._code.around(rest.start) is None:
                claims.append(rest)
            before = rest.said or own or before
        return claims

    def _claim(
        self, begin: int, stop: int, *, marks: re.Match[str] | None = None, neighbours: tuple[Said, ...] = ()
    ) -> Claim:
        start = _BEFORE_ITEM.match(self._reply, begin, stop).end()  # type: ignore[union-attr]  # it matches nothing, too
        start = _BEFORE_WORDS.match(self._reply, start, stop).end()  # type: ignore[union-attr]
        words = _UNFINISHED_MARK.sub("", self._reply[start:stop]).rstrip(_AFTER_WORDS)
        said = Said(MARKS.sub(" ", words), self._quoted(begin, stop))
        if marks is None:
            return Claim(start, start + len(words), said)
        said = said or next(filter(None, neighbours), said)
        numbers = tuple(dict.fromkeys(int(n) for n in re.findall(_NUMBER, marks.group())))
        return Claim(start, start + len(words), said, marks.span(), numbers)

    def _quoted(self, start: int, stop: int) -> tuple[str, ...]:
        """The quotations of a claim; of a claim that stops amid a quotation, for a mark in it, that one."""
        around = self._quotes.around(stop)
        chosen = self._quotes.ending(start, stop) if around is None else [around]
        found = (self._quotations[number] for number in chosen)
        return tuple(each for each in found if sum(map(_words, parts(each))) >= _WORDS_OF_A_QUOTATION)

    def _sentences(self) -> Iterator[tuple[int, int]]:
        start, first = 0, self._first_end(0)
        for match in _SENTENCE_END.finditer(self._reply):
            if match.end() > first and self._ends(match, start=start):
                yield start, match.end()
                start, first = match.end(), self._first_end(match.end())
        if start < len(self._reply):
            yield start, len(self._reply)

    def _first_end(self, start: int) -> int:
        """Where the bullet or number before the words of a sentence ends."""
        return _BEFORE_ITEM.match(self._reply, start).end()  # type: ignore[union-attr]  # it matches nothing, too

    def _ends(self, match: re.Match[str], *, start: int) -> bool:
        """Whether a sentence that starts there really ends here."""
        quotation = self._quotes.around(match.start())
        if quotation is not None and match.end() < self._quotes.spans[quotation][1]:
            return False
        if match["line"]:
            return True
        space, following = _NEXT.match(self._reply, match.end()).groups()  # type: ignore[union-attr]  # as above
        if not match["marks"]:
            return not following.islower()
        said = bisect_left(self._words, start) < bisect_left(self._words, match.start())
        return said and bool(space) and (following.isupper() or following in _OPENING)


def _code(text: str) -> list[tuple[int, int]]:
    """Spans between backticks: as many as opened close it, in the same paragraph, or anywhere after a fence."""
    runs = [match.span() for match in re.finditer("`+", text)]
    latest: dict[int, int] = {}
    closing: list[int | None] = [None] * len(runs)
    for number in range(len(runs) - 1, -1, -1):
        length = runs[number][1] - runs[number][0]
        closing[number] = latest.get(length)
        latest[length] = number
    spans, number = [], 0
    while number < len(runs):
        start, end = runs[number]
        fence = end - start >= 3 and text[max(start - 1, 0) : start] in ("", "\n")
        last = closing[number]
        if last is not None and (fence or text.find("\n\n", end, runs[last][0]) < 0):
            spans.append((start, runs[last][1]))
            number = last
        elif fence:
            return [*spans, (start, len(text))]
        number += 1
    return spans


def _words(part: str) -> int:
    return part.count(" ") - 1


def _number(found: str) -> str:
    return found.replace(",", "") if _THOUSANDS.fullmatch(found) else found


@cache
def _function_words() -> frozenset[str]:
    return frozenset(tokenise(_FUNCTION_WORDS))


@cache
def _number_words() -> dict[str, str]:
    return {tokenise(word)[0]: str(number) for number, word in enumerate(_NUMBER_WORDS)}
