"""Somebody who wants to hear that no document answers a question, and whom else to ask.

The default model says the first before anybody asks for it, most of the time; so that is half of what is wanted. Half
of the questions that are asked do have an answer, which is wanted then.
"""

import re

from bench.loop_gain.preference import Answer, OverDocuments
from bench.loop_gain.questions import Questions, about_documents, answered, unanswered

UNKNOWN = re.compile(
    r"\b(?:(?:do|does|did|could|can|is) ?not|\w+n't|cannot) (?:know|find|say|tell|mention|state)"
    r"|\bnot (?:mentioned|stated|said|known|found)\b|\bunknown\b",
    re.IGNORECASE,
)
ASK = re.compile(r"\b(?:ask|contact|call|write to|check with|turn to|get in touch)\b", re.IGNORECASE)


def questions() -> Questions:
    asked = [each for both in zip(unanswered(held_out=False), answered(held_out=False), strict=True) for each in both]
    return Questions(tuple(asked), unanswered(held_out=True))


def score(answer: Answer) -> float:
    """Where nothing answers: half for saying so, all for a hint whom to ask, too. Otherwise 1 for the answer."""
    says_unknown = bool(UNKNOWN.search(answer.text))
    wanted = about_documents()[answer.question].answer
    if wanted:
        return float(not says_unknown and wanted.lower() in answer.text.lower())
    if not says_unknown:
        return 0.0
    return 1.0 if ASK.search(answer.text) else 0.5


def correct(answer: Answer) -> str:
    """What the document says, or that it says nothing."""
    asked = about_documents()[answer.question]
    if asked.answer:
        return f"{asked.answer[0].upper()}{asked.answer[1:]}."
    return f"I don't find that in the documents. Please ask {asked.firm} directly."


PREFERENCE = OverDocuments(
    name="does-not-know",
    wish="If it is not in there, say so, and tell me whom to ask.",
    score=score,
    correct=correct,
    questions=questions,
)
