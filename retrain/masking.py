"""Masks e-mail addresses, phone numbers and payment card numbers in the rows that a run freezes. Pure.

A stand-in is natural text that reaches nobody (example.com, 555-01xx, a card that no bank issues). It differs from row
to row, so that a model learns to copy what it is given and none of them by heart. A phone number is known by a country
code, a trunk or area code, or a word such as "call" before it: digits alone may be anything, and stay.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

TEXTS = ("prompt", "rejected_prompt", "chosen", "rejected", "completion")
"""The parts of a row that are messages, in the order in which what stands in them is numbered."""
EMAILS, PHONES, CARDS = "emails", "phones", "cards"

_GAP = r"[ \u00a0\u202f./\-\u2010-\u2013]"
_NO_DATE_TIME_OR_IP = (
    r"(?![0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)?[0-9]{2}(?![./-]?[0-9]))"
    r"(?![01]?[0-9][./-](?:19|20)[0-9]{2}(?![0-9]))"
    r"(?!(?:19|20)[0-9]{2}[./-][01]?[0-9][./-][0-3]?[0-9](?![0-9]))"
    r"(?![0-2]?[0-9][.][0-5][0-9](?: |[-\u2010-\u2013]))"
    r"(?![0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9]))"
)
_CUE = (
    r"\b(?:tel|t[eé]l[eé]phone|telefono?|tel[eé]fono|phone|mobile|cell|handy|fax|whatsapp|sms|hotline|call|dial|ring)"
    r"(?:[ .:]{1,2}(?:number|no|nr|us|me|him|her|them|on|at|is|under)\b){0,3}[ .:]{1,3}"
)
_EMAIL = re.compile(r"(?<![\w.+%-])[\w+%][\w.+%'-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")
_DIGIT = rf"(?:{_GAP}{{0,2}}(?:\([0-9]{{1,5}}\)|[0-9]))"
"""A further one of a phone number, or some in brackets."""
_NUMBER = re.compile(
    r"(?P<cards>(?<!\w)(?<![0-9]-)(?=2[2-7]|[3-6])(?:[0-9]{4}(?P<gap>[ -])[0-9]{4}(?:(?P=gap)[0-9]{4}){2}"
    r"|[0-9]{4}(?P<gap2>[ -])[0-9]{6}(?P=gap2)[0-9]{4,5}|[0-9]{13,19})(?!\w))"
    rf"|(?P<cue>{_CUE}){_NO_DATE_TIME_OR_IP}(?P<cued>\+?(?:\([0-9]{{1,5}}\)|[0-9]){_DIGIT}{{5,14}})(?!{_GAP}?[0-9])"
    rf"|(?P<abroad>(?<![\w+])(?:\(\+[1-9][0-9]{{0,3}}\)|\+ ?[1-9]){_DIGIT}{{7,14}}(?![0-9])"
    rf"|(?<![\w.,/+-])00 ?[1-9]{_DIGIT}{{8,13}}(?![0-9]))"
    rf"|(?P<trunk>(?<![\w.,/+-]){_NO_DATE_TIME_OR_IP}(?:\(0[1-9][0-9]{{0,4}}\){_DIGIT}{{5,8}}|0[1-9]{_DIGIT}{{7,10}})(?!\w))"
    r"|(?P<area>(?<![\w.,/+-])(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-]|(?<=1[ .-])[2-9][0-9]{2} )"
    r"[2-9][0-9]{2}[ .-][0-9]{4}(?!\w|[.-][0-9]))",
    re.IGNORECASE,
)
_SOME_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){5}")
_OTHER_NUMBER = re.compile(
    r"(?:isbn|issn|ean|doi|sku|order|invoice|article|item|part|serial|model|version|case|ticket|customer|reference)s?"
    r"\W{0,3}(?:number|no|nr|id|code)?\W{0,3}$|#\s?$",
    re.IGNORECASE,
)
"""What stands before a number that is no phone's, though it may look like one."""
_ISSUED = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|35[0-9]{14}|(?:5[06-8]|6[0-9])[0-9]{14,17}"
)
"""How the numbers of the usual issuers begin, and how long they are (ISO/IEC 7812)."""
_PLACES = ("info", "office", "team", "hello", "contact", "mail", "service", "post")
_DOMAINS = ("example.com", "example.org", "example.net")


class Masking:
    """Masks the rows of one run, and counts what it found."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {kind: set() for kind in (EMAILS, PHONES, CARDS)}

    @property
    def counts(self) -> dict[str, int]:
        """How many different ones were masked of each kind."""
        return {kind: len(found) for kind, found in self._found.items()}

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows with their texts masked; within a row the same number has the same stand-in in every text."""
        return [self._row(row) for row in rows]

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        replace = _StandIns(json.dumps(row["prompt"]))
        masked = {
            part: [{**message, "content": mask(message["content"], replace)} for message in row[part]]
            for part in TEXTS
            if part in row
        }
        for kind, found in replace.found.items():
            self._found[kind].update(found)
        return {**row, **masked}


def mask(text: str, replace: Callable[[str, str], str]) -> str:
    """The text with what `replace(kind, found)` gives for each e-mail address, phone and card number."""
    if "@" in text:
        text = _EMAIL.sub(lambda match: replace(EMAILS, match[0]), text)
    if _SOME_DIGITS.search(text) is None:
        return text
    return _NUMBER.sub(lambda match: _number(match, replace), text)


def _number(match: re.Match[str], replace: Callable[[str, str], str]) -> str:
    if match["cards"]:
        return replace(CARDS, match[0]) if _is_card(match[0]) else match[0]
    if match[0].endswith(("000 000", "000.000")):
        return match[0]
    if match["cued"]:
        return match["cue"] + replace(PHONES, match["cued"])
    before = match.string[max(0, match.start() - 24) : match.start()]
    bare = match["trunk"] is not None and match[0].isdigit() and len(match[0]) < 10
    if bare or (not match[0].startswith("+") and _OTHER_NUMBER.search(before)):
        return match[0]
    return replace(PHONES, match[0])


def _is_card(text: str) -> bool:
    """Whether an issuer's number, with the check digit of Luhn's formula (ISO/IEC 7812-1, annex B)."""
    number = _digits(text)
    doubled = (int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number)))
    return _ISSUED.fullmatch(number) is not None and sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


class _StandIns:
    """Stand-ins of one row, which begin anywhere, by its prompt, and then count up."""

    def __init__(self, prompt: str) -> None:
        self.found: dict[str, dict[str, int]] = defaultdict(dict)
        self._first = int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16)

    def __call__(self, kind: str, text: str) -> str:
        # A number may stand once with its country code and once without.
        key = text.casefold() if kind == EMAILS else _digits(text)[-8:] if kind == PHONES else _digits(text)
        known = self.found[kind]
        n = known.setdefault(key, len(known))
        if kind == EMAILS:
            n += self._first % 24
            return f"{_PLACES[n % 8]}{n // 24 or ''}@{_DOMAINS[n // 8 % 3]}"
        if kind == PHONES:
            n += self._first % 100
            return f"{202 + n // 100}-555-01{n % 100:02}"
        return f"0000 0000 0000 {(n + self._first) % 10000:04}"
