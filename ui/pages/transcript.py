"""A conversation as a markdown file for its owner: the questions, answers and sources of the line that goes on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ui.pages.thread import Exchange

NAME_CHARS = 60


def transcript(title: str, exchanges: Sequence[Exchange], *, assistant: str, day: str) -> str:
    """The text of the file. `day` is when the conversation began."""
    parts = [f"# {_line(title)}", f"A conversation with {_line(assistant)}, begun on {day}."]
    for exchange in exchanges:
        answer = exchange.answers[exchange.current]
        parts += ["## Question", exchange.question, "## Answer", answer.text or "(no words)"]
        if answer.sources:
            parts += ["### Sources", "\n".join(_source(source) for source in answer.sources)]
    return "\n\n".join(parts) + "\n"


def file_name(title: str) -> str:
    """A name for the file, of letters and digits."""
    words = re.sub(r"[^\w]+", "-", title.lower()).strip("-_")[:NAME_CHARS].strip("-_")
    return f"{words or 'conversation'}.md"


def _source(source: Mapping[str, Any]) -> str:
    where = " › ".join(_line(part) for part in (source["title"], source.get("heading")) if part)
    return f"- [{int(source['n'])}] {where}: “{_line(source['text'])}”"


def _line(text: object) -> str:
    return " ".join(str(text).split())
