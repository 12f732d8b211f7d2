"""The address of the feedback page: what is looked for, on which page of it, or which reply is open.

Addresses are shared and typed, so whatever makes no sense in one is passed over.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

from feedback.ratings import LABELS
from feedback.search import ANY, Filter, Show
from ui.pages import events

BASE = "base"
"""How the base model is called in an address."""
SPANS = (0, 1, 7, 30, 90, 365)
"""How many days back one can look; 0 is all of them."""
MAX_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place on the page; each default is left out of its address."""

    show: Show = Show.rated
    reason: str = ""
    version: str = ""
    """An adapter's id, `BASE`, or all."""
    text: str = ""
    rater: str = ""
    question: str = ""
    days: int = 0
    page: int = 1
    reply: str = ""
    """The reply that is open; the rest says where one came from."""

    @property
    def narrowed(self) -> bool:
        """Whether anything is looked for."""
        return replace(self, page=1, reply="") != Place()

    def filter(self, *, now: datetime) -> Filter:
        """What is looked for."""
        return Filter(
            show=self.show,
            reason=self.reason,
            version=ANY if not self.version else None if self.version == BASE else self.version,
            text=self.text,
            rater=self.rater,
            question=self.question,
            since=now - timedelta(days=self.days) if self.days else None,
        )


START = Place()
NAMES = {
    "show": "show",
    "reason": "reason",
    "version": "version",
    "text": "q",
    "rater": "by",
    "question": "question",
    "days": "days",
    "page": "page",
    "reply": "reply",
}
"""How each part is called in an address."""


def parse(query: str) -> Place:
    """The place of an address's part after the question mark."""
    given = parse_qs(query.removeprefix("?")[: MAX_CHARS * len(NAMES)])
    said = {part: given[name][0].strip()[:MAX_CHARS] for part, name in NAMES.items() if name in given}
    return place(**said)


def assistant_in(query: str) -> str:
    """The short name of the assistant that an address is about; empty for the first one."""
    return parse_qs(query.removeprefix("?")).get("a", [""])[0]


def place(**said: Any) -> Place:
    """A place of what a form or an address says; what makes no sense in it is passed over."""
    show, days, page = said.get("show"), events.number(said.get("days")), events.number(said.get("page"))
    texts = {part: str(said.get(part) or "") for part in ("version", "text", "rater", "question", "reply")}
    return Place(
        show=Show(show) if show in set(Show) else Show.rated,
        reason=said["reason"] if said.get("reason") in LABELS else "",
        days=days if days in SPANS else 0,
        page=max(page, 1),
        **texts,
    )


def address(at: Place, *, assistant: str) -> str:
    """The part of the address after and with the question mark."""
    parts = {name: getattr(at, part) for part, name in NAMES.items() if getattr(at, part) != getattr(START, part)}
    return "?" + urlencode({"a": assistant, **parts})


def link(at: Place, *, assistant: str) -> str:
    """The address as a link of any page has it: what is relative is so to the app and not to the page."""
    return "./feedback" + address(at, assistant=assistant)
