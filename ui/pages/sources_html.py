"""The numbered sources below an answer: a chip for each, its words in it and, on request, its place in the document."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ui.pages.markup import escape, lines

Place = Mapping[str, Any]
"""A source in its document, as the endpoint `/source` answers."""
_WRAPPED = re.compile(r"(?m)^( ?[^\s#>|+*-].*)\n(?=[^\s#>|+*0-9-])")
"""A line of running text that goes on in the next."""
GONE = "This document was deleted or replaced since. These are its words at the time of the answer."


def sources(reply: str, given: Sequence[Mapping[str, Any]], *, place: Place | None) -> str:
    """The sources of a reply, one of them perhaps in its place."""
    chips = "".join(_source(reply, each, place if place and place["n"] == each["n"] else None) for each in given)
    return f'<div class="tl-sources" aria-label="Sources">{chips}</div>' if chips else ""


def _source(reply: str, source: Mapping[str, Any], place: Place | None) -> str:
    n, cited = int(source["n"]), " tl-cited" if source.get("cited") else ""
    panel = _place(place) if place else _passage(reply, source)
    return (
        f'<details class="tl-source{cited}" data-n="{n}"{" open" if place else ""}><summary><b>{n}</b>'
        f"<span>{escape(source['title'])}</span></summary>{panel}</details>"
    )


def _passage(reply: str, source: Mapping[str, Any]) -> str:
    show = f'data-do="place" data-reply="{escape(reply)}" data-n="{int(source["n"])}"'
    return (
        f'<div class="tl-passage">{_where(source.get("heading"))}<blockquote>{prose(source["text"])}</blockquote>'
        f'<button type="button" {show}>Show in the document</button></div>'
    )


def _place(place: Place) -> str:
    note = "" if place["document"] else f'<p class="tl-note">{GONE}</p>'
    around = f"{prose(place['before'])}<mark>{prose(place['text'])}</mark>{prose(place['after'])}"
    return (
        f'<div class="tl-passage tl-place" tabindex="-1">{_where(place["document"])}{_where(place["heading"])}{note}'
        f'<blockquote tabindex="0">{around}</blockquote><button type="button" data-do="close">Show less</button></div>'
    )


def prose(text: str) -> str:
    """Text as it stands, but with lines that were only wrapped put together."""
    return lines(_WRAPPED.sub(r"\1 ", text))


def _where(words: object) -> str:
    return f'<span class="tl-where">{escape(words)}</span>' if words else ""
