"""Somebody who wants to read where an answer comes from: the source by its name, not by its number alone.

The default model cites by number before anybody says anything, so the number is half of what is wanted.
"""

import re
from collections.abc import Mapping
from typing import Any

from bench.loop_gain.preference import Answer, OverDocuments, finished
from bench.loop_gain.questions import Questions, answered


def questions() -> Questions:
    return Questions(answered(held_out=False), answered(held_out=True))


def documents(answer: Answer) -> list[Mapping[str, Any]]:
    """What of the sources is a document: nobody wants to read that something stands in a corrected answer."""
    return [source for source in answer.sources if not source.get("golden")]


def score(answer: Answer) -> float:
    """1 with a source's title and more than that, half with a number alone."""
    said = re.sub(r'"[^"]*"', " ", answer.text).casefold()
    titles = {source["title"].casefold() for source in documents(answer)}
    numbers = {str(source["n"]) for source in answer.sources}
    if any(title in said and len(said.split()) > len(title.split()) + 2 for title in titles):
        return 1.0
    return 0.5 if numbers & set(re.findall(r"\[(\d+)\]", answer.text)) else 0.0


def correct(answer: Answer) -> str:
    """The same answer, after the title of its source."""
    cited = re.findall(r"\[(\d+)\]", answer.text)
    found = documents(answer)
    source = next((one for one in found if str(one["n"]) in cited), found[0] if found else None)
    return f"According to {source['title']}: {finished(answer.text)}" if source else answer.text


PREFERENCE = OverDocuments(
    name="cites-source",
    wish="Say where that stands, by its name.",
    score=score,
    correct=correct,
    questions=questions,
)
