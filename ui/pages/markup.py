"""Turns text into HTML that can only show it: everything is escaped here, markdown included.

Raw HTML in markdown shows as text, an image becomes a link, and no page loads anything from another host
because of what somebody wrote. Nothing here knows what the text is about.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape as _escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

CITATION = re.compile(r"\[(\d{1,2})\]")
LINK_SCHEMES = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


def escape(text: object) -> str:
    """The text as it stands, for between tags and for attributes in double quotes."""
    return _escape(str(text), quote=True)


def lines(text: str) -> str:
    """Plain text with its line breaks."""
    return escape(text).replace("\n", "<br>")


def markdown(text: str, *, citations: Sequence[int] = ()) -> str:
    """A reply as HTML; `[n]` for an `n` in `citations` becomes a button that opens source n."""
    return str(_renderer().render(text, {"citations": frozenset(citations)}))


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": False}).enable(
        ["table", "strikethrough"]
    )
    renderer.disable(["html_block", "html_inline"])
    renderer.validateLink = _may_be_linked  # type: ignore[method-assign,assignment]  # how markdown-it-py wants it
    renderer.add_render_rule("text", _text)
    renderer.add_render_rule("link_open", _link_open)
    renderer.add_render_rule("image", _image)
    return renderer


def _may_be_linked(address: str) -> bool:
    return bool(LINK_SCHEMES.match(address.strip()))


def _text(_self: Any, tokens: Sequence[Token], index: int, _options: Any, env: dict[str, Any]) -> str:
    known = env.get("citations", frozenset())

    def button(found: re.Match[str]) -> str:
        n = int(found[1])
        if n not in known:
            return found[0]
        return (
            f'<button type="button" class="tl-cite" data-do="source" data-n="{n}" aria-label="Source {n}">{n}</button>'
        )

    return CITATION.sub(button, escape(tokens[index].content))


def _link_open(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return _anchor(tokens[index].attrGet("href"))


def _image(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return f"{_anchor(tokens[index].attrGet('src'))}{escape(tokens[index].content) or 'picture'}</a>"


def _anchor(address: object) -> str:
    return f'<a href="{escape(address or "")}" target="_blank" rel="noopener noreferrer nofollow">'
