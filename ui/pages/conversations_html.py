"""How the panel beside a chat looks: who answers, the list of conversations, and what can be done with each.

`conversations.js` makes it work.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from assistant.tables import Assistant, Conversation, Message
from ui.pages.branches_html import icon
from ui.pages.markup import escape

CLOSED = "Choose an assistant"
SIGNS = re.compile(r"[*_`#]{2,}|(?m:^)#+ |`")
"""Of markdown, which only get in the way of reading a line."""
SNIPPET_CHARS = 90
BEFORE_CHARS = 30
"""How much of a message is shown around a word that was searched for, and how much of that stands before it."""


def panel(choices: Sequence[Assistant], asked: Assistant | None) -> str:
    """The upper part: the assistant, a choice among several, and a new conversation.

    Of an assistant that the reader may not use, nothing is told: `asked` is none.
    """
    others = [one for one in choices if asked is None or one.id != asked.id]
    anew = '<button type="button" class="tl-new" data-do="open" data-conversation="">New conversation</button>'
    return (
        f'<button type="button" class="tl-menu" data-do="menu" aria-expanded="false">{_face(asked)}'
        f'<span class="tl-whose">{_name(asked)}</span><span class="tl-quiet">Conversations</span></button>'
        f"{_choice(choices, asked) if others else _alone(asked)}{anew if asked else ''}"
    )


def _face(one: Assistant | None) -> str:
    return f'<span class="tl-face" aria-hidden="true">{escape(one.face) if one else "?"}</span>'


def _name(one: Assistant | None) -> str:
    return escape(one.name) if one else CLOSED


def _alone(asked: Assistant | None) -> str:
    return f'<p class="tl-assistant">{_face(asked)}<span>{_name(asked)}</span></p>'


def _choice(choices: Sequence[Assistant], asked: Assistant | None) -> str:
    current = asked.id if asked else ""
    links = "".join(
        f'<li><a href="./?{escape(urlencode({"a": one.slug}))}"{" aria-current=true" if one.id == current else ""}>'
        f"{_face(one)}<span>{escape(one.name)}</span></a></li>"
        for one in choices
    )
    return (
        f'<details class="tl-assistants"><summary class="tl-assistant">{_face(asked)}<span>'
        f'<span class="tl-hidden">Assistant: </span>{_name(asked)}</span></summary><ul>{links}</ul></details>'
    )


def listing(
    held: Sequence[Conversation],
    *,
    current: str,
    more: bool,
    words: Sequence[str] = (),
    found: Mapping[str, Message] | None = None,
) -> str:
    """The conversations, latest first; `words` were searched for, `found` are messages with the first of them."""
    rows = "".join(_row(one, current=one.id == current, snippet=_snippet(one, words, found or {})) for one in held)
    rest = '<button type="button" class="tl-more-rows" data-do="more">Show more</button>' if more else ""
    if held:
        shown = f"<ul>{rows}</ul>{rest}"
    elif words:
        shown = '<p class="tl-quiet" role="status">Nothing found. Try fewer or other words.</p>'
    else:
        shown = '<p class="tl-quiet">Your conversations will be listed here.</p>'
    return f'<nav aria-label="Conversations">{shown}</nav>'


def _row(one: Conversation, *, current: bool, snippet: str) -> str:
    id_, title = escape(one.id), escape(one.title)
    items = "".join(
        f'<button type="button" data-do="{todo}" data-conversation="{id_}">{label}</button>'
        for todo, label in (("name", "Rename"), ("export", "Download"), ("ask", "Delete"))
    )
    return (
        f'<li data-row="{id_}"><button type="button" class="tl-title" id="tl-title-{id_}" data-do="open"'
        f' data-conversation="{id_}"{" aria-current=true" if current else ""}>{title}{snippet}</button>'
        f'<details class="tl-more"><summary aria-label="More" aria-describedby="tl-title-{id_}">'
        f"{icon('more')}</summary>"
        f'<div role="group" aria-label="This conversation">{items}</div></details></li>'
    )


def _snippet(one: Conversation, words: Sequence[str], found: Mapping[str, Message]) -> str:
    """Where the first word stands in what was said, unless the title has it."""
    if not words or one.id not in found or words[0].lower() in one.title.lower():
        return ""
    text = " ".join(SIGNS.sub("", found[one.id].text).split())
    at = max(0, text.lower().find(words[0].lower()))
    start = max(0, at - BEFORE_CHARS)
    end, stop = at + len(words[0]), start + SNIPPET_CHARS
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    return (
        f'<span class="tl-hit">{before}{escape(text[start:at])}<mark>{escape(text[at:end])}</mark>'
        f"{escape(text[end:stop])}{after}</span>"
    )


DIALOG = (
    '<dialog class="tl-deleting" aria-labelledby="tl-deleting-title"><form method="dialog">'
    '<h2 id="tl-deleting-title">Delete this conversation?</h2><p class="tl-deleting-name"></p>'
    "<p>Its questions, its answers and what you said of them are gone then, and no later version learns from them.</p>"
    '<div class="tl-form-buttons"><button value="keep" autofocus>Keep it</button>'
    '<button value="delete" class="tl-danger">Delete</button></div></form></dialog>'
)
"""Asks before a conversation is deleted."""
