"""The numbered sources below an answer: a chip for each, its words in it and, on request, its place in the document.

Answers by people that the assistant was given as examples are such sources, too, and stand in no document.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ui.pages.markup import escape, lines

Place = Mapping[str, Any]
"""A source in its document, as the endpoint `/source` answers."""
_WRAPPED = re.compile(r"(?m)^( ?[^\s#>|+*-].*)\n(?=[^\s#>|+*0-9-])")
"""A line of running text that goes on in the next."""
_HEADING = re.compile(r"(?m)^#{1,6} +(\S.*)$")
GONE = "This document was deleted or replaced since. These are its words at the time of the answer."


def sources(reply: str, given: Sequence[Mapping[str, Any]], *, place: Place | None) -> str:
    """The sources of a reply, one of them perhaps in its place; of an answer that is not stored, `reply` is empty."""
    chips = "".join(_source(reply, each, place if place and place["n"] == each["n"] else None) for each in given)
    return f'<div class="tl-sources" aria-label="Sources">{chips}</div>' if chips else ""


GOLDEN = {
    "corrected": ("Corrected answer", "What somebody wrote"),
    "approved": ("Approved answer", "What people liked"),
}
"""What a golden answer is called on its chip, and what it is."""


def _source(reply: str, source: Mapping[str, Any], place: Place | None) -> str:
    n, cited = int(source["n"]), " tl-cited" if source.get("cited") else ""
    golden = source.get("golden")
    title = GOLDEN[golden][0] if golden else source["title"]
    panel = _golden(source) if golden else _place(place) if place else _passage(reply, source)
    return (
        f'<details class="tl-source{cited}{" tl-golden" if golden else ""}" data-n="{n}"{" open" if place else ""}>'
        f"<summary><b>{n}</b><span>{escape(title)}</span></summary>{panel}</details>"
    )


def _golden(source: Mapping[str, Any]) -> str:
    question = source.get("question")
    asked = f'<p class="tl-asked">{lines(question)}</p>' if question else ""
    what = f"{GOLDEN[source['golden']][1]}, {'when you asked:' if question else 'when a question like this was asked:'}"
    return f'<div class="tl-passage">{_where(what)}{asked}<blockquote>{lines(source["text"])}</blockquote></div>'


def _passage(reply: str, source: Mapping[str, Any]) -> str:
    show = f'data-do="place" data-reply="{escape(reply)}" data-n="{int(source["n"])}"'
    button = f'<button type="button" {show}>Show in the document</button>' if reply else ""
    return (
        f'<div class="tl-passage">{_where(source.get("heading"))}<blockquote>{prose(source["text"])}</blockquote>'
        f"{button}</div>"
    )


def _place(place: Place) -> str:
    note = "" if place["document"] else f'<p class="tl-note">{GONE}</p>'
    around = f"{prose(place['before'])}<mark>{prose(place['text'])}</mark>{prose(place['after'])}"
    return (
        f'<div class="tl-passage tl-place" tabindex="-1">{_where(place["document"])}{_where(place["heading"])}{note}'
        f'<blockquote tabindex="0">{around}</blockquote><button type="button" data-do="close">Show less</button></div>'
    )


def prose(text: str) -> str:
    """Text as it stands, but with lines that were only wrapped put together, and headings of Markdown in bold."""
    return _HEADING.sub(r"<b>\1</b>", escape(_WRAPPED.sub(r"\1 ", text))).replace("\n", "<br>")


def _where(words: object) -> str:
    return f'<span class="tl-where">{escape(words)}</span>' if words else ""
