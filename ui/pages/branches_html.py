"""How a conversation's branches look: a question with its other wordings, and the arrows that page through siblings.

`thread.js` makes the buttons work.
"""

from collections.abc import Sequence

from ui.pages.markup import escape

PATHS = {
    "up": "M7 10v11H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1h3Zm0 0 4-7a2.5 2.5 0 0 1 2.5 2.5V9h5a2 2 0 0 1 2 2.3l-1.3 8"
    "a2 2 0 0 1-2 1.7H7",
    "copy": "M9 9h10v11H9zM5 15V4h10",
    "check": "M4 21h3m3 0h4m3 0h3M6 10l4 4 8-9",
    "again": "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4",
    "edit": "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
}
"""Of a square of 24 units."""


def icon(name: str) -> str:
    """A small drawing; the button that it is in says what it does."""
    flip = ' style="transform:rotate(180deg)"' if name == "down" else ""
    path = PATHS["up" if name == "down" else name]
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"{flip}><path d="{path}"/></svg>'


def pager(ids: Sequence[str], at: int, *, what: str) -> str:
    """Arrows to the siblings of the message at place `at`; nothing where it has none. `what` it is, in a word."""
    if len(ids) < 2:
        return ""
    return (
        f'<span class="tl-pager" role="group" aria-label="Versions of the {what}">'
        f"{_arrow('&lsaquo;', f'Earlier {what}', 'earlier', ids[at - 1] if at else '')}"
        f"<span>{at + 1} of {len(ids)}</span>"
        f"{_arrow('&rsaquo;', f'Later {what}', 'later', ids[at + 1] if at + 1 < len(ids) else '')}</span>"
    )


def _arrow(sign: str, label: str, way: str, to: str) -> str:
    goal = f' data-message="{escape(to)}"' if to else " disabled"
    return f'<button type="button" data-do="turn" data-way="{way}"{goal} aria-label="{label}">{sign}</button>'


def question(text: str) -> str:
    """What a person asked."""
    words = f'<span class="tl-query-words">{escape(text)}</span>'
    return f'<div class="tl-question"><span class="tl-hidden">You: </span>{words}</div>'


def asked(text: str, *, wordings: Sequence[str], at: int, reply: str) -> str:
    """A question with what can be done with it; `reply` is one of its answers."""
    edit = (
        f'<button type="button" class="tl-tool" data-do="reword" data-reply="{escape(reply)}"'
        f' aria-label="Edit this question" title="Edit this question">{icon("edit")}</button>'
    )
    tools = f'<div class="tl-query-tools">{pager(wordings, at, what="question")}{edit}</div>'
    return f'<div class="tl-query">{question(text)}{tools}</div>'
