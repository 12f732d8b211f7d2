"""What the page of one's own does: pages of what one said and of conversations, take back, put back, delete, download.

Everything is the caller's own; what the browser sends is used as ids only.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from assistant.errors import BadInput
from feedback import own, people
from ui import endpoints, privacy
from ui.pages import download, events, mine_html
from ui.privacy import Scope
from ui.services import Services
from ui.sessions import Caller

PAGE_ROWS = 20


@dataclass(frozen=True)
class Page:
    """One page of a list: which it is, which is the last, and where one is in words."""

    html: str
    number: int
    last: int
    place: str


class _Found(Protocol):
    @property
    def rows(self) -> tuple[Any, ...]: ...
    @property
    def total(self) -> int: ...


def said(services: Services, caller: Caller, *, number: int) -> Page:
    """A page of what the caller said of answers; an admin may have judged those of others, too."""

    def part(session: Session, offset: int) -> own.SaidPage:
        return own.page(session, caller.id, limit=PAGE_ROWS, offset=offset, any_owner=caller.is_admin)

    return _page(services, part, mine_html.said, number=number)


def held(services: Services, caller: Caller, *, number: int) -> Page:
    """A page of the caller's conversations."""

    def part(session: Session, offset: int) -> people.HeldPage:
        return people.conversations(session, caller.id, limit=PAGE_ROWS, offset=offset)

    return _page(services, part, mine_html.held, number=number)


def kept(services: Services, caller: Caller) -> str:
    """All that is kept of the caller, in words, with buttons to take it away and to delete it."""
    with services.database.read() as session:
        found = people.kept(session, caller.id)
    return mine_html.kept(
        found, caller=caller, learned=privacy.learned(services.database, services.settings, caller.id)
    )


def turn(services: Services, caller: Caller, *, data: Mapping[str, Any]) -> str:
    """Take back or put back what a row says; what was done with which. Raises `BadInput`, `NotFound`, `Conflict`."""
    todo, row = data.get("do"), events.text(data, "target")
    turns = {"take": own.take_back, "put": own.put_back}
    if todo not in turns:
        raise BadInput(events.UNKNOWN)
    with services.database.write() as session:
        turns[todo](session, row, rater=caller.id, any_owner=caller.is_admin)
    return f"{todo} {row}"


def delete(services: Services, caller: Caller, *, data: Mapping[str, Any]) -> str:
    """Delete a conversation, all feedback, or everything; what was deleted, and what stays, in words.

    Raises `BadInput`, `NotFound`.
    """
    todo, target = data.get("do"), events.text(data, "target")
    database, settings = services.database, services.settings
    if todo == "delete":
        learned = privacy.forget_conversation(database, settings, caller.id, target)
        return f"The conversation is gone, and what was said of its answers. {privacy.what_stays(learned)}".rstrip()
    if todo == "forget" and target in list(Scope):
        gone = privacy.forget(database, settings, caller.id, Scope(target))
        return mine_html.forgotten(gone.kept, Scope(target), learned=gone.learned)
    raise BadInput(events.UNKNOWN)


def take_away(services: Services, caller: Caller) -> str:
    """All that is kept of the caller, as a file for the browser to make."""
    text = json.dumps(endpoints.my_data(services, caller), ensure_ascii=False, indent=1)
    return download.file("thumbloop-my-data.json", text, type="application/json")


def _page(
    services: Services,
    part: Callable[[Session, int], _Found],
    show: Callable[[Any], str],
    *,
    number: int,
) -> Page:
    """A page of a list; the last one where there are fewer than asked for."""
    number = max(number, 0)
    with services.database.read() as session:
        found = part(session, number * PAGE_ROWS)
        last = max(found.total - 1, 0) // PAGE_ROWS
        if number > last:
            number, found = last, part(session, last * PAGE_ROWS)
    first = number * PAGE_ROWS
    place = f"{first + 1} to {first + len(found.rows)} of {found.total}" if last else ""
    return Page(show(found.rows), number, last, place)
