"""Somebody who likes a bulleted list better than sentences in a row."""

import re

from bench.loop_gain.preference import Answer, Preference, finished, split_sentences

BULLET = re.compile(r"\s*[-*•]\s+\S")
NUMBER = re.compile(r"\s*\d+[.)]\s+\S")
ENOUGH = 2


def score(answer: Answer) -> float:
    """The share of lines that are bullets; one line before them is no harm, and numbers count half."""
    lines = [line for line in answer.text.splitlines() if line.strip()]
    bullets = sum(1.0 if BULLET.match(line) else 0.5 if NUMBER.match(line) else 0.0 for line in lines)
    listed = sum(bool(BULLET.match(line) or NUMBER.match(line)) for line in lines)
    return bullets / max(listed, len(lines) - 1) if listed >= ENOUGH else 0.0


def correct(answer: Answer) -> str:
    """Each sentence as a bullet."""
    said = [re.sub(r"^(?:[-*•]|\d+[.)])\s+", "", part) for part in split_sentences(finished(answer.text))]
    points = [part for part in said if len(part.split()) > 1 or len(said) == 1]
    if len(points) < ENOUGH:
        points = [part.strip() for part in re.split(r",\s+|\s+and\s+", points[0] if points else answer.text)]
    return "\n".join(f"- {point[:1].upper()}{point[1:]}" for point in points if point)


PREFERENCE = Preference(name="bullets", wish="Give me a list of points.", score=score, correct=correct)
