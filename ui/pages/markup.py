"""Turns text into HTML that can only show it: everything is escaped here, markdown included.

Raw HTML in markdown shows as text, an image becomes a link, and no page loads anything from another host
because of what somebody wrote. Nothing here knows what the text is about.
"""

import re
from collections.abc import Container, Sequence
from functools import cache
from html import escape as _escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.claims import MARKS

DOUBT, END_OF_DOUBT = "\ufdd0", "\ufdd1"
"""Characters that stand for nothing: they carry the bounds of a doubt through the markdown parser."""
NO_DOUBT = {ord(DOUBT): "\ufffd", ord(END_OF_DOUBT): "\ufffd"}
LINK_SCHEMES = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


def escape(text: object) -> str:
    """The text as it stands, for between tags and for attributes in double quotes."""
    return _escape(str(text), quote=True)


def lines(text: str) -> str:
    """Plain text with its line breaks."""
    return escape(text).replace("\n", "<br>")


def markdown(text: str, *, citations: Sequence[int] = (), doubts: Sequence[tuple[int, int]] = ()) -> str:
    """A reply as HTML; a number in `[n]` that is in `citations` becomes a button that opens source n.

    `doubts` are spans of the text whose words are marked.
    """
    text = text.translate(NO_DOUBT)
    for start, end in reversed(doubts):
        text = f"{text[:start]}{DOUBT}{text[start:end]}{END_OF_DOUBT}{text[end:]}"
    html = str(_renderer().render(text, {"citations": frozenset(citations), "doubting": False}))
    return html.replace(DOUBT, "").replace(END_OF_DOUBT, "")


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
    known = env["citations"]

    def buttons(found: re.Match[str]) -> str:
        return "".join(_citation(int(n), known) for n in re.findall(r"\d+", found.group()))

    return _doubted(MARKS.sub(buttons, escape(tokens[index].content)), env)


def _citation(n: int, known: Container[int]) -> str:
    if n not in known:
        return f"[{n}]"
    return f'<button type="button" class="tl-cite" data-do="source" data-n="{n}" aria-label="Source {n}">{n}</button>'


def _doubted(html: str, env: dict[str, Any]) -> str:
    """The words with those in doubt marked; a doubt may begin in one token and end in another."""
    parts = []
    for part in re.split(f"([{DOUBT}{END_OF_DOUBT}])", html):
        if part in (DOUBT, END_OF_DOUBT):
            env["doubting"] = part == DOUBT
        elif part:
            parts.append(f'<span class="tl-doubt">{part}</span>' if env["doubting"] else part)
    return "".join(parts)


def _link_open(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return _anchor(tokens[index].attrGet("href"))


def _image(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return f"{_anchor(tokens[index].attrGet('src'))}{escape(tokens[index].content) or 'picture'}</a>"


def _anchor(address: object) -> str:
    return f'<a href="{escape(address or "")}" target="_blank" rel="noopener noreferrer nofollow">'
