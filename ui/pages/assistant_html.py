"""How assistants look on the builder page: cards, what stands above the form, and the preview. All is escaped."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from assistant.starting_points import STARTING_POINTS
from assistant.tables import Access
from ui.pages import branches_html, sources_html, thread_html
from ui.pages.markup import escape, markdown
from ui.pages.tables import badge, button, counted, version

WHO = {Access.everyone: "everyone", Access.members: "people who sign in", Access.admins: "admins only"}
UNNAMED = "New assistant"
SWITCH = (
    '<div role="group" aria-label="What is shown"><button type="button" data-side="form" aria-pressed="true">Settings'
    '</button><button type="button" data-side="preview" aria-pressed="false">Try it</button></div>'
)
"""On a phone form and preview take turns; `sides.js` makes the buttons work."""


def face(text: str) -> str:
    """An avatar. The name beside it says the same, so screen readers pass over it."""
    return f'<span class="tl-sign" aria-hidden="true">{escape(text)}</span>'


def cards(told: Sequence[Mapping[str, Any]]) -> str:
    """All assistants, each as the endpoint `/assistants` tells it to admins."""
    alone = len(told) == 1
    return f'<ul class="tl-cards" aria-label="Assistants">{"".join(_card(one, alone=alone) for one in told)}</ul>'


def starting_points() -> str:
    """What a new assistant can begin with."""
    each = "".join(
        f'<li><a class="tl-persona tl-start" href="./assistant?{escape(urlencode({"new": point.key}))}">'
        f"{face(point.settings['avatar'] or '+')}<span><b>{escape(point.title)}</b>"
        f'<span class="tl-quiet">{escape(point.says)}</span></span></a></li>'
        for point in STARTING_POINTS
    )
    return f'<ul class="tl-cards" aria-label="Starting points">{each}</ul>'


def head(told: Mapping[str, Any] | None) -> str:
    """What stands above the form: which assistant it is, and where else it can be seen to."""
    back = '<p class="tl-crumb"><a href="./assistant">All assistants</a></p>'
    if told is None:
        return f"{back}<h1>{UNNAMED}</h1><p>Change what you like, try it, then make it. Documents come after that.</p>"
    about = escape(urlencode({"a": told["assistant"]}))
    bare = not told["documents"] and told["settings"]["passages"]
    links = "".join(
        f'<a class="tl-small{kind}" href="./{path}?{about}">{escape(name)}</a>'
        for name, path, kind in (
            ("Chat", "", ""),
            (_documents(told, none="Add documents"), "documents", " primary" if bare else ""),
            ("Feedback", "feedback", ""),
        )
    )
    empty = (
        '<p class="tl-quiet">It has no documents yet. Add some, and it answers from them with its sources.</p>'
        if bare
        else ""
    )
    return (
        f'{back}<div class="tl-head">{face(told["avatar"])}<h1>{escape(told["name"])}</h1>'
        f'<div class="tl-links">{links}</div></div>{empty}'
    )


def said(sentence: str, *, to: str = "") -> str:
    """What was just done, perhaps with a link to the assistant that came of it."""
    link = f' <a href="./assistant?{escape(urlencode({"a": to}))}">Open it</a>' if to else ""
    return f'<p class="tl-thanks" role="status">{escape(sentence)}{link}</p>'


def problem(sentence: str) -> str:
    """What is wrong with the field above."""
    return f'<p class="tl-problem" role="status">{escape(sentence)}</p>' if sentence else ""


def copying(told: Mapping[str, Any]) -> str:
    """What is asked before an assistant is duplicated: what the copy gets, and what it does not."""
    return (
        f"Make a copy of {told['name']}? It gets the settings and the documents. What people said stays behind: "
        "conversations, ratings, corrected answers and trained versions. To take corrected and liked answers along, "
        "export the assistant, and import the file."
    )


def going(told: Mapping[str, Any]) -> str:
    """What is asked before an assistant is deleted: what goes with it."""
    counts = (
        (told["documents"], "document", ""),
        (told["conversations"], "conversation", ""),
        (told["feedback"], "piece of feedback", "pieces of feedback"),
        (told["versions"], "trained version", ""),
    )
    parts = [counted(count, one, several) for count, one, several in counts if count]
    with_it = f" With it go {', '.join(parts)}." if parts else ""
    return f"Delete {told['name']}?{with_it} This cannot be undone. Export it first if you may want it back."


def preview(
    turns: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]], *, name: str, avatar: str, greeting: str,
    examples: Sequence[str], live: str = "",
) -> str:  # fmt: skip
    """The preview's conversation: questions with answers and sources, then what is being written."""
    if not turns and not live:
        opening = thread_html.welcome(name=name or UNNAMED, greeting=greeting, examples=examples)
        return f'<div class="tl-opening">{face(avatar)}{opening}</div>'
    return f'<div class="tl-thread">{"".join(_turn(*turn) for turn in turns)}{live}</div>'


def _turn(question: str, text: str, given: Sequence[Mapping[str, Any]]) -> str:
    cited = [int(source["n"]) for source in given]
    return (
        f'{branches_html.question(question)}<article class="tl-answer"><div class="tl-text">'
        f"{markdown(text, citations=cited)}</div>{sources_html.sources('', given, place=None)}</article>"
    )


def _card(told: Mapping[str, Any], *, alone: bool) -> str:
    slug, name, about = told["assistant"], escape(told["name"]), escape(urlencode({"a": told["assistant"]}))
    avatar = face(told["avatar"])
    delete = "" if alone else button("Delete", do="delete", target=slug, confirm=going(told))
    return (
        f'<li><div class="tl-persona tl-whole">{avatar}<div><h3><a href="./assistant?{about}">{name}</a></h3>'
        f'<p class="tl-quiet">{escape(slug)} · {escape(_documents(told))} · {escape(version(told["adapter"]))}</p>'
        f"<p>{badge('for ' + WHO[told['settings']['access']])}</p></div>"
        f'<div class="tl-links"><a class="tl-small primary" href="./assistant?{about}">Edit</a>'
        f'<a class="tl-small" href="./?{about}">Chat</a>'
        f"{button('Duplicate', do='duplicate', target=slug, confirm=copying(told))}{delete}"
        "</div></div></li>"
    )


def _documents(told: Mapping[str, Any], *, none: str = "no documents") -> str:
    return counted(told["documents"], "document") if told["documents"] else none
