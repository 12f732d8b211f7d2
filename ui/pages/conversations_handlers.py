"""What the panel beside a chat does: list and search conversations, rename, delete and hand them out as files.

People see only their own: every query names the caller as their owner.
"""

from collections.abc import Mapping
from typing import Any

from assistant import records
from assistant.errors import BadInput
from ui import access, privacy
from ui.pages import conversations_html, download, events, thread
from ui.pages.transcript import file_name, transcript
from ui.services import Services
from ui.sessions import Caller

PAGE_ROWS = 30
MOST_ROWS = 3_000
MAX_SEARCH_CHARS = 200


def panel(services: Services, caller: Caller, *, assistant: str) -> str:
    """Who answers, whom else the caller may ask, and a button for a new conversation."""
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        choices = access.usable(session, caller)
    return conversations_html.panel(choices, None if access.refusal(caller, asked) else asked)


def listing(services: Services, caller: Caller, *, assistant: str, current: str, search: str, rows: int) -> str:
    """The caller's conversations with an assistant, the latest `rows`, or those that a search finds."""
    rows = max(PAGE_ROWS, min(rows, MOST_ROWS))
    search = search[:MAX_SEARCH_CHARS]
    words = records.search_words(search)
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        held = records.conversations(session, owner=caller.id, assistant_id=asked.id, search=search, limit=rows + 1)
        shown = held[:rows]
        found = records.messages_with(session, [one.id for one in shown], words[0]) if words else {}
    return conversations_html.listing(shown, current=current, more=len(held) > rows, words=words, found=found)


def change(services: Services, caller: Caller, data: Mapping[str, Any]) -> None:
    """Rename or delete a conversation of the caller's. Raises `NotFound`, and `BadInput` for a bad name."""
    todo, conversation = data.get("do"), events.text(data, "conversation")
    if todo == "rename":
        with services.database.write() as session:
            records.rename_conversation(session, conversation, owner=caller.id, title=events.text(data, "title"))
    elif todo == "delete":
        privacy.forget_conversation(services.database, services.settings, caller.id, conversation)
    else:
        raise BadInput(events.UNKNOWN)


def export(services: Services, caller: Caller, conversation: str) -> str:
    """A conversation of the caller's as a markdown file for the browser to make. Raises `NotFound`."""
    with services.database.read() as session:
        held = records.conversation(session, conversation, owner=caller.id)
        asked = records.assistant_by_id(session, held.assistant_id)
        exchanges = thread.load(session, conversation, owner=caller.id)
    told = transcript(held.title, exchanges, assistant=asked.name, day=f"{held.created_at:%Y-%m-%d}")
    return download.file(file_name(held.title), told, type="text/markdown")
